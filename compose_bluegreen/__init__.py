"""Release a Docker Compose application blue/green."""

__version__ = "0.1.0"
