"""Fixtures of the tests of the controls."""

from tests.controls.toy import doors

__all__ = ["doors"]
