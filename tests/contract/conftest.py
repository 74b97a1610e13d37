"""The real ground stands on the stages of the end-to-end tests."""

from tests.e2e.conftest import engine, sample, signals, stages

__all__ = ["engine", "sample", "signals", "stages"]
