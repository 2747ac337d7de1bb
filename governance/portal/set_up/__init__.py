"""The first day: what an organisation needs before its first automation, and what is still missing (S9, P1)."""
