"""HAProxy: its configuration, its container, and the session that sends it commands.

Start with ``proxy`` (the port ``Proxy``), ``lock`` (the port ``Lock``) and ``config`` (``haproxy.cfg``).
"""
