"""A deterministic simulator: several commands at once over the fakes, and what goes wrong meanwhile.

Start with ``simulation.py`` (one schedule), then ``scheduler.py``. README.md has the whole of it.
"""
