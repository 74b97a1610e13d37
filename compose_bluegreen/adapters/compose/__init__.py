"""Docker and Docker Compose: commands by python-on-whales, looks by the docker SDK.

Start with ``client`` (acts) and ``engine`` (looks).
"""
