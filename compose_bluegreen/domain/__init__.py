"""What things are: values and states, without any I/O.

Start with ``deployment``, ``states`` and ``release``; ``topology`` is what the proxy must know.
Imports the standard library only.
"""
