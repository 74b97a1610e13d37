"""The mixes of requests that the tests of the load generator use."""

from testkit.load import Mix

ALL = Mix(new_per_s=50, keep_alive=2, long_per_s=10, long_ms=50, posts_per_s=20, downloads_per_s=5)
NEW = Mix.only(new_per_s=100)
KEPT = Mix.only(keep_alive=3)
POSTS = Mix.only(posts_per_s=100)
SOCKET = Mix.only(web_sockets=1, messages_per_s=200)
