"""Roles, team leads, fallback owners and leavers as proposals (S8, R8).

One admin proposes, another countersigns, and the appointed person accepts. So no person makes an approver alone.
People appointed after a submission was made decide in it only by the escalation chain (A9).

Two admins record that a person left who decides something. Otherwise one admin could empty an escalation chain until a
friend is next. The proposal may lock the person out at once, which appoints nobody: approvals stay with them until a
second admin countersigns. A people source is believed at once, and one admin is enough for a person who decides nothing.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.urls import reverse

from approvals.models import Approval, Candidate, Proposal, ProposalState, SeatLabel, WhatIf
from approvals.models.approval import UNENDED
from approvals.proposals.kinds.kind import Document, Field, FieldsKind, Subject
from governance.core.access import ROLE_WORDS, Actor, Refusal, Role, duty
from governance.core.engine.transition import Step
from governance.core.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.people.transitions.people import (
    admins_left,
    end_role,
    give_role,
    give_role_back,
    keep_out,
    leave,
    let_in,
)
from governance.core.roles.roles import ASSIGNABLE
from governance.core.teams.transitions import join_fallback, leave_fallback, name_leads
from governance.core.texts.number_words import counted
from inventory.models import InterimOwner, Resource, ResourceState

M = TypeVar("M", bound=Model)

SEATS = {"lead": "lead", "deputy_lead": "deputy lead"}


def key_of(text: str) -> int:
    """Return the key in a part of a target; 0 if it is none."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def keys(target: str) -> tuple[int, str]:
    """Split a target into a row's key and the rest."""
    key, _, suffix = target.partition("-")
    return key_of(key), suffix


def row_of(model: type[M], pk: object) -> M | None:
    """Return the row with a key from a document, or None."""
    is_key = isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**63
    return model._default_manager.filter(pk=pk).first() if is_key else None


def name_of(model: type[Model], nobody: str) -> Any:
    """Return a function for the name of the row with a key; ``nobody`` without one."""
    return lambda pk: str(row_of(model, pk) or nobody)


def person_field(name: str, label: str, *, is_needed: bool) -> Field:
    """Return a field with the key of a person, or None if nobody is needed."""

    def problem(pk: object) -> str:
        if pk is None:
            return "Somebody has to answer for it." if is_needed else ""
        person = row_of(Person, pk)
        return "There is no such person." if person is None else left_problem(person)

    return Field(name, label, name_of(Person, "nobody"), problem)


def left_problem(person: Person) -> str:
    """Return that a person has left, or an empty string."""
    return "" if person.is_here else f"{person.name} has left."


def left_refusal(code: str, person: Person | None) -> Refusal | None:
    """Return the refusal of a person who has left, or None."""
    return Refusal(code, "input", left_problem(person)) if person is not None and not person.is_here else None


def yes_no_field(name: str, label: str, question: str, *, no_tightens: bool = False) -> Field:
    """Return a field that is true or false."""
    return Field(
        name,
        label,
        lambda value: "yes" if value else "no",
        lambda value: "" if isinstance(value, bool) else question,
        lambda _, after: no_tightens and not after,
    )


class PersonsRole(FieldsKind):
    """Whether a person has a role: ``<person>-<role>``, ``{"held": true or false}``."""

    code = "role"
    title = "Role"
    may_act_at_once = True
    fields = (yes_no_field("held", "Role", "Say whether they hold the role.", no_tightens=True),)

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return role and person."""
        parts = {target: keys(target) for target in targets}
        people = Person.objects.in_bulk({key for key, _ in parts.values()})
        return {
            target: Subject(ROLE_WORDS[Role(name)], reverse("person", args=[key]), people[key].name)
            for target, (key, name) in parts.items()
            if key in people and name in ASSIGNABLE
        }

    def label_of(self, field: Field, target: str) -> str:
        """Return the role."""
        return ROLE_WORDS[Role(keys(target)[1])]

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return whether the person has the role."""
        return {"held": _held(target).exists()}

    def people_losing(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person if their role ends, because a rejection would give it back."""
        return frozenset() if after["held"] else frozenset({keys(target)[0]})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person if they get the role."""
        return Person.objects.get(pk=keys(target)[0]) if after["held"] else None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a role for a person who has left, and the end of the last two admins: one alone can give no role (S9)."""
        key, name = keys(target)
        person = Person.objects.get(pk=key)
        if after["held"]:
            return left_refusal("S8", person)
        return admins_left(person, now) if name == Role.ADMIN else None

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return how many approvals asked for a security reviewer."""
        if keys(what_if.proposal.target)[1] != Role.SECURITY_REVIEWER:
            return ["This role decides no approval."]
        recent = Approval.objects.filter(submission__submitted_at__gt=what_if.since, seats__label=SeatLabel.SECURITY)
        return [f"{counted(recent.distinct().count(), 'approval')} of the last 90 days asked a security reviewer."]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Give or end the role. A role ended at once stays ended once countersigned."""
        key, name = keys(proposal.target)
        if proposal.document["held"]:
            signed: dict[str, Any] = {"proposed_by": proposal.proposed_by, "confirmed_by": proposal.answered_by}
            role_facts = {"role": Role(name), "proposed_at": proposal.proposed_at, **signed}
            give_role(Person.objects.get(pk=key), actor=step.actor, now=step.now, **role_facts)
        elif (row := _held(proposal.target).first()) is not None:
            end_role(row, actor=step.actor, now=step.now)
        return {"person": key, "role": name}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Give back a role ended at once, if its holder is still active."""
        key, name = keys(proposal.target)
        person = Person.objects.get(pk=key)
        ended = RoleAssignment.objects.filter(person=key, role=name, until=proposal.proposed_at).first()
        if person.is_here and ended is not None:
            give_role_back(person, actor=step.actor, now=step.now, ended=ended)
        return {"person": key, "role": name}


def _held(target: str) -> QuerySet[RoleAssignment]:
    """Query the current assignment of the role."""
    key, name = keys(target)
    return RoleAssignment.objects.filter(person=key, role=name, until=None)


class TeamLead(FieldsKind):
    """Lead or deputy of a team: ``<team>-lead`` and ``<team>-deputy_lead``, each ``{"person": key or None}``."""

    code = "team_lead"
    title = "Team lead"
    fields = (person_field("person", "Lead", is_needed=False),)

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the team and the seat."""
        parts = {target: keys(target) for target in targets}
        teams = Team.objects.in_bulk({key for key, _ in parts.values()})
        return {
            target: Subject(f"{SEATS[seat]} of {teams[key].name}", reverse("team", args=[key]))
            for target, (key, seat) in parts.items()
            if key in teams and seat in SEATS
        }

    def label_of(self, field: Field, target: str) -> str:
        """Return the seat."""
        return SEATS[keys(target)[1]].capitalize()

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the current person."""
        key, seat = keys(target)
        return {"person": Team.objects.values_list(f"{seat}_id", flat=True).get(pk=key)}

    def people_losing(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person replaced."""
        return frozenset({before["person"]} - {None})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person named."""
        return row_of(Person, after["person"])

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse unless lead and deputy are two active people."""
        key, seat = keys(target)
        team, named = Team.objects.get(pk=key), row_of(Person, after["person"])
        if named is not None and named.pk == (team.deputy_lead_id if seat == "lead" else team.lead_id):
            return Refusal("TEAM", "input", "Lead and deputy lead must be two people.", "Change the other one first.")
        return left_refusal("TEAM", named)

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return how many apps of the team asked its lead."""
        recent = Approval.objects.filter(stage=1, submission__submitted_at__gt=what_if.since)
        count = recent.filter(submission__automation__team=keys(what_if.proposal.target)[0]).count()
        return [f"{counted(count, 'approval')} of the last 90 days asked the lead of the team."]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Name the lead or deputy."""
        key, seat = keys(proposal.target)
        team, named = Team.objects.get(pk=key), row_of(Person, proposal.document["person"])
        lead, deputy = (named, team.deputy_lead) if seat == "lead" else (team.lead, named)
        name_leads(team, actor=step.actor, now=step.now, lead=lead, deputy_lead=deputy)
        return {"team": key}


class FallbackOwner(FieldsKind):
    """Whether a person is a fallback owner: ``<team>-<person>``, ``{"member": true or false}``."""

    code = "fallback_owner"
    title = "Fallback owner"
    fields = (yes_no_field("member", "Fallback owner", "Say whether they are a fallback owner."),)

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the person and the group."""
        parts = {target: (keys(target)[0], key_of(keys(target)[1])) for target in targets}
        teams = Team.objects.filter(kind=TeamKind.FALLBACK).in_bulk({key for key, _ in parts.values()})
        people = Person.objects.in_bulk({person for _, person in parts.values()})
        return {
            target: Subject(teams[key].name, reverse("team", args=[key]), people[person].name)
            for target, (key, person) in parts.items()
            if key in teams and person in people
        }

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return whether the person is a member."""
        team, person = keys(target)
        return {"member": Membership.objects.filter(team=team, person=int(person)).exists()}

    def people_losing(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person if their membership ends."""
        return frozenset() if after["member"] else frozenset({int(keys(target)[1])})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person if they become a member."""
        return Person.objects.get(pk=int(keys(target)[1])) if after["member"] else None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a person who has left."""
        return left_refusal("TEAM", self.appointed(target, before, after))

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Say that the impact is not counted: past decisions don't show how far an escalation chain would have gone."""
        return ["Fallback approvers decide if nobody before them in the escalation chain can. This is not counted."]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Add or remove the person."""
        key, person_key = keys(proposal.target)
        verb = join_fallback if proposal.document["member"] else leave_fallback
        verb(Team.objects.get(pk=key), actor=step.actor, now=step.now, person=Person.objects.get(pk=int(person_key)))
        return {"team": key}


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
    """Two admins record the departure of a person who decides something, unless their directory reports it (R8)."""
    if actor.kind == "job" or not is_decider(subject, now):
        return None
    signed = Proposal.objects.filter(kind=Leaving.code, target=str(subject.pk), state=ProposalState.IN_FORCE)
    if signed.filter(ended_at=now).exists():
        return None
    sentence = f"{subject.name} decides something, so two admins record that they left."
    return Refusal("S8", "duty", sentence, "Propose it: it keeps them out at once, and a second admin countersigns it.")


class Leaving(FieldsKind):
    """The departure of a person: their key, ``{"left": true}``; a second admin countersigns.

    A person who comes back is entered anew, unless their directory reported both. It gives nothing to anyone and so tightens.
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

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the person."""
        keys = {key_of(target): target for target in targets}
        people = Person.objects.in_bulk(keys)
        return {keys[pk]: Subject("Leaver", reverse("person", args=[pk]), people[pk].name) for pk in people}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return whether the person has left."""
        return {"left": not Person.objects.get(pk=int(target)).is_here}

    def people_losing(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person, because a rejection lets them in again."""
        return frozenset({int(target)})

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse for the last two admins, because one alone can give no role (S9)."""
        return admins_left(Person.objects.get(pk=int(target)), now)

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return the number of approvals and resources affected."""
        candidates = Candidate.objects.filter(person=int(what_if.proposal.target), seat__approval__state__in=UNENDED)
        count = candidates.values("seat__approval").distinct().count()
        owned = Resource.objects.filter(owner=int(what_if.proposal.target), state=ResourceState.ACTIVE).count()
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


KINDS = (PersonsRole, TeamLead, FallbackOwner, Leaving)
