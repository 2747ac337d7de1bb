"""That somebody has left who decides something, as something that is proposed (S8, R8).

One admin alone could else empty a ladder until a friend is next. Proposed, it may keep the person out at once, which takes away and gives nobody
anything: they are asked as before, and nobody in their place, until a second admin says so too. What a source of people says is believed as it is,
and so is one admin of somebody who decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.db.models.expressions import Combinable
from django.urls import reverse

from approvals.models import ApprovalState, Candidate, Proposal, ProposalState
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals.kinds.kind import About, Document, Given, Kind, Span, named
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Step
from governance.core.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.people.transitions import admins_left, keep_out, leave, let_in
from inventory.models import InterimOwner, Resource, ResourceState

#: Records that wait for an answer, or will.
UNDECIDED = (ApprovalState.WAITING, ApprovalState.OPEN, ApprovalState.CHANGES_ASKED)


def deciding(person: Person, now: datetime) -> bool:
    """Whether somebody holds what decides something: a role, a team's lead, a fallback owner's place, a resource, also only meanwhile. One query."""
    roles = RoleAssignment.objects.filter(Q(until=None) | Q(until__gt=now), person=person)
    leads = Team.objects.filter(Q(lead=person) | Q(deputy_lead=person))
    fallback = Membership.objects.filter(person=person, team__kind=TeamKind.FALLBACK)
    owned = Resource.objects.filter(Q(owner=person) | Q(deputy=person)).exclude(state=ResourceState.RETIRED)
    meanwhile = InterimOwner.objects.filter(Q(until=None) | Q(until__gt=now), person=person, ended_at=None)
    found = [one.order_by().values("pk")[:1] for one in (roles, leads, fallback, owned, meanwhile)]
    return found[0].union(*found[1:], all=True).exists()


def _by_two(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    if not deciding(subject, now):
        return None
    signed = Proposal.objects.filter(kind=Leaving.code, target=str(subject.pk), state=ProposalState.IN_FORCE)
    if signed.filter(ended_at=now).exists():
        return None
    sentence = f"{subject.name} decides something, so two admins record that they left."
    return Refusal("S8", "duty", sentence, "Propose it: it keeps them out at once, and a second admin countersigns it.")


BY_TWO = Duty("S8", "S8", "Who decides something is recorded as gone by two admins.", _by_two)


class Leaving(Kind):
    """That somebody has left: their key, ``{"left": true}``; a second admin countersigns."""

    code = "leaving"
    title = "Leaving"
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """The person."""
        keys = {int(target): target for target in targets if target.isdecimal() and len(target) < 18}
        people = Person.objects.in_bulk(keys)
        return {keys[pk]: About("Has left", reverse("person", args=[pk]), one.name) for pk, one in people.items()}

    def called(self) -> Combinable:
        """The person's name."""
        return named(Person.objects.all(), "name")

    def titled(self, target: str, called: str) -> str:
        """That the person has left."""
        return f"Has left: {called}"

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Whether they have."""
        return {"left": not Person.objects.get(pk=int(target)).is_here}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Only that they have: who comes back is entered anew."""
        if document.get("left") is not True:
            return Given(problems=(Problem(0, "left", "What is proposed is that they left.", "Say so."),))
        return Given({"left": True})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Here, and then not: nobody gets anything by it that two people did not give them."""
        return () if before == after else (Change("left", "Where they are", "here", "gone", tightens=True),)

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """The person: rejecting it lets them in again."""
        return frozenset({int(target)})

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """The last two admins stay, since one alone could give no role (S9)."""
        return admins_left(Person.objects.get(pk=int(target)), now)

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """What waits for them and would pass to whoever is next."""
        asked = Candidate.objects.filter(person=int(span.target), seat__approval__state__in=UNDECIDED)
        count = asked.values("seat__approval").distinct().count()
        owned = Resource.objects.filter(owner=int(span.target), state=ResourceState.ACTIVE).count()
        said = [
            f"{count:,} record{'' if count == 1 else 's'} that nobody has decided {'was' if count == 1 else 'were'} put to them:"
            " whoever is next on the ladder is asked then, and not before."
        ]
        if owned:
            said.append(f"{owned:,} resource{'' if owned == 1 else 's'} would have no owner who is here.")
        return said

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Keep them out until a second admin has answered; then they have left."""
        person = Person.objects.get(pk=int(proposal.target))
        if proposal.state == ProposalState.AT_ONCE and proposal.acting_until is not None:
            keep_out(person, actor=step.actor, now=step.now, until=proposal.acting_until)
        elif person.left_at is None:
            leave(person, actor=step.actor, now=step.now)
        return {"person": person.pk}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Let them in again."""
        person = Person.objects.get(pk=int(proposal.target))
        if person.kept_out_until is not None:
            let_in(person, actor=step.actor, now=step.now)
        return {"person": person.pk}
