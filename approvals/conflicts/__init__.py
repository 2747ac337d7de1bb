"""Conflict rules: what may not be held together (S6). `rule` is the language; it is pure, as are the library and what reads others' matrices."""
