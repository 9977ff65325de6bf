"""The folder in which these tests' pipelines run."""

from tests.executors.running import folder

__all__ = ["folder"]
