"""Rows that somebody with the application's own role writes without an event: each is refused, or found by the verifier (H1)."""
