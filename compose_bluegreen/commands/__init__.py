"""One file for each verb, and the application that a user interface calls.

Start with ``application``, then ``up``. Imports everything below: ``inspection``, ``deployment``,
``steps``.
"""
