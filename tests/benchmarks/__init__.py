"""Benchmarks: counts, bytes and CPU of the busiest pages, never a timed test."""
