"""Breakages of product code, kept as patches. Each names the tests that must fail with it: ``python -m tests.breakages``."""
