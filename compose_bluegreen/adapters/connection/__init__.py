"""The connection to the Docker engine: which engine ``docker`` would talk to, and how it is reached.

Start with ``client``. An engine behind ``ssh://`` is reached through one ssh login for each command, which
the docker SDK, ``docker`` and ``docker compose`` share.
"""
