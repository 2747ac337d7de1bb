"""Roles, team leads, fallback owners and resource owners as proposals (S8).

One admin proposes, another countersigns, and the appointed person accepts. So no person makes an approver alone.
People appointed after a submission was made decide in it only by the escalation chain (A9).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from approvals.models import Approval, Proposal, SeatLabel
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Span, Subject
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Step
from governance.core.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.people.transitions import admins_left, end_role, give_role, give_role_back
from governance.core.roles.roles import ASSIGNABLE, ROLE_WORDS, Role
from governance.core.teams.transitions import join_fallback, leave_fallback, name_leads
from inventory.models import Resource, ResourceState
from inventory.resources.transitions import resources as transition_resources

SEATS = {"lead": "lead", "deputy_lead": "deputy lead"}


def _keys(target: str) -> tuple[int, str]:
    """Split a target into a row's key and the rest."""
    key, _, suffix = target.partition("-")
    return (int(key) if key.isdecimal() and len(key) < 18 else 0), suffix


def _person(pk: object) -> Person | None:
    if not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk < 2**63:
        return None
    return Person.objects.filter(pk=pk).first()


def _name(pk: object) -> str:
    person = _person(pk)
    return person.name if person is not None else "nobody"


def _person_problem(where: str, sentence: str) -> ReadResult:
    return ReadResult(problems=(Problem(0, where, sentence, "Choose somebody of the list."),))


def _read_person(document: Document, name: str, *, needed: bool) -> str:
    """Return the problem with a named person, or an empty string."""
    if document.get(name) is None:
        return "Somebody has to answer for it." if needed else ""
    person = _person(document[name])
    if person is None:
        return "There is no such person."
    return "" if person.is_here else f"{person.name} has left."


class PersonsRole(Kind):
    """Whether a person has a role: ``<person>-<role>``, ``{"held": true or false}``."""

    code = "role"
    title = "Role"
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return role and person."""
        keys = {target: _keys(target) for target in targets}
        people = Person.objects.in_bulk({key for key, _ in keys.values()})
        return {
            target: Subject(ROLE_WORDS[Role(name)], reverse("person", args=[key]), people[key].name)
            for target, (key, name) in keys.items()
            if key in people and name in ASSIGNABLE
        }

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return whether the person has the role."""
        return {"held": _held(target).exists()}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Accept true or false."""
        if not isinstance(document.get("held"), bool):
            return _person_problem("held", "Say whether they hold the role.")
        return ReadResult({"held": document["held"]})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the change; ending a role tightens."""
        if before == after:
            return ()
        label = ROLE_WORDS[Role(_keys(target)[1])]
        return (
            Change("held", label, _yes_or_no(before["held"]), _yes_or_no(after["held"]), tightens=not after["held"]),
        )

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person if their role ends, because a rejection would give it back."""
        return frozenset() if after["held"] else frozenset({_keys(target)[0]})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person if they get the role."""
        return _person(_keys(target)[0]) if after["held"] else None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a role for a person who has left, and the end of the last two admins: one alone can give no role (S9)."""
        key, name = _keys(target)
        person = Person.objects.get(pk=key)
        if after["held"]:
            return None if person.is_here else Refusal("S8", "input", f"{person.name} has left.")
        return admins_left(person, now) if name == Role.ADMIN else None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many approvals asked for a security reviewer."""
        if _keys(span.target)[1] != Role.SECURITY_REVIEWER:
            return ["No submission was asked of anybody because of this role."]
        approvals = Approval.objects.filter(
            seats__label=SeatLabel.SECURITY, submission__submitted_at__gt=span.since
        ).distinct()
        return [
            _asked_sentence(
                approvals.count(), "record for a security reviewer was", "records for a security reviewer were"
            )
        ]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Give or end the role. A role ended at once stays ended once countersigned."""
        key, name = _keys(proposal.target)
        if proposal.document["held"]:
            signed: dict[str, Any] = {"proposed_by": proposal.proposed_by, "confirmed_by": proposal.answered_by}
            role_facts = {"role": Role(name), "proposed_at": proposal.proposed_at, **signed}
            give_role(Person.objects.get(pk=key), actor=step.actor, now=step.now, **role_facts)
        elif (row := _held(proposal.target).first()) is not None:
            end_role(row, actor=step.actor, now=step.now)
        return {"person": key, "role": name}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Give back a role ended at once, if its holder is still active."""
        key, name = _keys(proposal.target)
        person = Person.objects.get(pk=key)
        ended = RoleAssignment.objects.filter(person=key, role=name, until=proposal.proposed_at).first()
        if person.is_here and ended is not None:
            give_role_back(person, actor=step.actor, now=step.now, ended=ended)
        return {"person": key, "role": name}


def _held(target: str) -> QuerySet[RoleAssignment]:
    """Query the current assignment of the role."""
    key, name = _keys(target)
    return RoleAssignment.objects.filter(person=key, role=name, until=None)


def _yes_or_no(value: object) -> str:
    return "yes" if value else "no"


class TeamLead(Kind):
    """Lead or deputy of a team: ``<team>-lead`` and ``<team>-deputy_lead``, each ``{"person": key or None}``."""

    code = "team_lead"
    title = "Team lead"

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the team and the seat."""
        teams = Team.objects.in_bulk({_keys(target)[0] for target in targets})
        subjects = {}
        for target in targets:
            key, seat = _keys(target)
            if key in teams and seat in SEATS:
                subjects[target] = Subject(f"{SEATS[seat]} of {teams[key].name}", reverse("team", args=[key]))
        return subjects

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the current person."""
        key, seat = _keys(target)
        return {"person": Team.objects.values_list(f"{seat}_id", flat=True).get(pk=key)}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Accept an active person or None."""
        problem = _read_person(document, "person", needed=False)
        return _person_problem("person", problem) if problem else ReadResult({"person": document.get("person")})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the change of person."""
        if before == after:
            return ()
        label = SEATS[_keys(target)[1]].capitalize()
        return (Change("person", label, _name(before["person"]), _name(after["person"]), tightens=False),)

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person replaced."""
        return frozenset({before["person"]} - {None})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person named."""
        return _person(after["person"])

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse unless lead and deputy are two active people."""
        key, seat = _keys(target)
        team, named = Team.objects.get(pk=key), _person(after["person"])
        other = team.deputy_lead_id if seat == "lead" else team.lead_id
        if named is not None and named.pk == other:
            return Refusal("TEAM", "input", "Lead and deputy are two people.", "Change the other one first.")
        if named is not None and not named.is_here:
            return Refusal("TEAM", "input", f"{named.name} has left.")
        return None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many apps of the team asked its lead."""
        approvals = Approval.objects.filter(
            stage=1, submission__automation__team=_keys(span.target)[0], submission__submitted_at__gt=span.since
        )
        return [_asked_sentence(approvals.count(), "app of the team was", "apps of the team were")]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Name the lead or deputy."""
        key, seat = _keys(proposal.target)
        team, named = Team.objects.get(pk=key), _person(proposal.document["person"])
        lead, deputy = (named, team.deputy_lead) if seat == "lead" else (team.lead, named)
        name_leads(team, actor=step.actor, now=step.now, lead=lead, deputy_lead=deputy)
        return {"team": key}


class FallbackOwner(Kind):
    """Whether a person is a fallback owner: ``<team>-<person>``, ``{"member": true or false}``."""

    code = "fallback_owner"
    title = "Fallback owner"

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the person and the group."""
        keys = {target: _keys(target) for target in targets}
        teams = Team.objects.filter(kind=TeamKind.FALLBACK).in_bulk({key for key, _ in keys.values()})
        people = Person.objects.in_bulk(
            {int(person_key) for _, person_key in keys.values() if person_key.isdecimal() and len(person_key) < 18}
        )
        subjects = {}
        for target, (key, person_key) in keys.items():
            person = people.get(int(person_key)) if person_key.isdecimal() and len(person_key) < 18 else None
            if key in teams and person is not None:
                subjects[target] = Subject(teams[key].name, reverse("team", args=[key]), person.name)
        return subjects

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return whether the person is a member."""
        team, person = _keys(target)
        return {"member": Membership.objects.filter(team=team, person=int(person)).exists()}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Accept true or false."""
        if not isinstance(document.get("member"), bool):
            return _person_problem("member", "Say whether they are a fallback owner.")
        return ReadResult({"member": document["member"]})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the change of membership."""
        if before == after:
            return ()
        return (
            Change(
                "member", "Fallback owner", _yes_or_no(before["member"]), _yes_or_no(after["member"]), tightens=False
            ),
        )

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the person if their membership ends."""
        return frozenset() if after["member"] else frozenset({int(_keys(target)[1])})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person if they become a member."""
        return _person(int(_keys(target)[1])) if after["member"] else None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a person who has left."""
        person = _person(int(_keys(target)[1]))
        if after["member"] and (person is None or not person.is_here):
            return Refusal("TEAM", "input", "They have left.")
        return None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Say that the impact is not counted: past decisions don't show how far an escalation chain would have gone."""
        return [
            "Fallback owners are asked where nobody before them on the ladder may decide; how often that was is not counted."
        ]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Add or remove the person."""
        key, person_key = _keys(proposal.target)
        verb = join_fallback if proposal.document["member"] else leave_fallback
        verb(Team.objects.get(pk=key), actor=step.actor, now=step.now, person=Person.objects.get(pk=int(person_key)))
        return {"team": key}


class ResourceOwner(Kind):
    """Owner and deputy of an active resource: its key, ``{"owner": key, "deputy": key}``."""

    code = "resource_owner"
    title = "Resource owner"

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the resource."""
        return resource_subjects(targets)

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return owner and deputy."""
        owner, deputy = Resource.objects.values_list("owner_id", "deputy_id").get(pk=int(target))
        return {"owner": owner, "deputy": deputy}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Accept two active people."""
        for name in ("owner", "deputy"):
            problem = _read_person(document, name, needed=True)
            if problem:
                return _person_problem(name, problem)
        if document["owner"] == document["deputy"]:
            return _person_problem("deputy", "Owner and deputy are two people.")
        # If neither is active, both are named at once.
        was = [pk for pk in self.current(target, now, document).values() if pk is not None]
        present = set(Person.objects.filter(pk__in=was, is_active=True, left_at=None).values_list("pk", flat=True))
        if present and not {document["owner"], document["deputy"]} & present:
            words = "Owner and deputy each accept by themselves, so one of them changes at a time."
            return ReadResult(problems=(Problem(0, "deputy", words, "Propose the deputy first."),))
        return ReadResult({name: document[name] for name in ("owner", "deputy")})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changes of owner and deputy."""
        labels = (("owner", "Owner"), ("deputy", "Deputy"))
        return tuple(
            Change(name, label, _name(before[name]), _name(after[name]), tightens=False)
            for name, label in labels
            if before[name] != after[name]
        )

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return people who become owner or deputy and were neither before."""
        return frozenset(after.values()) - frozenset(before.values())

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return people who stop being owner or deputy, and an owner who becomes deputy."""
        losers = set(before.values()) - set(after.values())
        if before["owner"] != after["owner"]:
            losers.add(before["owner"])
        return frozenset(losers - {None})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the new owner or deputy; if the two swap, the new owner."""
        new = [pk for pk in (after["owner"], after["deputy"]) if pk not in before.values()]
        return _person(new[0] if new else after["owner"])

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a resource that is not active (two admins activate it with an owner), and people who have left."""
        if not Resource.objects.filter(pk=int(target), state=ResourceState.ACTIVE).exists():
            return Refusal(
                "S8", "state", "This is not in use.", "Name its owner on its page; another admin puts it to use."
            )
        problems = [name for pk in after.values() if (name := _read_person({"who": pk}, "who", needed=True))]
        return Refusal("I3", "input", problems[0]) if problems else None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many approvals asked the resource's owner."""
        return [_asked_sentence(approvals_of_resource(span).count(), "record about it was", "records about it were")]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Appoint owner and deputy."""
        document = proposal.document
        owner, deputy = (Person.objects.get(pk=document[name]) for name in ("owner", "deputy"))
        resource = Resource.objects.get(pk=int(proposal.target))
        transition_resources.appoint_owner(resource, actor=step.actor, now=step.now, owner=owner, deputy=deputy)
        return {"resource": int(proposal.target)}


def resource_subjects(targets: Collection[str]) -> Mapping[str, Subject]:
    """Return active resources by their targets."""
    keys = {int(target): target for target in targets if target.isdecimal() and len(target) < 18}
    resources_by_id = Resource.objects.filter(state=ResourceState.ACTIVE).in_bulk(keys)
    return {keys[pk]: Subject(resource.name, resource.href) for pk, resource in resources_by_id.items()}


def approvals_of_resource(span: Span) -> QuerySet[Approval]:
    """Query approvals of the period about the proposal's resource."""
    concerned = Q(privilege__entitlement__resource=int(span.target)) | Q(decided_on=int(span.target))
    return Approval.objects.filter(
        concerned, submission__submitted_at__gt=span.since, submission__submitted_at__lte=span.until
    )


def _asked_sentence(count: int, singular: str, plural: str) -> str:
    if not count:
        return "In the last 90 days nothing was asked that this would have been about."
    return f"In the last 90 days {count:,} {singular if count == 1 else plural} asked, each of whoever answered then."
