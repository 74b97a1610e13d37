"""One file a verb: the only door for a face (the command line, later a web page).

Start with ``up``. Imports everything below: ``inspection``, ``deployment``, ``steps``.
"""
