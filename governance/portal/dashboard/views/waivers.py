"""What home says of waivers: those that security may decide about, the reader's own, and what is held still after one (S7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.inbox.queries import waivers
from approvals.inbox.queries.waivers import Waiting
from governance.web.components import times

Shape = dict[str, Any]

#: Rows of each group; the rest is one click away.
MOST = 8


def to_decide(found: Iterable[Waiting]) -> Shape:
    """What waits for the reader."""
    rows = [_row(one, who=one.by) for one in waivers.longest(found) if one.what == waivers.DECIDE]
    return {
        "key": "waivers",
        "title": "Waivers",
        "words": "somebody asks that a conflict be allowed for a while",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": reverse("waiver_list"),
        "more_words": "See them all",
    }


def over(found: Iterable[Waiting]) -> Shape:
    """What was waived and is in conflict still: of whoever owns a part of it, and of security."""
    still = [one for one in waivers.longest(found) if one.what == waivers.OVER]
    rows = [{**_row(one, who=""), "text": _is_over(one), "due": one.due, "ends": "Resolve by"} for one in still]
    return {
        "key": "over",
        "title": "Waivers that are over",
        "words": "what they allowed is in conflict again",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": f"{reverse('conflict_list')}?show=again",
        "more_words": "See them all",
    }


def _is_over(one: Waiting) -> str:
    words = "the waiver is over and it is held still. Resolve it, or ask for one more"
    return f"{one.automation}: {words}" if one.automation else f"{words[0].upper()}{words[1:]}"


def own(found: Iterable[Waiting]) -> Shape:
    """What the reader asked for: nothing that needs them, and theirs to withdraw."""
    rows = [_row(one, who="") for one in waivers.longest(found) if one.what == waivers.OWN]
    return {"key": "asked", "title": "Waivers that you asked for", "words": "", "rows": rows[:MOST], "count": 0}


def _row(one: Waiting, *, who: str) -> Shape:
    asks = f"for {times.counted(one.days, 'day')}" + (": grant or refuse" if who else ", waits for security")
    return {
        "href": one.href,
        "seal": "none",
        "name": one.title,
        "text": f"{one.automation}, {asks}",
        "who": who,
        "since": one.since,
        **dict.fromkeys(("due", "level", "tier", "tags", "ends")),
    }
