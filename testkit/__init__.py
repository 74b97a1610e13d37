"""What tests and benchmarks share: fakes, a load generator, and a project on a real engine.

Start with ``fakes/site.py`` (a project whose outside is fake) or ``stage.py`` (a project on the
engine). Imports the product, and neither ``tests`` nor ``bench``. Wheels do not contain it.
"""
