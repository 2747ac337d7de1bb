"""People and groups as a directory describes them, and what follows for people here (P1)."""
