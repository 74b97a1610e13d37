"""What is there now, and how it differs from history and from the compose file. Looks only.

Start with ``status``. Imports ``deployment`` and what is below it.
"""
