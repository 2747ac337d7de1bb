"""Home's groups of waivers: for security to decide, ended ones with a conflict, and the reader's own (S7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.inbox.queries import waivers
from approvals.inbox.queries.waivers import WaiverRow
from governance.web.components import times

Shape = dict[str, Any]

#: Most rows of each group; a link leads to the others.
MOST = 8


def waivers_to_decide(waiting: Iterable[WaiverRow]) -> Shape:
    """Group of waivers to decide."""
    rows = [_row(waiver, who=waiver.by) for waiver in waivers.sort_by_age(waiting) if waiver.what == waivers.DECIDE]
    return {
        "key": "waivers",
        "title": "Waivers",
        "words": "somebody asks that a conflict be allowed for a while",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": reverse("waiver_list"),
        "more_words": "See them all",
    }


def ended_waivers(waiting: Iterable[WaiverRow]) -> Shape:
    """Group of ended waivers with an open conflict, for its owners and for security."""
    still = [waiver for waiver in waivers.sort_by_age(waiting) if waiver.what == waivers.ENDED]
    rows = [
        {**_row(waiver, who=""), "text": _over_words(waiver), "due": waiver.due, "ends": "Resolve by"}
        for waiver in still
    ]
    return {
        "key": "over",
        "title": "Waivers that are over",
        "words": "what they allowed is in conflict again",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": f"{reverse('conflict_list')}?show=again",
        "more_words": "See them all",
    }


def _over_words(waiver: WaiverRow) -> str:
    words = "the waiver is over and it is held still. Resolve it, or ask for one more"
    return f"{waiver.automation}: {words}" if waiver.automation else f"{words[0].upper()}{words[1:]}"


def own_waivers(waiting: Iterable[WaiverRow]) -> Shape:
    """Group of the reader's own waivers, to withdraw; they are no tasks."""
    rows = [_row(waiver, who="") for waiver in waivers.sort_by_age(waiting) if waiver.what == waivers.REQUESTED]
    return {"key": "asked", "title": "Waivers that you asked for", "words": "", "rows": rows[:MOST], "count": 0}


def _row(waiver: WaiverRow, *, who: str) -> Shape:
    asks = f"for {times.counted(waiver.days, 'day')}" + (": grant or refuse" if who else ", waits for security")
    return {
        "href": waiver.href,
        "seal": "none",
        "name": waiver.title,
        "text": f"{waiver.automation}, {asks}",
        "who": who,
        "since": waiver.since,
        **dict.fromkeys(("due", "level", "tier", "tags", "ends")),
    }
