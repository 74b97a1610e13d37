"""The implementations of the ports, a folder for each system outside: Compose, HAProxy, history, system.

Start with the folder of the port that you need. Imports ``ports``, ``config``, ``domain`` and
``runtime``; the folders do not import each other, and only ``cli/composition`` imports them.
"""
