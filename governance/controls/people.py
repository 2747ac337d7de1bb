"""Writes about people: roles by two admins (S8, S9), delegations (A11), leaving. Reads stand on the models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from governance.controls import ledger
from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.models import Delegation, LedgerEvent, Person, RoleAssignment
from governance.controls.models.people import DELEGATION_DAYS
from governance.controls.refusals import Refusal, refuse
from governance.controls.roles import ASSIGNABLE, Permission, Role
from governance.controls.transitions import Effect, Step, transition


def _not_for_oneself(subject: Person | RoleAssignment, actor: Actor, now: datetime) -> Refusal | None:
    person = subject if isinstance(subject, Person) else subject.person
    if any(acting.pk == person.pk for acting in actor.people):
        return Refusal("SOD-8", "duty", "This is about your own role.", "Ask another governance admin.")
    return None


def _second_admin(subject: RoleAssignment, actor: Actor, now: datetime) -> Refusal | None:
    if any(acting.pk == subject.proposed_by_id for acting in actor.people):
        return Refusal(
            "SOD-8", "duty", "You proposed this; a second admin confirms it.", "Ask another governance admin."
        )
    return None


NOT_FOR_ONESELF = Duty("SOD-8", "S8", "Nobody assigns a role to themselves.", _not_for_oneself)
SECOND_ADMIN = Duty("SOD-8", "S8", "A role is confirmed by an admin who did not propose it.", _second_admin)


@transition(Person, event="role.proposed", permission=Permission.ROLE_PROPOSE, duties=[NOT_FOR_ONESELF])
def propose_role(step: Step[Person], *, role: Role) -> Effect:
    """An admin proposes a role for somebody else; it counts once a second admin confirms it."""
    if role not in ASSIGNABLE:
        raise refuse(Refusal("ROLE", "input", f"{role} can't be assigned."))
    held = RoleAssignment.objects.filter(person=step.subject, role=role, until__isnull=True)
    if held.exists():
        raise refuse(Refusal("ROLE", "state", f"{step.subject.name} holds or awaits this role already."))
    made = RoleAssignment(person=step.subject, role=role, proposed_by=step.actor.person, proposed_at=step.now)
    step.save(made)
    return Effect(subject=made, payload={"role": str(role), "person": str(step.subject.opaque_id)})


@transition(
    RoleAssignment, event="role.confirmed", permission=Permission.ROLE_CONFIRM, duties=[NOT_FOR_ONESELF, SECOND_ADMIN]
)
def confirm_role(step: Step[RoleAssignment]) -> Effect:
    """A second admin confirms a proposed role, which counts from now on."""
    if step.subject.confirmed_at is not None or step.subject.until is not None:
        raise refuse(Refusal("STATE", "state", "This role was confirmed or ended already."))
    step.subject.confirmed_by, step.subject.confirmed_at = step.actor.person, step.now
    step.save(step.subject)
    return Effect(payload={"role": step.subject.role})


@transition(RoleAssignment, event="role.ended", permission=Permission.ROLE_END, reason_needed=True)
def end_role(step: Step[RoleAssignment]) -> Effect:
    """An admin ends a role, at once and with a reason."""
    if step.subject.until is not None:
        raise refuse(Refusal("STATE", "state", "This role has ended already."))
    step.subject.until = step.now
    step.save(step.subject)
    return Effect(payload={"role": step.subject.role})


@transition(Person, event="delegation.set", permission=Permission.DELEGATION_SET)
def delegate(step: Step[Person], *, giver: Person, from_at: datetime, until_at: datetime) -> Effect:
    """A person names, for themself and the future, who decides in their place (A11); the subject is the taker."""
    _check_delegation(step, giver, from_at, until_at)
    made = Delegation(giver=giver, taker=step.subject, from_at=from_at, until_at=until_at, reason=step.reason)
    step.save(made)
    return Effect(subject=made, payload={"from_at": ledger.instant(from_at), "until_at": ledger.instant(until_at)})


def _check_delegation(step: Step[Person], giver: Person, from_at: datetime, until_at: datetime) -> None:
    taker = step.subject
    problems = [
        (
            step.actor.person != giver or step.actor.standing_for is not None,
            "A delegation is set by the person themself.",
        ),
        (giver.pk == taker.pk, "You can't stand in for yourself."),
        (from_at < step.now, "A delegation starts in the future, not in the past."),
        (
            not from_at < until_at <= from_at + timedelta(days=DELEGATION_DAYS),
            f"It lasts at most {DELEGATION_DAYS} days.",
        ),
        (not taker.is_here, f"{taker.name} is not here any more."),
        (
            Delegation.objects.filter(
                giver=taker, ended_at__isnull=True, until_at__gt=from_at, from_at__lt=until_at
            ).exists(),
            f"{taker.name} has passed their own decisions on: a delegation goes one level.",
        ),
        (
            Delegation.objects.filter(
                giver=giver, ended_at__isnull=True, until_at__gt=from_at, from_at__lt=until_at
            ).exists(),
            "You have a delegation in that time already.",
        ),
        (
            Delegation.objects.filter(
                taker=giver, ended_at__isnull=True, until_at__gt=from_at, from_at__lt=until_at
            ).exists(),
            "Somebody has passed their decisions on to you: a delegation goes one level.",
        ),
    ]
    for wrong, sentence in problems:
        if wrong:
            raise refuse(Refusal("A11", "input", sentence))


@transition(Delegation, event="delegation.ended", permission=Permission.DELEGATION_SET)
def end_delegation(step: Step[Delegation]) -> Effect:
    """The giver takes their decisions back at once."""
    if step.actor.person != step.subject.giver:
        raise refuse(Refusal("A11", "permission", "Only who gave a delegation ends it."))
    step.subject.ended_at = step.now
    step.save(step.subject)
    return Effect()


@transition(Person, event="person.left", permission=Permission.PERSON_MANAGE, reason_needed=True)
def record_leaver(step: Step[Person]) -> Effect:
    """An admin records that somebody left: they fill no seat and sign in no more; their record stays (S1)."""
    if step.subject.left_at is not None:
        raise refuse(Refusal("STATE", "state", f"{step.subject.name} has left already."))
    step.subject.left_at, step.subject.is_active = step.now, False
    step.save(step.subject)
    return Effect()


class AlreadyBootstrapped(Exception):
    """The ledger is not empty: roles are assigned by two admins from here on (S9)."""


def bootstrap(*, admins: Sequence[Person], reviewers: Sequence[Person], now: datetime) -> None:
    """Name the first two admins and two security reviewers, once, on an empty ledger (S9).

    Raises:
        AlreadyBootstrapped: something is in the ledger already.
        ValueError: not exactly two of each, or one person in two places.
    """
    people = [*admins, *reviewers]
    if len(admins) != 2 or len(reviewers) != 2 or len({p.pk for p in people}) != 4:
        raise ValueError("Name two admins and two other people as security reviewers.")
    actor = Actor.of_job("bootstrap")
    with transaction.atomic():
        # Two bootstraps at once: the second waits here and then finds the ledger not empty.
        list(Person.objects.select_for_update().filter(pk__in=[p.pk for p in people]).order_by("pk"))
        if LedgerEvent.objects.exists():
            raise AlreadyBootstrapped("The ledger is not empty: roles are now proposed and confirmed by two admins.")
        for person in people:
            role = Role.ADMIN if person in admins else Role.SECURITY_REVIEWER
            made = RoleAssignment(person=person, role=role, proposed_at=now, confirmed_at=now, by_bootstrap=True)
            made.save()
            payload = {"role": str(role), "person": str(person.opaque_id)}
            ledger.append(actor=actor, verb="role.bootstrapped", subject=made, now=now, payload=payload)
