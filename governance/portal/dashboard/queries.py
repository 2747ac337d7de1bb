"""Home's rows of many kinds in one query with the same columns, compiled once for each kind of reader."""

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

#: Most rows of each group and of my automations; a link leads to the others.
MOST = 8


@dataclass(frozen=True)
class AutomationLine:
    """One of the reader's automations."""

    pk: int
    name: str
    state: str
    approved: int | None
    submitted_at: datetime | None


def load_home(
    actor: Actor, person: Person, now: datetime
) -> tuple[
    list[AutomationLine],
    list[Ownerless],
    list[proposal_waiting.ProposalRow],
    list[waivers.WaiverRow],
    list[revocation_tasks.TaskRow],
    list[held_batches.BatchRow],
]:
    """Load the reader's automations, proposals, waivers, revocation tasks and paused mass revocations. One query.

    It also loads the ownerless things that the reader can assign.
    """
    roles = access.roles_held(actor, now)
    ask = _statement_for(
        decides=Role.SECURITY_REVIEWER in roles,
        answers=bool(set(ANSWERING) & roles),
        reach=ownership_queries.acts_on_all(actor, now),
    )
    rows = ask(
        me=person.pk,
        mine=[person.pk],
        acting=[person.pk for person in actor.people],
        people=access.answers_as(actor, now),
        roles=[role.value for role in roles],
        now=now,
    )
    columns = ("key", "called", "left", "number", "left_at")
    automations = [AutomationLine(*(row[name] for name in columns)) for row in rows if row["shown_kind"] == "mine"]
    lines = [(row["shown_kind"], (row["key"], row["called"], row["left"])) for row in rows]
    proposed = [proposal_waiting.parse_row(*columns_of_row) for kind, columns_of_row in lines if kind == "proposed"]
    waived = [waivers.parse_row(*columns_of_row) for kind, columns_of_row in lines if kind == "waiver"]
    held = [held_batches.parse_row(*columns_of_row) for kind, columns_of_row in lines if kind == "batch"]
    removed = [revocation_tasks.parse_row(*columns_of_row) for kind, columns_of_row in lines if kind == "revocation"]
    return (
        sorted(automations, key=lambda automation: (automation.name, automation.pk)),
        ownership_queries.items_of_rows(rows),
        proposed,
        waived,
        removed,
        held,
    )


@cache
def _statement_for(*, decides: bool, answers: bool, reach: bool | None) -> compiled_queries.Statement[dict[str, Any]]:
    """Compile the query of `load_home` for a kind of reader; parts that their roles can't see are left out."""
    return compiled_queries.Statement(partial(_union, decides=decides, answers=answers, reach=reach))


def _union(*, decides: bool, answers: bool, reach: bool | None) -> QuerySet[Any, dict[str, Any]]:
    me, mine, people, now = (
        compiled_queries.number("me"),
        compiled_queries.keys("mine"),
        compiled_queries.keys("people"),
        compiled_queries.NOW,
    )
    last = Submission.objects.filter(automation=OuterRef("pk")).order_by("-pk")
    columns = {"called": F("name"), "left": F("state"), "left_at": Subquery(last.values("submitted_at")[:1])}
    automations = Automation.objects.answered_by(mine, now).exclude(state=AutomationState.RETIRED)
    shown = automations.annotate(shown_kind=Value("mine"), key=F("pk"), number=F("approved_version__number"), **columns)
    proposed = proposal_waiting.proposals_for_person(
        me, mine, compiled_queries.texts("roles"), now, with_own=True, most=2 * MOST
    )
    to_waive = waivers.waivers_for(me, compiled_queries.keys("acting"), now, decides=decides, most=2 * MOST)
    others = [
        _lines(proposed, "proposed", "proposed_at"),
        _lines(to_waive, "waiver", "asked_at"),
        _lines(waivers.conflicts_after_waiver(mine, now, decides=decides, most=2 * MOST), "waiver", "opened_at"),
        _lines(revocation_tasks.tasks_for(people, most=2 * MOST), "revocation", "opened_at"),
        _lines(held_batches.unanswered_batches(me, answers=answers, most=2 * MOST), "batch", "opened_at"),
    ]
    if reach is not None:
        others += ownership_queries.ownerless_rows(people, now, everything=reach, most=MOST + 1)
    return shown.values(*ownership_queries.COLUMNS).order_by("name", "pk")[:MOST].union(*others, all=True)


def _lines(rows: QuerySet[Any], kind: str, since: str) -> QuerySet[Any, dict[str, Any]]:
    """Rows of another kind with the common columns."""
    columns = {"left": F("told"), "left_at": F(since), "number": ownership_queries.NOTHING}
    return rows.annotate(shown_kind=Value(kind), key=F("pk"), **columns).values(*ownership_queries.COLUMNS)
