"""Appoint people in tests: one admin proposes, another countersigns, the appointed person accepts (S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from approvals.models import Proposal, ProposalState
from approvals.proposals import transitions as proposal_transitions
from governance.core.actors.actor import Actor
from governance.core.models import Membership, Person, RoleAssignment, Team
from governance.core.people.transitions import people as people_transitions
from governance.core.roles.roles import Role
from inventory.models import Resource
from tests.people import as_actor

WHY = "Somebody has to."


def appoint(kind: str, target: str, document: dict[str, Any], *, now: datetime) -> Proposal:
    """A proposal of one kind about people, in force; by whichever admins neither gain nor are appointed."""
    named = {value for value in document.values() if not isinstance(value, bool)} | _of_target(kind, target)
    first, second = (
        Person.objects.with_role(Role.ADMIN, now).exclude(pk__in=[pk for pk in named if pk]).order_by("pk")[:2]
    )
    row = Proposal(kind=kind, target=target)
    proposal = proposal_transitions.propose(row, actor=as_actor(first), now=now, reason=WHY, document=document)
    proposal = Proposal.objects.get(pk=proposal.pk)
    proposal_transitions.approve(proposal, actor=as_actor(second), now=now, shown_digest=proposal.digest)
    if proposal.state == ProposalState.APPROVED:
        assert proposal.appointed is not None
        proposal_transitions.accept(proposal, actor=as_actor(proposal.appointed), now=now)
    return proposal


def _of_target(kind: str, target: str) -> set[int]:
    key, _, who = target.partition("-")
    return {"fallback_owner": {int(who)} if who.isdecimal() else set(), "role": {int(key)}}.get(kind, set())


def propose_role(person: Person, role: Role, *, by: Person, now: datetime, held: bool = True) -> Proposal:
    """Somebody proposes that a person holds a role, or does no more."""
    row, document = Proposal(kind="role", target=f"{person.pk}-{role}"), {"held": held}
    proposal = proposal_transitions.propose(row, actor=as_actor(by), now=now, reason=WHY, document=document)
    return Proposal.objects.get(pk=proposal.pk)


def end_role(person: Person, role: Role, *, now: datetime) -> RoleAssignment:
    """Somebody holds a role no more, by whichever two admins are others; returns the row that ended."""
    held = RoleAssignment.objects.get(person=person, role=role, until=None)
    appoint("role", f"{person.pk}-{role}", {"held": False}, now=now)
    held.refresh_from_db()
    return held


def name_leads(
    team: Team, *, now: datetime, lead: Person | None, deputy_lead: Person | None, actor: Actor | None = None
) -> Team:
    """A team gets other leads, one seat at a time, so that nobody ever holds both."""
    team.refresh_from_db()
    wanted = {"lead": lead, "deputy_lead": deputy_lead}
    for seat, other in (("deputy_lead", lead), ("lead", deputy_lead)):
        if other is not None and getattr(team, f"{seat}_id") == other.pk:
            appoint("team_lead", f"{team.pk}-{seat}", {"person": None}, now=now)
    team.refresh_from_db()
    for seat, person in wanted.items():
        if getattr(team, f"{seat}_id") != (person.pk if person is not None else None):
            appoint("team_lead", f"{team.pk}-{seat}", {"person": person.pk if person is not None else None}, now=now)
    team.refresh_from_db()
    return team


def record_leaver(person: Person, *, actor: Actor, now: datetime, reason: str = "") -> Person:
    """Somebody has left: by one admin where they decide nothing, else by that one and whichever other there is."""
    refusal = people_transitions.record_leaver.refusal(person, actor=actor, now=now)
    if refusal is None or refusal.kind != "duty":
        return people_transitions.record_leaver(person, actor=actor, now=now, reason=reason)
    row = Proposal(kind="leaving", target=str(person.pk))
    signed_in = as_actor(actor.person) if actor.person is not None else actor
    proposal = proposal_transitions.propose(row, actor=signed_in, now=now, reason=reason, document={"left": True})
    second = (
        Person.objects.with_role(Role.ADMIN, now)
        .exclude(pk__in=[person.pk, proposal.proposed_by_id])
        .order_by("pk")
        .first()
    )
    assert second is not None
    proposal_transitions.approve(proposal, actor=as_actor(second), now=now, shown_digest=proposal.digest)
    person.refresh_from_db()
    return person


def join_fallback(team: Team, person: Person, *, now: datetime) -> None:
    """Somebody becomes a fallback owner."""
    if not Membership.objects.filter(team=team, person=person).exists():
        appoint("fallback_owner", f"{team.pk}-{person.pk}", {"member": True}, now=now)


def leave_fallback(team: Team, person: Person, *, now: datetime) -> None:
    """Somebody is a fallback owner no more."""
    appoint("fallback_owner", f"{team.pk}-{person.pk}", {"member": False}, now=now)


def own(resource: Resource, owner: Person, deputy: Person, *, now: datetime) -> Resource:
    """A resource in use gets another owner and deputy, where it has others."""
    resource.refresh_from_db()
    standing = {resource.owner_id, resource.deputy_id}
    here = set(
        Person.objects.filter(pk__in=standing - {None}, is_active=True, left_at=None).values_list("pk", flat=True)
    )
    if here and not {owner.pk, deputy.pk} & here:  # each accepts by themself; who has left is followed first
        document = {"owner": resource.owner_id, "deputy": deputy.pk}
        document = document if resource.owner_id in here else {"owner": owner.pk, "deputy": resource.deputy_id}
        appoint("resource_owner", str(resource.pk), document, now=now)
    if not Resource.objects.filter(pk=resource.pk, owner=owner, deputy=deputy).exists():
        appoint("resource_owner", str(resource.pk), {"owner": owner.pk, "deputy": deputy.pk}, now=now)
    resource.refresh_from_db()
    return resource
