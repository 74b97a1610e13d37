"""HAProxy: its configuration, its container, and the one session that steers it."""
