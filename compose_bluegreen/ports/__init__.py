"""What the core needs from outside: one protocol a file, and ``context``, which carries them.

Start with ``context``. Adapters implement these protocols; tests replace them by fakes.
Imports ``domain``.
"""
