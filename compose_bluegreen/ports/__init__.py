"""What the core needs from outside: one protocol a file, and ``context``, which carries them.

Adapters implement these protocols; tests replace them by fakes. Imports ``domain``.
"""
