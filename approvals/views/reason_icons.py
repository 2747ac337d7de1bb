"""The icon that stands beside a reason of a tier (T2), by a word of it: the same in the preview and in the review."""

from __future__ import annotations

#: The first that fits.
ICONS = (
    ("more than low", "check"),
    ("joined with", "branch"),
    ("calls something", "question"),
    ("model", "robot"),
    ("start", "globe"),
    ("recogni", "question"),
    ("credential", "key"),
    ("same identity", "key"),
    ("runs", "terminal"),
    ("raised", "person"),
    ("touches", "database"),
    ("only reads", "eye"),
    ("read", "eye"),
)


def icon_of(reason: str) -> str:
    """The name of its icon."""
    lowered = reason.lower()
    return next((icon for word, icon in ICONS if word in lowered), "pen")
