"""The outside. Only ``cli/wiring.py`` knows what is in here."""
