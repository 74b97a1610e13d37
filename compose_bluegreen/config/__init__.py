"""The compose file and the command line as typed values.

Start with ``settings`` (the keys of ``x-bluegreen``) and ``project``; ``requests`` holds what each
command was asked for. Imports ``domain`` and pydantic.
"""
