"""The values and states of this plugin, without any I/O.

Start with ``deployment``, ``states`` and ``release``; ``topology`` describes the proxy.
Imports the standard library only.
"""
