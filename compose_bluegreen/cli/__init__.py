"""The command line: arguments, output, progress and exit codes.

Start with ``app`` (commands and their options) and ``composition`` (connects adapters and ports).
Imports ``commands`` and the layers below it.
"""
