"""Fixtures of the tests of the controls."""

from tests.core.engine.toy_subject import doors

__all__ = ["doors"]
