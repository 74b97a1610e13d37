"""What keeps the documentation true: tables made from the code, excerpts made by running commands.

Start reading in ``__main__.py``. This package may import all of ``compose_bluegreen``, and nothing
imports it but its tests.
"""
