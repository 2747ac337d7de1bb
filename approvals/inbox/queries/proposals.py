"""Proposals that wait for the reader and open proposals of their own, as rows that join another query (S8).

Home and inbox need a fixed number of queries, so these rows have the columns of a query that runs anyway.
The proposal's page checks whether the reader may really answer, by the duties of the write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Cast, JSONObject
from django.urls import reverse

from approvals.models import Proposal, ProposalState
from approvals.proposals.kinds import kind
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.database.key_filters import among
from governance.core.models import Delegation
from governance.core.roles.roles import ROLE_WORDS, Role

ACCEPT, COUNTERSIGN, PROPOSED = "accept", "countersign", "own"


@dataclass(frozen=True)
class ProposalRow:
    """One proposal as a list shows it.

    Args:
        what: `ACCEPT` or `COUNTERSIGN` if the reader has to act, `PROPOSED` if the reader proposed it and others have to act.
        since: when it was proposed.
        until: when it lapses.
        whom: the person, or the role in words, that has to act in place of the reader.
    """

    pk: int
    title: str
    what: str
    by: str
    since: datetime
    until: datetime
    tightens: bool
    acts: bool
    whom: str

    @property
    def href(self) -> str:
        """URL of its page."""
        return reverse("proposal", args=[self.pk])


def proposals_for(actor: Actor, now: datetime, *, with_own: bool, most: int) -> QuerySet[Proposal]:
    """Proposals that wait for a person, soonest lapse first, as rows for a union.

    Each has its target (``called``) and the other columns as JSON (``told``), which `parse_row` parses.

    Args:
        actor: the reader; proposals know no delegates (S8).
        now: business time.
        with_own: whether the reader's own open proposals are included.
        most: maximum number of rows.
    """
    if actor.person is None:
        return Proposal.objects.none()
    me = actor.person.pk
    return proposals_for_person(
        me, [me], [role.value for role in access.roles_held(actor, now)], now, with_own=with_own, most=most
    )


def proposals_for_person(
    me: int | compiled_queries.Value,
    mine: list[int] | compiled_queries.Value,
    roles: list[str] | compiled_queries.Value,
    now: datetime,
    *,
    with_own: bool,
    most: int,
) -> QuerySet[Proposal]:
    """`proposals_for` for one person, given as a key and as a list of keys, and their roles."""
    needed = Q(among(roles, "needs")) if isinstance(roles, compiled_queries.Value) else Q(needs__in=roles)
    to_accept = Q(state=ProposalState.APPROVED, appointed=me)
    delegation = Q(giver=me, taker=OuterRef("proposed_by")) | Q(taker=me, giver=OuterRef("proposed_by"))
    between = Delegation.objects.filter(delegation).since(OuterRef("proposed_at"), now)
    unsigned = Q(state__in=(ProposalState.OPEN, ProposalState.AT_ONCE)) & needed
    to_sign = unsigned & ~Q(proposed_by=me) & ~Q(gains__contains=mine) & ~Q(loses__contains=mine) & ~Exists(between)
    theirs = Q(proposed_by=me) if with_own else Q(pk__in=[])
    proposals = Proposal.objects.unanswered().filter(to_accept | to_sign | theirs, lapses_at__gt=now)
    what = Case(When(to_accept, then=Value(ACCEPT)), When(to_sign, then=Value(COUNTERSIGN)), default=Value(PROPOSED))
    details = JSONObject(
        what=what,
        kind="kind",
        target="target",
        state="state",
        needs="needs",
        tightens="tightens",
        by="proposed_by__name",
        accepts="appointed__name",
        since="proposed_at",
        until="lapses_at",
    )
    return proposals.order_by("lapses_at", "pk").annotate(
        called=compiled_queries.annotation(Proposal, _called), told=Cast(details, CharField())
    )[:most]


def _called() -> Case:
    return Case(
        *(When(kind=proposal_kind.code, then=proposal_kind.called()) for proposal_kind in kind.all_kinds()),
        output_field=CharField(),
    )


def parse_row(pk: int, called: str | None, details_json: str) -> ProposalRow:
    """Parse one row."""
    row: dict[str, Any] = json.loads(details_json)
    accepts = row["state"] == ProposalState.APPROVED
    return ProposalRow(
        pk,
        kind.kind_of(row["kind"]).titled(row["target"], called or ""),
        row["what"],
        row["by"],
        datetime.fromisoformat(row["since"]),
        datetime.fromisoformat(row["until"]),
        row["tightens"],
        row["state"] == ProposalState.AT_ONCE,
        row["accepts"] if accepts else f"a {ROLE_WORDS[Role(row['needs'])].lower()}",
    )


def action_sentence(proposal: ProposalRow) -> str:
    """Say what the reader has to do, or who has to act."""
    if proposal.what == ACCEPT:
        return "Two people want you to answer for this: accept or decline"
    if proposal.what == COUNTERSIGN:
        acts = "It acts already and lapses without a second signature" if proposal.acts else "It takes a second person"
        return f"{acts}: countersign or reject"
    return f"Waits for {proposal.whom}"


def sort_by_lapse(proposals: Iterable[ProposalRow]) -> list[ProposalRow]:
    """Sort by the instant at which they lapse."""
    return sorted(proposals, key=lambda proposal: (proposal.until, proposal.pk))


__all__ = [
    "ACCEPT",
    "COUNTERSIGN",
    "PROPOSED",
    "ProposalRow",
    "action_sentence",
    "parse_row",
    "proposals_for",
    "proposals_for_person",
    "sort_by_lapse",
]
