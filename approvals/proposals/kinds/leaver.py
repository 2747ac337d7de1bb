"""The departure of a person who decides something, as a proposal (S8, R8).

Otherwise one admin could empty an escalation chain until a friend is next. The proposal may lock the person out at
once, which appoints nobody: approvals stay with them until a second admin countersigns. A people source is believed
at once, and one admin is enough for a person who decides nothing.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse

from approvals.models import Candidate, Proposal, ProposalState
from approvals.models.approval import UNENDED
from approvals.proposals.kinds.kind import Document, Field, FieldsKind, Span, Subject
from approvals.proposals.kinds.people import key_of
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, duty
from governance.core.engine.transition import Step
from governance.core.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.people.transitions.people import admins_left, keep_out, leave, let_in
from governance.core.texts.number_words import counted
from inventory.models import InterimOwner, Resource, ResourceState


def is_decider(person: Person, now: datetime) -> bool:
    """Return whether a person has a role, leads a team, is a fallback owner, or owns a resource, even as interim.

    One query.
    """
    roles = RoleAssignment.objects.filter(Q(until=None) | Q(until__gt=now), person=person)
    leads = Team.objects.filter(Q(lead=person) | Q(deputy_lead=person))
    fallback = Membership.objects.filter(person=person, team__kind=TeamKind.FALLBACK)
    owned = Resource.objects.filter(Q(owner=person) | Q(deputy=person)).exclude(state=ResourceState.RETIRED)
    interims = InterimOwner.objects.filter(Q(until=None) | Q(until__gt=now), person=person, ended_at=None)
    queries = [rows.order_by().values("pk")[:1] for rows in (roles, leads, fallback, owned, interims)]
    return queries[0].union(*queries[1:], all=True).exists()


@duty("S8")
def by_two(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Two admins record the departure of a person who decides something."""
    if not is_decider(subject, now):
        return None
    signed = Proposal.objects.filter(kind=Leaving.code, target=str(subject.pk), state=ProposalState.IN_FORCE)
    if signed.filter(ended_at=now).exists():
        return None
    sentence = f"{subject.name} decides something, so two admins record that they left."
    return Refusal("S8", "duty", sentence, "Propose it: it keeps them out at once, and a second admin countersigns it.")


class Leaving(FieldsKind):
    """The departure of a person: their key, ``{"left": true}``; a second admin countersigns.

    A person who comes back is entered anew. It gives nothing to anyone and so tightens.
    """

    code = "leaving"
    title = "Leaving"
    may_act_at_once = True
    fields = (
        Field(
            "left",
            "Where they are",
            lambda left: "gone" if left else "here",
            lambda left: "" if left is True else "What is proposed is that they left.",
            lambda before, after: True,
        ),
    )

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the person."""
        keys = {key_of(target): target for target in targets}
        people = Person.objects.in_bulk(keys)
        return {keys[pk]: Subject("Has left", reverse("person", args=[pk]), people[pk].name) for pk in people}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return whether the person has left."""
        return {"left": not Person.objects.get(pk=int(target)).is_here}

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person, because a rejection lets them in again."""
        return frozenset({int(target)})

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse for the last two admins, because one alone can give no role (S9)."""
        return admins_left(Person.objects.get(pk=int(target)), now)

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return the number of approvals and resources affected."""
        candidates = Candidate.objects.filter(person=int(span.target), seat__approval__state__in=UNENDED)
        count = candidates.values("seat__approval").distinct().count()
        owned = Resource.objects.filter(owner=int(span.target), state=ResourceState.ACTIVE).count()
        asked = f"{counted(count, 'open approval')} would go to the next approver once a second admin countersigns."
        return [asked, *([f"{counted(owned, 'resource')} would have no active owner."] if owned else [])]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Lock the person out until a second admin answers; then record the departure."""
        person = Person.objects.get(pk=int(proposal.target))
        if proposal.state == ProposalState.AT_ONCE and proposal.acting_until is not None:
            keep_out(person, actor=step.actor, now=step.now, until=proposal.acting_until)
        elif person.left_at is None:
            leave(person, actor=step.actor, now=step.now)
        return {"person": person.pk}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Let the person in again."""
        person = Person.objects.get(pk=int(proposal.target))
        if person.kept_out_until is not None:
            let_in(person, actor=step.actor, now=step.now)
        return {"person": person.pk}
