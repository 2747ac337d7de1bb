"""What home reads of many sorts of things in one query, as lines of the same columns, compiled once for each sort of reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Value

from approvals.inbox.queries import held_batches, revocation_tasks, waivers
from approvals.inbox.queries import proposals as proposal_waiting
from approvals.models import Submission
from approvals.models.circuit_breaker import ANSWERING
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.models import Person
from governance.core.roles.roles import Role
from inventory.models import Automation, AutomationState
from inventory.ownership import queries as ownership_queries
from inventory.ownership.queries import Ownerless

#: Rows of each group of home and of my automations; the rest is one click away.
MOST = 8


@dataclass(frozen=True)
class Mine:
    """What a row says of one of the reader's automations."""

    pk: int
    name: str
    state: str
    approved: int | None
    submitted_at: datetime | None


def read(
    actor: Actor, person: Person, now: datetime
) -> tuple[
    list[Mine],
    list[Ownerless],
    list[proposal_waiting.Waiting],
    list[waivers.Waiting],
    list[revocation_tasks.Waiting],
    list[held_batches.Waiting],
]:
    """The reader's automations, what nobody answers for that they can do something about, proposals, waivers, revocations, batches: one query."""
    roles = access.roles_held(actor, now)
    ask = _everything(
        decides=Role.SECURITY_REVIEWER in roles,
        answers=bool(set(ANSWERING) & roles),
        reach=ownership_queries.reach(actor, now),
    )
    rows = ask(
        me=person.pk,
        mine=[person.pk],
        acting=[one.pk for one in actor.people],
        people=access.answers_as(actor, now),
        roles=[role.value for role in roles],
        now=now,
    )
    columns = ("key", "called", "left", "number", "left_at")
    own = [Mine(*(row[name] for name in columns)) for row in rows if row["shown_kind"] == "mine"]
    waits = [(row["shown_kind"], (row["key"], row["called"], row["left"])) for row in rows]
    found = [proposal_waiting.of(*told) for kind, told in waits if kind == "proposed"]
    asked = [waivers.of(*told) for kind, told in waits if kind == "waiver"]
    back = [held_batches.of(*told) for kind, told in waits if kind == "batch"]
    left = [revocation_tasks.of(*told) for kind, told in waits if kind == "revocation"]
    return sorted(own, key=lambda one: (one.name, one.pk)), ownership_queries.of_rows(rows), found, asked, left, back


@cache
def _everything(*, decides: bool, answers: bool, reach: bool | None) -> compiled_queries.Statement[dict[str, Any]]:
    """What `read` asks, compiled once for each sort of reader: what no role of theirs would find is not looked for."""
    return compiled_queries.Statement(partial(_union, decides=decides, answers=answers, reach=reach))


def _union(*, decides: bool, answers: bool, reach: bool | None) -> QuerySet[Any, dict[str, Any]]:
    me, mine, people, now = (
        compiled_queries.number("me"),
        compiled_queries.keys("mine"),
        compiled_queries.keys("people"),
        compiled_queries.NOW,
    )
    last = Submission.objects.filter(automation=OuterRef("pk")).order_by("-pk")
    told = {"called": F("name"), "left": F("state"), "left_at": Subquery(last.values("submitted_at")[:1])}
    own = Automation.objects.answered_by(mine, now).exclude(state=AutomationState.RETIRED)
    shown = own.annotate(shown_kind=Value("mine"), key=F("pk"), number=F("approved_version__number"), **told)
    proposed = proposal_waiting.rows_of(me, mine, compiled_queries.texts("roles"), now, own=True, most=2 * MOST)
    to_waive = waivers.rows(me, compiled_queries.keys("acting"), now, decides=decides, most=2 * MOST)
    others = [
        _lines(proposed, "proposed", "proposed_at"),
        _lines(to_waive, "waiver", "asked_at"),
        _lines(waivers.over(mine, now, decides=decides, most=2 * MOST), "waiver", "opened_at"),
        _lines(revocation_tasks.rows(people, most=2 * MOST), "revocation", "opened_at"),
        _lines(held_batches.rows(me, answers=answers, most=2 * MOST), "batch", "opened_at"),
    ]
    if reach is not None:
        others += ownership_queries.parts(people, now, everything=reach, most=MOST + 1)
    return shown.values(*ownership_queries.COLUMNS).order_by("name", "pk")[:MOST].union(*others, all=True)


def _lines(rows: QuerySet[Any], kind: str, since: str) -> QuerySet[Any, dict[str, Any]]:
    """Rows of another kind, as lines of the same columns."""
    told = {"left": F("told"), "left_at": F(since), "number": ownership_queries.NOTHING}
    return rows.annotate(shown_kind=Value(kind), key=F("pk"), **told).values(*ownership_queries.COLUMNS)
