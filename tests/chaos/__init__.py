"""Cables pulled and signals sent at random moments, on a real station process."""
