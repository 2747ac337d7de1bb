"""Stop: one press suspends everything of an automation, grant, identity, resource or team, and can be undone for a minute (G5).

Rows are locked as in `lifecycle`: the subject, then the automations, then their grants, each in order of their ids.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Model, Q, QuerySet

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind, GrantState, Stop
from approvals.models.grant import GrantQuerySet, Why
from governance.core.access import Actor, Permission, Refusal, duty, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import LedgerEvent, Team
from inventory.automations import rules
from inventory.automations.transitions import lifecycle as automation_lifecycle
from inventory.identities import queries as identity_queries
from inventory.models import Automation, AutomationState, NonHumanIdentity, Resource

RUNNING = (AutomationState.LIVE, AutomationState.SUSPENDED)
NOTHING = Refusal("G5", "state", "Nothing here is in force, so there is nothing to stop.")


def stoppable_automations(team: Team) -> Any:
    """Return the automations of a team that run or may run again, and are not stopped."""
    return Automation.objects.filter(team=team, state__in=RUNNING, stopped_by__isnull=True)


def stoppable_grants(target: Resource | NonHumanIdentity) -> GrantQuerySet:
    """Return the standing grants on a resource, or of an identity, that are not stopped."""
    standing = Grant.objects.standing().exclude(state=GrantState.SUSPENDED, suspended_why=Why.STOPPED)
    if isinstance(target, Resource):
        return standing.filter(
            Q(entitlement__resource=target) | Q(kind=GrantKind.CREDENTIAL, approval__decided_on=target)
        )
    runs = identity_queries.versions_of_identity(target).order_by().values("automation")
    return standing.filter(Q(identity=target) | Q(identity__isnull=True, automation__in=runs))


@duty("G5")
def something_runs(subject: Team, actor: Actor, now: datetime) -> Refusal | None:
    """Stop of a team needs an automation that is not stopped."""
    return None if stoppable_automations(subject).exists() else NOTHING


@duty("G5")
def something_is_held(subject: Resource | NonHumanIdentity, actor: Actor, now: datetime) -> Refusal | None:
    """Stop of a resource or an identity needs a grant that is not stopped."""
    return None if stoppable_grants(subject).exists() else NOTHING


@duty("G5")
def not_undone(subject: Stop, actor: Actor, now: datetime) -> Refusal | None:
    """A stop is undone once."""
    return Refusal("G5", "state", "You undid this stop.") if subject.undone_at is not None else None


@duty("G5")
def within_a_minute(subject: Stop, actor: Actor, now: datetime) -> Refusal | None:
    """A stop is undone within 60 seconds."""
    if now < subject.undo_until:
        return None
    to_do = "Two other people restart an automation. A stopped grant needs a new submission."
    return Refusal("G5", "state", "The 60 seconds to undo this are over.", to_do)


@duty("G5")
def no_reason_yet(subject: Stop, actor: Actor, now: datetime) -> Refusal | None:
    """A stop has one reason."""
    return Refusal("G5", "state", "You gave the reason.") if subject.reason_id is not None else None


def same_press(subject: Any, actor: Actor, reason: str, params: Mapping[str, Any]) -> Model | None:
    """Return the last stop that the same person has pressed here, while it stands: a second press shows it."""
    row = subject.stops.filter(by=actor.person, undone_at__isnull=True).first() if actor.person else None
    return row if row and any(rows.exists() for rows in still_stopped(row)) else None


def still_stopped(row: Stop) -> tuple[QuerySet[Automation], GrantQuerySet]:
    """Return the automations and the grants that are stopped since a press."""
    moved = [pk for pk, before in row.grants.items() if before]
    grants = Grant.objects.filter(pk__in=moved, state=GrantState.SUSPENDED, suspended_why=Why.STOPPED)
    suspended = Automation.objects.filter(state=AutomationState.SUSPENDED)
    return suspended.filter(pk__in=row.automations, stopped_by=row.by), grants


press = partial(transition, event="stop.pressed", repeats=same_press)
of_stop = partial(transition, Stop, permission=Permission.STOP_FOLLOW)


@press(Automation, permission=Permission.AUTOMATION_STOP, source=RUNNING, duties=[rules.not_stopped])
def stop_automation(step: Step[Automation]) -> Effect:
    """Stop an automation at once."""
    return _stop(step, automations=[step.subject], automation=step.subject)


@press(Team, permission=Permission.AUTOMATION_STOP, duties=[something_runs])
def stop_team(step: Step[Team]) -> Effect:
    """Stop all automations of a team at once."""
    return _stop(step, automations=_lock(stoppable_automations(step.subject)), team=step.subject)


@press(
    Grant,
    permission=Permission.GRANT_REVOKE,
    parents=["automation"],
    source=lifecycle.STANDING,
    duties=[lifecycle.not_stopped],
)
def stop_grant(step: Step[Grant]) -> Effect:
    """Stop a grant at once."""
    return _stop(step, held=[step.subject], grant=step.subject)


@press(Resource, permission=Permission.GRANT_REVOKE, duties=[something_is_held])
def stop_resource(step: Step[Resource]) -> Effect:
    """Stop all access to a resource at once."""
    return _stop(step, held=_locked(stoppable_grants(step.subject)), resource=step.subject)


@press(NonHumanIdentity, permission=Permission.GRANT_REVOKE, duties=[something_is_held])
def stop_identity(step: Step[NonHumanIdentity]) -> Effect:
    """Stop all access of an identity at once."""
    return _stop(step, held=_locked(stoppable_grants(step.subject)), identity=step.subject)


def _stop(
    step: Step[Any], *, automations: Sequence[Automation] = (), held: Sequence[Grant] = (), **target: Any
) -> Effect:
    if not automations and not held:  # others stopped all of it at the same moment
        raise refuse(NOTHING)
    row = Stop(by=step.actor.person, at=step.now, automations=[automation.pk for automation in automations], **target)
    above = {*row.automations, *(grant.automation_id for grant in held)}
    live = Grant.objects.live(step.now).filter(automation__in=above).values_list("pk", flat=True)
    before = set(live)
    for automation in automations:
        automation_lifecycle.stop(automation, actor=step.actor, now=step.now)
    moved = {str(grant.pk): [grant.state, grant.suspended_why] for grant in held}
    _move(step, held, "grant.stopped", {pk: [GrantState.SUSPENDED, Why.STOPPED] for pk in moved})
    row.reason, row.grants = step.reason, {str(pk): [] for pk in before.difference(live.all())} | moved
    step.save(row)
    return Effect(subject=row, payload={"automations": len(automations), "grants": len(held)})


def _locked(grants: GrantQuerySet) -> list[Grant]:
    """Lock the automations of grants, then the grants."""
    above = Automation.objects.filter(pk__in=list(grants.order_by().values_list("automation", flat=True).distinct()))
    _lock(above.values_list("pk"))
    return _lock(grants.select_related("automation", "entitlement__resource"))


def _lock(rows: QuerySet[Any, Any]) -> list[Any]:
    """Lock rows in order of their ids. What another has changed in the meantime, so that it no longer matches, is left out."""
    return list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))


def _move(step: Step[Any], grants: Sequence[Grant], event: str, states: Mapping[str, list[str]]) -> None:
    """Give grants the states and reasons of suspension in ``states``, by id, with history and an event for each."""
    for grant in grants:
        was, (grant.state, grant.suspended_why) = grant.state, states[str(grant.pk)]
        step.record(event, grant, {"from": was, "to": grant.state, "why": Why.STOPPED})
    step.update(grants, "state", "suspended_why")


@of_stop(event="stop.undone", duties=[not_undone, within_a_minute])
def undo(step: Step[Stop]) -> Effect:
    """Undo a stop within 60 seconds: what it stopped, and nothing more, is as before; what was held back since stays so."""
    row = step.subject
    row.undone_at = step.now
    step.save(row)
    automations, stopped = still_stopped(row)
    for automation in _lock(automations):
        automation_lifecycle.undo_stop(automation, actor=step.actor, now=step.now)
    grants = _locked(stopped)
    since = LedgerEvent.objects.filter(
        verb="grant.held_back", subject_id__in=row.grants, at__gte=row.at, outcome="done"
    )
    held_back = {event.subject_id: [GrantState.SUSPENDED, event.payload["why"]] for event in since}
    _move(step, grants, "grant.stop_undone", row.grants | held_back)
    return Effect(payload={"automations": len(row.automations), "grants": len(grants)})


@of_stop(event="stop.explained", duties=[no_reason_yet], reason_needed=True)
def explain(step: Step[Stop]) -> Effect:
    """Add the reason of a stop."""
    step.subject.reason = step.reason
    step.save(step.subject)
    return Effect()
