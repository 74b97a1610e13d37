"""Reads what runs now, and finds how it differs from history and from the proxy. Changes nothing.

Start with ``status``. Imports ``deployment`` and what is below it.
"""
