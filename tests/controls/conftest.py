"""Fixtures of the tests of the controls."""

from tests.people import northwind

__all__ = ["northwind"]
