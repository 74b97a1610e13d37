"""Interfaces for everything outside the core, one protocol per file, and the context with all of them.

Start with ``context``. Adapters implement these protocols; tests use fakes instead.
Imports ``domain``.
"""
