"""The pages: each module has ``PAGES``."""
