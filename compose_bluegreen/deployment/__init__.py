"""Whole deployments: their order, those that wait, those that were interrupted, and recovery.

Start with ``pipeline``, which reads as one page. Imports ``steps`` and what is below it.
"""
