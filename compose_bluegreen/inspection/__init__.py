"""What runs now, and how it differs from history and from the compose file. Changes nothing.

Start with ``status``. Imports ``deployment`` and what is below it.
"""
