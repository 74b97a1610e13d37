"""HAProxy: its configuration, its container, and the session that sends it commands.

Start with ``proxy`` (the ports ``Proxy`` and ``Lock``) and ``config`` (writes ``haproxy.cfg``).
"""
