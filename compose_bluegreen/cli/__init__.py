"""The command line: one file a command, arguments, output, progress and exit codes.

Start with ``up`` (its options, its help and its one call) and ``app`` (finds the commands).
``composition`` connects adapters and ports. Imports ``commands`` and the layers below it.
"""
