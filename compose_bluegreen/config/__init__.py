"""The compose file and the command line as typed values.

Start with ``settings`` (the keys of ``x-bluegreen``) and ``project``; ``requests`` has one type for
each command. Imports ``domain`` and pydantic.
"""
