"""How much goes into one statement."""

from __future__ import annotations

#: Rows that are inserted together: a statement takes 65,535 values, and no table of ours has sixty-five columns.
ROWS = 1_000
