"""Whole deployments: their order, pending and interrupted deployments, and recovery.

Start with ``pipeline``, which reads as one page. Imports ``steps`` and what is below it.
"""
