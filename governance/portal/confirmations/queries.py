"""What one reader may confirm: appointments and resources. Rules and policies are countersigned on their own pages, where there is more to read."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q

from approvals.inbox.queries import tasks
from approvals.models import Proposal, ProposalState, WhatIf
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from governance.core.access import Actor, access
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Transition
from governance.core.roles.roles import Role
from inventory.models import NextStep, Resource
from inventory.resources.transitions import resources

#: Most rows of the page.
MOST: Final = 100
#: Operation and heading of each step of a resource that needs no further answer.
STEPS: Final[dict[str, tuple[Transition[Any], str]]] = {
    NextStep.ACCEPT: (resources.accept_ownership, "Accept to own"),
    NextStep.ACTIVATE: (resources.activate, "Activate"),
}
#: Ends of the target of a proposal of a role that decides for others or appoints them.
WEIGHTY: Final = tuple(f"-{role}" for role in (Role.ADMIN, Role.SECURITY_REVIEWER))
#: Seats of a document that names several people, in words.
SEATS: Final = {"owner": "owner", "deputy": "backup approver"}


@dataclass(frozen=True)
class Confirmation:
    """One operation that the reader may confirm.

    Args:
        group: its heading: what the reader does.
        key: its name in the form.
        name, text: who or what, and what becomes of them.
        why: who proposed it, and their reason.
        href: page with all of it.
        row, verb: the operation and its subject.
        digest: of an appointment, for what was shown (A6).
        is_weighty: whether it gives a role over the portal itself, so that it is ticked by hand.
    """

    group: str
    key: str
    name: str
    text: str
    why: str
    href: str
    row: Proposal | Resource
    verb: Transition[Any]
    digest: str = ""
    is_weighty: bool = False

    @property
    def value(self) -> str:
        """What the form sends for it: another one, if anything that was shown changes (A6)."""
        shown = "\n".join((self.name, self.text, self.why, self.digest))
        return f"{self.key}:{hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def confirmations(actor: Actor, now: datetime) -> list[Confirmation]:
    """Return what the reader may confirm, what they countersign first. The rows are bounded, and so are the queries."""
    return [*_appointments(actor, now), *_resources(actor, now)]


def _appointments(actor: Actor, now: datetime) -> Iterator[Confirmation]:
    me = actor.person
    if me is None:
        return
    wanted = Q(state=ProposalState.APPROVED, appointed=me)
    if roles := access.roles_held(actor, now) & kind_kind.countersigners():
        wanted |= tasks.countersignable(me, roles, now)
    is_counted = WhatIf.objects.filter(proposal=OuterRef("pk"), round=OuterRef("round"), finished_at__isnull=False)
    under_way = Proposal.objects.unanswered().filter(wanted, Exists(is_counted), appointed__isnull=False)
    in_time = under_way.filter(lapses_at__gt=now).select_related("appointed", "proposed_by", "reason")
    proposals = list(in_time.order_by(F("state").desc(), "kind", "pk")[: MOST + 1])
    targets = grouped((proposal.kind, proposal.target) for proposal in proposals)
    subjects = {(code, some): each for code in targets for some, each in _subjects(code, targets[code])}
    for proposal in proposals:
        if (subject := subjects.get((proposal.kind, proposal.target))) is None or proposal.appointed is None:
            continue  # what it was about is gone
        is_answered = proposal.state == ProposalState.APPROVED
        verb = proposal_transitions.accept if is_answered else proposal_transitions.approve
        reason = f": {proposal.reason.shown}" if proposal.reason is not None else ""
        yield Confirmation(
            group="Accept" if is_answered else "Countersign",
            key=f"proposal-{proposal.pk}",
            name=proposal.appointed.name,
            text=_appointment_words(proposal, subject.what),
            why=f"Proposed by {proposal.proposed_by.name}{reason}",
            href=proposal.href,
            row=proposal,
            verb=verb,
            digest=proposal.digest,
            is_weighty=not is_answered and (proposal.kind == "fallback_owner" or proposal.target.endswith(WEIGHTY)),
        )


def _subjects(code: str, targets: list[str]) -> Iterator[tuple[str, kind_kind.Subject]]:
    yield from kind_kind.kind_of(code).subjects(targets).items()


def _appointment_words(proposal: Proposal, what: str) -> str:
    """What the person becomes: "Lead of Finance", or "Owner of CRM"."""
    seats = [words for seat, words in SEATS.items() if proposal.document.get(seat) == proposal.appointed_id]
    words = f"{seats[0]} of {what}" if seats else what
    return f"{words[:1].upper()}{words[1:]}"


def _resources(actor: Actor, now: datetime) -> Iterator[Confirmation]:
    answerable = Q(unresolved=False) & (Q(named_owner__isnull=False) | Q(owner__isnull=False) & ~Q(data_class=""))
    waiting = tasks.waiting_resources(actor, now).filter(answerable)
    for row in waiting.select_related("team", "deputy", "named_deputy")[: MOST + 1]:
        if row.next_step not in STEPS:
            continue
        verb, group = STEPS[row.next_step]
        owner, deputy = row.named_owner or row.owner, row.named_deputy or row.deputy
        people = f"owner {owner}, backup approver {deputy}, team {row.team or 'none'}"
        by = f"Proposed by {row.proposed_by.name}" if row.proposed_by is not None else ""
        yield Confirmation(
            group=group,
            key=f"resource-{row.pk}-{row.next_step}",
            name=row.name,
            text=f"{row.get_kind_display()}, {row.get_data_class_display().lower() or 'no data class'}, {row.environment}: {people}",
            why=by,
            href=row.href,
            row=row,
            verb=verb,
        )
