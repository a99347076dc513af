"""The station agent: one computer at a flashing jig that provisions boards."""

__version__ = "0.1.0"
