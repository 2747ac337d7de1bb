"""Who is trusted and who answers, as something that is proposed: roles, leads of teams, fallback owners, owners of resources in use (S8).

One admin proposes it for somebody else, another countersigns, and the person accepts: nobody makes themself, or a friend, an approver alone.
Who was appointed after a submission opened decides in it only by the ladder (A9).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.expressions import Combinable
from django.urls import reverse

from approvals.models import Approval, Proposal, SeatLabel
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals.kinds.kind import About, Document, Given, Kind, Span, named
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
    """The two parts of a target: a row's key and what follows."""
    key, _, rest = target.partition("-")
    return (int(key) if key.isdecimal() and len(key) < 18 else 0), rest


def _person(pk: object) -> Person | None:
    if not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk < 2**63:
        return None
    return Person.objects.filter(pk=pk).first()


def _name(pk: object) -> str:
    person = _person(pk)
    return person.name if person is not None else "nobody"


def _wrong(where: str, what: str) -> Given:
    return Given(problems=(Problem(0, where, what, "Choose somebody of the list."),))


def _read_person(document: Document, name: str, *, needed: bool) -> str:
    """What is wrong with somebody who is named, or nothing."""
    if document.get(name) is None:
        return "Somebody has to answer for it." if needed else ""
    person = _person(document[name])
    if person is None:
        return "There is no such person."
    return "" if person.is_here else f"{person.name} has left."


class PersonsRole(Kind):
    """Whether somebody holds a role: ``<person>-<role>``, ``{"held": true or false}``."""

    code = "role"
    title = "Role"
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """The role and the person."""
        keys = {target: _keys(target) for target in targets}
        people = Person.objects.in_bulk({key for key, _ in keys.values()})
        return {
            target: About(ROLE_WORDS[Role(name)], reverse("person", args=[key]), people[key].name)
            for target, (key, name) in keys.items()
            if key in people and name in ASSIGNABLE
        }

    def called(self) -> Combinable:
        """The person's name."""
        return named(Person.objects.all(), "name")

    def titled(self, target: str, called: str) -> str:
        """The role and the person."""
        return f"{ROLE_WORDS[Role(_keys(target)[1])]}: {called}"

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Whether they do."""
        return {"held": _held(target).exists()}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Yes or no."""
        if not isinstance(document.get("held"), bool):
            return _wrong("held", "Say whether they hold the role.")
        return Given({"held": document["held"]})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Held or not: what somebody holds no more tightens."""
        if before == after:
            return ()
        label = ROLE_WORDS[Role(_keys(target)[1])]
        return (Change("held", label, _yes(before["held"]), _yes(after["held"]), tightens=not after["held"]),)

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Whoever is to hold it no more: rejecting that would give it back to them."""
        return frozenset() if after["held"] else frozenset({_keys(target)[0]})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Whoever is to hold it."""
        return _person(_keys(target)[0]) if after["held"] else None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Nobody gets a role who has left; the last two admins stay, since one alone could give none (S9)."""
        key, name = _keys(target)
        person = Person.objects.get(pk=key)
        if after["held"]:
            return None if person.is_here else Refusal("S8", "input", f"{person.name} has left.")
        return admins_left(person, now) if name == Role.ADMIN else None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """How many records asked for such a person's signature."""
        if _keys(span.target)[1] != Role.SECURITY_REVIEWER:
            return ["No submission was asked of anybody because of this role."]
        asked = Approval.objects.filter(
            seats__label=SeatLabel.SECURITY, submission__submitted_at__gt=span.since
        ).distinct()
        return [_asked(asked.count(), "record for a security reviewer was", "records for a security reviewer were")]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Give it to them, or take it; what acted at once is countersigned and stays."""
        key, name = _keys(proposal.target)
        if proposal.document["held"]:
            signed: dict[str, Any] = {"proposed_by": proposal.proposed_by, "confirmed_by": proposal.answered_by}
            said = {"role": Role(name), "proposed_at": proposal.proposed_at, **signed}
            give_role(Person.objects.get(pk=key), actor=step.actor, now=step.now, **said)
        elif (row := _held(proposal.target).first()) is not None:
            end_role(row, actor=step.actor, now=step.now)
        return {"person": key, "role": name}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Give back what ended at once, where its holder is still here."""
        key, name = _keys(proposal.target)
        person = Person.objects.get(pk=key)
        ended = RoleAssignment.objects.filter(person=key, role=name, until=proposal.proposed_at).first()
        if person.is_here and ended is not None:
            give_role_back(person, actor=step.actor, now=step.now, ended=ended)
        return {"person": key, "role": name}


def _held(target: str) -> QuerySet[RoleAssignment]:
    """The row by which somebody holds a role, if they do."""
    key, name = _keys(target)
    return RoleAssignment.objects.filter(person=key, role=name, until=None)


def _yes(said: object) -> str:
    return "yes" if said else "no"


class TeamLead(Kind):
    """Who leads a team, or deputises: ``<team>-lead`` and ``<team>-deputy_lead``, each ``{"person": key or None}``."""

    code = "team_lead"
    title = "Team lead"

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """The team, and which of the two."""
        teams = Team.objects.in_bulk({_keys(target)[0] for target in targets})
        found = {}
        for target in targets:
            key, seat = _keys(target)
            if key in teams and seat in SEATS:
                found[target] = About(f"{SEATS[seat]} of {teams[key].name}", reverse("team", args=[key]))
        return found

    def called(self) -> Combinable:
        """The team's name."""
        return named(Team.objects.all(), "name")

    def titled(self, target: str, called: str) -> str:
        """Which of the two, of which team."""
        return f"{SEATS[_keys(target)[1]].capitalize()} of {called}"

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Who it is."""
        key, seat = _keys(target)
        return {"person": Team.objects.values_list(f"{seat}_id", flat=True).get(pk=key)}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Somebody who is here, or nobody."""
        said = _read_person(document, "person", needed=False)
        return _wrong("person", said) if said else Given({"person": document.get("person")})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """From whom to whom."""
        if before == after:
            return ()
        label = SEATS[_keys(target)[1]].capitalize()
        return (Change("person", label, _name(before["person"]), _name(after["person"]), tightens=False),)

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Whoever it was."""
        return frozenset({before["person"]} - {None})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Whoever it names."""
        return _person(after["person"])

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Lead and deputy are two people who are here."""
        key, seat = _keys(target)
        team, named = Team.objects.get(pk=key), _person(after["person"])
        other = team.deputy_lead_id if seat == "lead" else team.lead_id
        if named is not None and named.pk == other:
            return Refusal("TEAM", "input", "Lead and deputy are two people.", "Change the other one first.")
        if named is not None and not named.is_here:
            return Refusal("TEAM", "input", f"{named.name} has left.")
        return None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """How many apps of the team were put before its lead."""
        asked = Approval.objects.filter(
            stage=1, submission__automation__team=_keys(span.target)[0], submission__submitted_at__gt=span.since
        )
        return [_asked(asked.count(), "app of the team was", "apps of the team were")]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Name them."""
        key, seat = _keys(proposal.target)
        team, named = Team.objects.get(pk=key), _person(proposal.document["person"])
        lead, deputy = (named, team.deputy_lead) if seat == "lead" else (team.lead, named)
        name_leads(team, actor=step.actor, now=step.now, lead=lead, deputy_lead=deputy)
        return {"team": key}


class FallbackOwner(Kind):
    """Whether somebody is a fallback owner: ``<team>-<person>``, ``{"member": true or false}``."""

    code = "fallback_owner"
    title = "Fallback owner"

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """The person and the group."""
        keys = {target: _keys(target) for target in targets}
        teams = Team.objects.filter(kind=TeamKind.FALLBACK).in_bulk({key for key, _ in keys.values()})
        people = Person.objects.in_bulk({int(who) for _, who in keys.values() if who.isdecimal() and len(who) < 18})
        found = {}
        for target, (key, who) in keys.items():
            person = people.get(int(who)) if who.isdecimal() and len(who) < 18 else None
            if key in teams and person is not None:
                found[target] = About(teams[key].name, reverse("team", args=[key]), person.name)
        return found

    def called(self) -> Combinable:
        """The person's name."""
        return named(Person.objects.all(), "name", part=2)

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Whether they are."""
        team, person = _keys(target)
        return {"member": Membership.objects.filter(team=team, person=int(person)).exists()}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Yes or no."""
        if not isinstance(document.get("member"), bool):
            return _wrong("member", "Say whether they are a fallback owner.")
        return Given({"member": document["member"]})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """In or out."""
        if before == after:
            return ()
        return (Change("member", "Fallback owner", _yes(before["member"]), _yes(after["member"]), tightens=False),)

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Whoever is one no more."""
        return frozenset() if after["member"] else frozenset({int(_keys(target)[1])})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Whoever becomes one."""
        return _person(int(_keys(target)[1])) if after["member"] else None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Nobody becomes one who has left."""
        person = _person(int(_keys(target)[1]))
        if after["member"] and (person is None or not person.is_here):
            return Refusal("TEAM", "input", "They have left.")
        return None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """What a ladder would have come to can't be told from what was decided."""
        return [
            "Fallback owners are asked where nobody before them on the ladder may decide; how often that was is not counted."
        ]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Let them in, or out."""
        key, who = _keys(proposal.target)
        verb = join_fallback if proposal.document["member"] else leave_fallback
        verb(Team.objects.get(pk=key), actor=step.actor, now=step.now, person=Person.objects.get(pk=int(who)))
        return {"team": key}


class ResourceOwner(Kind):
    """Who answers for a resource in use: its key, ``{"owner": key, "deputy": key}``."""

    code = "resource_owner"
    title = "Resource owner"

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """The resource."""
        return resources(targets)

    def called(self) -> Combinable:
        """The resource's name."""
        return named(Resource.objects.all(), "name")

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Who they are."""
        owner, deputy = Resource.objects.values_list("owner_id", "deputy_id").get(pk=int(target))
        return {"owner": owner, "deputy": deputy}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Two people who are here."""
        for name in ("owner", "deputy"):
            said = _read_person(document, name, needed=True)
            if said:
                return _wrong(name, said)
        if document["owner"] == document["deputy"]:
            return _wrong("deputy", "Owner and deputy are two people.")
        # Where neither is left, both are named at once.
        was = [pk for pk in self.current(target, now, document).values() if pk is not None]
        here = set(Person.objects.filter(pk__in=was, is_active=True, left_at=None).values_list("pk", flat=True))
        if here and not {document["owner"], document["deputy"]} & here:
            words = "Owner and deputy each accept by themselves, so one of them changes at a time."
            return Given(problems=(Problem(0, "deputy", words, "Propose the deputy first."),))
        return Given({name: document[name] for name in ("owner", "deputy")})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """From whom to whom."""
        labels = (("owner", "Owner"), ("deputy", "Deputy"))
        return tuple(
            Change(name, label, _name(before[name]), _name(after[name]), tightens=False)
            for name, label in labels
            if before[name] != after[name]
        )

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Whoever answers for it from then on and did not before."""
        return frozenset(after.values()) - frozenset(before.values())

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Whoever answered for it and does no more, or only deputises."""
        out = set(before.values()) - set(after.values())
        if before["owner"] != after["owner"]:
            out.add(before["owner"])
        return frozenset(out - {None})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Whoever answers for it then and did not before; where the two change places, the new owner."""
        new = [pk for pk in (after["owner"], after["deputy"]) if pk not in before.values()]
        return _person(new[0] if new else after["owner"])

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """What is not in use is named an owner and put to use by two admins; nobody answers who has left."""
        if not Resource.objects.filter(pk=int(target), state=ResourceState.ACTIVE).exists():
            return Refusal(
                "S8", "state", "This is not in use.", "Name its owner on its page; another admin puts it to use."
            )
        gone = [name for pk in after.values() if (name := _read_person({"who": pk}, "who", needed=True))]
        return Refusal("I3", "input", gone[0]) if gone else None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """How many records about it were put before its owner."""
        return [_asked(about_resource(span).count(), "record about it was", "records about it were")]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Let them answer for it."""
        said = proposal.document
        owner, deputy = (Person.objects.get(pk=said[name]) for name in ("owner", "deputy"))
        resource = Resource.objects.get(pk=int(proposal.target))
        transition_resources.appoint_owner(resource, actor=step.actor, now=step.now, owner=owner, deputy=deputy)
        return {"resource": int(proposal.target)}


def resources(targets: Collection[str]) -> Mapping[str, About]:
    """Resources in use, by their keys as targets."""
    keys = {int(target): target for target in targets if target.isdecimal() and len(target) < 18}
    found = Resource.objects.filter(state=ResourceState.ACTIVE).in_bulk(keys)
    return {keys[pk]: About(one.name, one.href) for pk, one in found.items()}


def about_resource(span: Span) -> QuerySet[Approval]:
    """Records about the resource that a proposal is about, asked during the time."""
    about = Q(privilege__entitlement__resource=int(span.target)) | Q(decided_on=int(span.target))
    return Approval.objects.filter(
        about, submission__submitted_at__gt=span.since, submission__submitted_at__lte=span.until
    )


def _asked(count: int, one: str, many: str) -> str:
    if not count:
        return "In the last 90 days nothing was asked that this would have been about."
    return f"In the last 90 days {count:,} {one if count == 1 else many} asked, each of whoever answered then."
