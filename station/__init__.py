"""The station agent: one computer at a flashing jig that provisions boards."""

from station import late_imports

late_imports.install()  # before anything imports pydantic, SQLAlchemy or httpx

__version__ = "0.1.0"
