"""One file for each verb: what a face calls (the command line, later a web page).

Start with ``up``. Imports everything below: ``inspection``, ``deployment``, ``steps``.
"""
