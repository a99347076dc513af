"""Bytes and devices. Knows nothing of stations, APIs or journals."""
