"""One file for each command: a user interface (the command line, later a web page) calls these functions.

Start with ``application``, then ``up``. Imports everything below: ``inspection``, ``deployment``,
``steps``.
"""
