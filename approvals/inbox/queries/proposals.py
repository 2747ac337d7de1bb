"""Proposals that wait for somebody, and their own that are under way, as lines that join another query (S8).

Home and desk ask few things, however much there is of each: these rows have the columns of a query that they make anyway, and no query of
their own. Whether somebody may really answer is asked by the page of the proposal, of the same duties as the write.
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

ACCEPT, COUNTERSIGN, OWN = "accept", "countersign", "own"


@dataclass(frozen=True)
class Waiting:
    """One proposal as a list shows it to its reader.

    Args:
        what: `ACCEPT` or `COUNTERSIGN` where it waits for the reader, `OWN` where it is theirs and waits for somebody else.
        since: when it was proposed.
        until: when it lapses.
        whom: who has to act, where the reader has not: a person, or a role in words.
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
        """Its page."""
        return reverse("proposal", args=[self.pk])


def rows(actor: Actor, now: datetime, *, own: bool, most: int) -> QuerySet[Proposal]:
    """What waits for a person, what is soonest over first; for a union, each with what it is about (``called``) and all else as JSON (``told``), which `of` reads.

    Args:
        actor: whose it is; nobody answers for somebody else (S8).
        now: business time.
        own: whether what they proposed themself and is under way comes too.
        most: how many at most.
    """
    if actor.person is None:
        return Proposal.objects.none()
    me = actor.person.pk
    return rows_of(me, [me], [role.value for role in access.roles_held(actor, now)], now, own=own, most=most)


def rows_of(
    me: int | compiled_queries.Value,
    mine: list[int] | compiled_queries.Value,
    roles: list[str] | compiled_queries.Value,
    now: datetime,
    *,
    own: bool,
    most: int,
) -> QuerySet[Proposal]:
    """The same of one person, as a key and as keys, who acts in some roles."""
    needed = Q(among(roles, "needs")) if isinstance(roles, compiled_queries.Value) else Q(needs__in=roles)
    to_accept = Q(state=ProposalState.APPROVED, appointed=me)
    standing = Q(giver=me, taker=OuterRef("proposed_by")) | Q(taker=me, giver=OuterRef("proposed_by"))
    between = Delegation.objects.filter(standing).since(OuterRef("proposed_at"), now)
    unsigned = Q(state__in=(ProposalState.OPEN, ProposalState.AT_ONCE)) & needed
    to_sign = unsigned & ~Q(proposed_by=me) & ~Q(gains__contains=mine) & ~Q(loses__contains=mine) & ~Exists(between)
    theirs = Q(proposed_by=me) if own else Q(pk__in=[])
    found = Proposal.objects.unanswered().filter(to_accept | to_sign | theirs, lapses_at__gt=now)
    what = Case(When(to_accept, then=Value(ACCEPT)), When(to_sign, then=Value(COUNTERSIGN)), default=Value(OWN))
    told = JSONObject(
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
    return found.order_by("lapses_at", "pk").annotate(
        called=compiled_queries.annotation(Proposal, _called), told=Cast(told, CharField())
    )[:most]


def _called() -> Case:
    return Case(*(When(kind=one.code, then=one.called()) for one in kind.known()), output_field=CharField())


def of(pk: int, called: str | None, told: str) -> Waiting:
    """One row, read."""
    said: dict[str, Any] = json.loads(told)
    accepts = said["state"] == ProposalState.APPROVED
    return Waiting(
        pk,
        kind.of(said["kind"]).titled(said["target"], called or ""),
        said["what"],
        said["by"],
        datetime.fromisoformat(said["since"]),
        datetime.fromisoformat(said["until"]),
        said["tightens"],
        said["state"] == ProposalState.AT_ONCE,
        said["accepts"] if accepts else f"a {ROLE_WORDS[Role(said['needs'])].lower()}",
    )


def sentence(one: Waiting) -> str:
    """What is asked, or for whom it waits."""
    if one.what == ACCEPT:
        return "Two people want you to answer for this: accept or decline"
    if one.what == COUNTERSIGN:
        acts = "It acts already and lapses without a second signature" if one.acts else "It takes a second person"
        return f"{acts}: countersign or reject"
    return f"Waits for {one.whom}"


def soonest(found: Iterable[Waiting]) -> list[Waiting]:
    """Those first that are soonest over."""
    return sorted(found, key=lambda one: (one.until, one.pk))


__all__ = ["ACCEPT", "COUNTERSIGN", "OWN", "Waiting", "of", "rows", "rows_of", "sentence", "soonest"]
