"""How fast a release is, next to what it could be: `python -m bench` prints a table.

Every figure is measured beside what it is compared with, in turns on the same machine, for a
machine is never as quiet as one thinks. It releases for real: Docker, Compose, HAProxy, the plugin.
"""
