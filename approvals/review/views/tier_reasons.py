"""The icon that stands beside a reason of a tier (T2), by a word of it: the same in the preview and in the review.

Why something is as risky as it is, for pages: what is said of several privileges is said once (T2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from approvals.review.views.reader import Shape

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


def grouped(reasons: Iterable[str], sentences: Sequence[str]) -> list[Shape]:
    """The reasons of a tier as ``components/reasons.html`` takes them.

    Args:
        reasons: as they were judged, each of one privilege beginning with its sentence.
        sentences: of all privileges that they may be about.
    """
    said: dict[str, list[str]] = {}
    for reason in reasons:
        of = next((sentence for sentence in sentences if reason.startswith(f"{sentence}: ")), "")
        said.setdefault(reason.removeprefix(f"{of}: "), []).append(of)
    return [
        {
            "icon": icon_of(why),
            "lead": f"{len(of)} privileges." if len(of) > 1 else "",
            "text": f"{of[0]}: {why}" if len(of) == 1 and of[0] else why,
        }
        for why, of in said.items()
    ]
