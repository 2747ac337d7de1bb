"""How submissions, their records and grants get into the states of ``approvals.csv``, and what allowed writes are called with.

The stock report (standard risk) and the invoice chaser (high) are brought in by *importer* and submitted by *builder*, for
*business_owner* and *technical_owner*; *team_lead* approves the app, for high risk with *second_security*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from approvals import grants, transitions
from approvals.models import Approval, Grant, Party, Sample, Submission
from approvals.models.submission import Capacity
from governance.controls.actors import Actor
from governance.controls.models import Person
from governance.controls.people import record_leaver
from inventory import lifecycle
from inventory.models import Automation, Version
from tests import journeys
from tests.approvals import stock
from tests.approvals.drawing import sealed
from tests.matrix.worlds import World, arguments, besides, inside, state
from tests.people import as_actor, as_delegate

APPROVAL, SUBMISSION, GRANT = "approvals.approval", "approvals.submission", "approvals.grant"
SAMPLE = "approvals.sample"


# --- who else ---------------------------------------------------------------------------------------------------------


def _once(w: World, name: str, make: Callable[[], Actor]) -> Actor:
    if name not in w.made:
        w.made[name] = make()
    made: Actor = w.made[name]
    return made


@besides("approvals", "importer")
def importer(w: World) -> Actor:
    """A member of the team who brings in and does not submit."""
    return _once(w, "importer", lambda: as_actor(w.northwind.rita))


@besides("approvals", "delegate_of_owner")
def delegate_of_owner(w: World) -> Actor:
    """Somebody without any relation, to whom the resource's owner has passed their decisions on."""
    return _once(w, "delegate_of_owner", lambda: as_delegate(w.northwind.tom, giver=w.people["resource_owner"]))


@besides("approvals", "owner_by_token")
def owner_by_token(w: World) -> Actor:
    """The resource's owner by a token or a command, which is no session."""
    return as_actor(w.people["resource_owner"], None)


@besides("approvals", "owner_long_ago")
def owner_long_ago(w: World) -> Actor:
    """The resource's owner, signed in an hour ago."""
    return as_actor(w.people["resource_owner"], 60)


@besides("approvals", "security_long_ago")
def security_long_ago(w: World) -> Actor:
    """A security reviewer, signed in an hour ago."""
    return as_actor(w.people["security"], 60)


# --- submissions ------------------------------------------------------------------------------------------------------


def _owners(w: World) -> dict[str, Person]:
    return {"business_owner": w.people["business_owner"], "technical_owner": w.people["technical_owner"]}


def _submitted(w: World, export: str = stock.EXPORT, *, ago: timedelta = timedelta()) -> Submission:
    delegate_of_owner(w)  # before the owner may leave
    version = journeys.brought_in(w.company, export, by=w.northwind.rita, **_owners(w))
    return journeys.submitted(w.company, version, by=w.people["builder"], now=w.now - ago)


def _stage_2(w: World, export: str = stock.EXPORT, *, ago: timedelta = timedelta()) -> Submission:
    made = _submitted(w, export, ago=ago)
    app = journeys.app_of(made)
    journeys.approve(app, w.people["team_lead"], now=w.now - ago)
    if export != stock.EXPORT:
        journeys.approve(app, w.people["second_security"], now=w.now - ago)
    return made


CHASER = "invoice-chaser.json"

state(SUBMISSION, "open")(_submitted)


@state(SUBMISSION, "decided")
def decided(w: World) -> Submission:
    """One privilege was refused, the rest approved."""
    made = _stage_2(w)
    journeys.reject(stock.privilege_on(made, w.company.slack), w.people["resource_owner"], now=w.now)
    return stock.decide_rest(w.company, made)


@state(SUBMISSION, "unaccepted")
def unaccepted(w: World) -> Submission:
    """The same a month ago, and nobody has accepted or declined; no sweep has run."""
    ago = timedelta(days=30)
    made = _stage_2(w, ago=ago)
    journeys.reject(stock.privilege_on(made, w.company.slack), w.people["resource_owner"], now=w.now - ago)
    for record in made.approvals.filter(stage=2, state="open").order_by("pk"):
        journeys.approve(record, w.people["resource_owner"], now=w.now - ago)
    made.refresh_from_db()
    return made


@state(SUBMISSION, "expired")
def expired_submission(w: World) -> Submission:
    """Nobody accepted or declined in time."""
    return transitions.lapse(unaccepted(w), actor=w.actor("job"), now=w.now)


@state(SUBMISSION, "in_force")
def in_force(w: World) -> Submission:
    """Everything approved."""
    return stock.decide_rest(w.company, _stage_2(w))


@state(SUBMISSION, "declined")
def declined(w: World) -> Submission:
    """The rest was declined."""
    return transitions.decline(decided(w), actor=w.actor("business_owner"), now=w.now, reason="Then not.")


@state(SUBMISSION, "rejected")
def rejected_submission(w: World) -> Submission:
    """The app was rejected."""
    made = _submitted(w)
    journeys.reject(journeys.app_of(made), w.people["team_lead"], now=w.now)
    return made


@state(SUBMISSION, "withdrawn")
def withdrawn_submission(w: World) -> Submission:
    """The submitter took it back."""
    return transitions.withdraw(_submitted(w), actor=w.actor("builder"), now=w.now, reason="Not needed.")


# --- records ----------------------------------------------------------------------------------------------------------


@state(APPROVAL, "app_open")
def app_open(w: World) -> Approval:
    """Stage 1, standard risk."""
    return journeys.app_of(_submitted(w))


@state(APPROVAL, "high_app_open")
def high_app_open(w: World) -> Approval:
    """Stage 1, high risk."""
    return journeys.app_of(_submitted(w, CHASER))


@state(APPROVAL, "waiting")
def waiting(w: World) -> Approval:
    """Stage 2 before the app is approved."""
    return stock.privilege_on(_submitted(w), w.company.slack)


@state(APPROVAL, "open")
def open_record(w: World) -> Approval:
    """Stage 2, standard risk."""
    return stock.privilege_on(_stage_2(w), w.company.slack)


@state(APPROVAL, "overdue")
def overdue(w: World) -> Approval:
    """The same, and its time is up; no sweep has run."""
    record = stock.privilege_on(_stage_2(w, ago=timedelta(days=30)), w.company.slack)
    assert record.expires_at is not None
    assert record.expires_at <= w.now
    return record


def _high(w: World) -> Approval:
    return _stage_2(w, CHASER).approvals.get(privilege__entitlement__resource=w.company.erp, tier="high")


state(APPROVAL, "high_open")(_high)


@state(APPROVAL, "high_half")
def high_half(w: World) -> Approval:
    """The owner has approved; security has not."""
    return journeys.approve(_high(w), w.people["resource_owner"], now=w.now)


@state(APPROVAL, "owners_are_parties")
def owners_are_parties(w: World) -> Approval:
    """Stage 2 on a resource whose owner and deputy own the automation."""
    stock.hand_over(w.company, w.company.slack, w.people["business_owner"], w.people["technical_owner"])
    return open_record(w)


@state(APPROVAL, "lead_is_owner")
def lead_is_owner(w: World) -> Approval:
    """Stage 2 on a resource of whoever approved the app."""
    stock.hand_over(w.company, w.company.slack, w.people["team_lead"], w.people["resource_deputy"])
    return open_record(w)


@state(APPROVAL, "orphaned")
def orphaned(w: World) -> Approval:
    """Stage 2 on a resource whose owner left since."""
    record = open_record(w)
    record_leaver(w.people["resource_owner"], actor=w.actor("admin"), now=w.now, reason="Left.")
    return record


@state(APPROVAL, "changes_asked")
def changes_asked(w: World) -> Approval:
    """Sent back by the owner."""
    record = open_record(w)
    return transitions.ask_for_changes(
        record, actor=w.actor("resource_owner"), now=w.now, reason="Why?", shown_digest=journeys.shown(record)
    )


@state(APPROVAL, "approved")
def approved(w: World) -> Approval:
    """By the owner."""
    return journeys.approve(open_record(w), w.people["resource_owner"], now=w.now)


@state(APPROVAL, "rejected")
def rejected(w: World) -> Approval:
    """By the owner."""
    return journeys.reject(open_record(w), w.people["resource_owner"], now=w.now)


@state(APPROVAL, "expired")
def expired(w: World) -> Approval:
    """Nobody decided in time."""
    return transitions.expire(overdue(w), actor=w.actor("job"), now=w.now)


@state(APPROVAL, "not_applicable")
def not_applicable(w: World) -> Approval:
    """Its app was rejected."""
    return stock.privilege_on(rejected_submission(w), w.company.slack)


@state(APPROVAL, "withdrawn")
def withdrawn(w: World) -> Approval:
    """Its submission was withdrawn."""
    return stock.privilege_on(withdrawn_submission(w), w.company.slack)


# --- grants -----------------------------------------------------------------------------------------------------------


def _held(w: World, *, ago: timedelta = timedelta()) -> Grant:
    submission = _stage_2(w, ago=ago)
    for record in submission.approvals.filter(stage=2):
        journeys.approve(record, w.people["resource_owner"], now=w.now - ago)
    return Grant.objects.get(approval=stock.privilege_on(submission, w.company.slack))


state(GRANT, "active")(_held)


@state(GRANT, "over")
def over(w: World) -> Grant:
    """Its term is over, and no sweep has run."""
    return _held(w, ago=timedelta(days=180))


@state(GRANT, "suspended")
def suspended(w: World) -> Grant:
    """Suspended by a review that nobody answered."""
    grant = _held(w)
    with inside(grant, w.actor("job"), w.now):
        grants.suspend(grant, actor=w.actor("job"), now=w.now, why=grants.Why.SILENCE)
    return grant


@state(GRANT, "stopped")
def stopped(w: World) -> Grant:
    """Stopped by an owner of the automation."""
    return grants.stop(_held(w), actor=w.actor("business_owner"), now=w.now, reason="It misbehaves.")


@state(GRANT, "ended")
def ended(w: World) -> Grant:
    """Revoked."""
    return grants.revoke(_held(w), actor=w.actor("business_owner"), now=w.now, reason="Not needed.")


# --- samples ----------------------------------------------------------------------------------------------------------


def _noted(w: World, *, ago: timedelta = timedelta()) -> Sample:
    """The stock report in force, and a newer version of it with another source and nothing else."""
    submission = _stage_2(w, ago=ago)
    for record in submission.approvals.filter(stage=2):
        journeys.approve(record, w.people["resource_owner"], now=w.now - ago)
    version = stock.version(w.company, stock.another_order, **_owners(w))
    newer = journeys.submitted(w.company, version, by=w.people["builder"], now=w.now - ago)
    return newer.samples.get()


def _drawn(w: World, *, ago: timedelta = timedelta(), falls: bool = True) -> Sample:
    sample = _noted(w, ago=ago)
    with sealed(falls=falls):
        return transitions.draw(sample, actor=w.actor("job"), now=w.now - ago)


state(SAMPLE, "waiting")(_noted)
state(SAMPLE, "open")(_drawn)


@state(SAMPLE, "not_drawn")
def not_drawn(w: World) -> Sample:
    """The draw did not fall on it."""
    return _drawn(w, falls=False)


@state(SAMPLE, "overdue")
def overdue_sample(w: World) -> Sample:
    """Drawn ten days ago; nobody has looked and no sweep has run."""
    return _drawn(w, ago=timedelta(days=10))


@state(SAMPLE, "reviewers_are_parties")
def reviewers_are_parties(w: World) -> Sample:
    """Drawn, and every security reviewer has become a party since."""
    sample = _drawn(w)
    for who in ("security", "second_security", "every_role"):
        Party.objects.create(submission=sample.submission, person=w.people[who], capacity=Capacity.EDITOR)
    return sample


@state(SAMPLE, "fine")
def fine(w: World) -> Sample:
    """Looked at: fine."""
    return transitions.find_fine(_drawn(w), actor=w.actor("security"), now=w.now)


@state(SAMPLE, "not_fine")
def not_fine(w: World) -> Sample:
    """Looked at: not fine."""
    return transitions.find_not_fine(_drawn(w), actor=w.actor("security"), now=w.now, reason="It mails the list.")


@state(SAMPLE, "unanswered")
def unanswered(w: World) -> Sample:
    """Nobody looked in time."""
    return transitions.lapse_sample(overdue_sample(w), actor=w.actor("job"), now=w.now)


@state(SAMPLE, "not_applicable")
def no_sample(w: World) -> Sample:
    """Its automation was retired."""
    sample = _drawn(w)
    automation = Automation.objects.get(pk=sample.submission.automation_id)
    lifecycle.retire(automation, actor=w.actor("business_owner"), now=w.now, reason="Nobody needs it.")
    return Sample.objects.get(pk=sample.pk)


# --- arguments --------------------------------------------------------------------------------------------------------


@arguments(f"{APPROVAL}.approve", f"{APPROVAL}.reject", f"{APPROVAL}.ask_for_changes")
def _shown(w: World, record: models.Model) -> Mapping[str, Any]:
    assert isinstance(record, Approval)
    return {"shown_digest": journeys.shown(record)}


@arguments("inventory.automation.submit")
def _newest(w: World, automation: models.Model) -> Mapping[str, Any]:
    """A version that is not under review already: the one there is of a draft, else a newer one."""
    assert isinstance(automation, Automation)
    if "newest" not in w.made:
        known = automation.versions.latest("number")
        w.made["newest"] = (
            stock.version(w.company, stock.one_more_channel) if automation.submissions.exists() else known
        )
    version: Version = w.made["newest"]
    return {"version": version, "wishes": journeys.wishes(version)}
