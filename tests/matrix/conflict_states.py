"""How conflicts, their rules and waivers get into the states of ``approvals.csv``, and what allowed writes are called with.

The stock report is in force; a rule that forbids what it reads together with what it posts comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import scan
from approvals.models import Conflict, ConflictRule, Submission, Waiver
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.models import Delegation
from inventory.models import Automation
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.matrix.approvals_states import in_force
from tests.matrix.cast_and_states import World, arguments, creating, start, state
from tests.people import shares

RULE, CONFLICT, WAIVER = "approvals.conflictrule", "approvals.conflict", "approvals.waiver"
CODE = "read-and-tell"
JOB = Actor.of_job(conflict_jobs.JOB)


def _rule(w: World) -> ConflictRule:
    rule = ConflictRule.objects.filter(code=CODE).first()
    since = w.now - timedelta(days=365)
    return rule or conflict_rules.rule(on(w.company.erp), on(w.company.slack), mode="enforce", rating="high", now=since)


def _asked(w: World, automation: Automation) -> Waiver:
    made: Any = waiver_transitions.ask_waiver(
        automation,
        actor=w.actor("business_owner"),
        now=w.now,
        reason="The report is due.",
        code=CODE,
        subject_id=automation.pk,
        control="Somebody reads every post.",
        days=30,
    )
    waiver: Waiver = made
    return waiver


def _granted(w: World, waiver: Waiver) -> Waiver:
    return waiver_transitions.grant_waiver(waiver, actor=w.actor("second_security"), now=w.now, reason="For now.")


@start(on=in_force)
def forbidden(w: World, made: Submission) -> Submission:
    """In force, and a rule forbids it since."""
    _rule(w)
    return made


@state(RULE, "in_force", on=forbidden)
def rule_in_force(w: World, made: Submission) -> ConflictRule:
    """That rule."""
    return ConflictRule.objects.get(code=CODE)


creating(f"{CONFLICT}.open_conflict")


@state(CONFLICT, "new", on=rule_in_force)
def new(w: World, rule: ConflictRule) -> Conflict:
    """Not opened yet."""
    return Conflict(rule=rule, code=CODE, scope=rule.scope, subject=1, opened_at=w.now)


@state(CONFLICT, "open", on=forbidden)
def open_now(w: World, made: Submission) -> Conflict:
    """A scan has found it."""
    conflict_jobs.scan_all(w.now, JOB)
    return Conflict.objects.get(code=CODE)


@state(CONFLICT, "due", on=forbidden)
def due(w: World, made: Submission) -> Conflict:
    """A scan found it eight days ago, and nobody has resolved it."""
    conflict_jobs.scan_all(w.now - timedelta(days=8), JOB)
    return Conflict.objects.get(code=CODE)


@state(CONFLICT, "waived", on=due)
def waived(w: World, conflict: Conflict) -> Conflict:
    """Waived since."""
    _granted(w, _asked(w, Automation.objects.get(pk=conflict.subject)))
    return conflict


@state(CONFLICT, "ended", on=open_now)
def ended(w: World, conflict: Conflict) -> Conflict:
    """Nobody asks for the rule any more."""
    conflict_rules.no_other_rules(w.now)
    conflict_jobs.scan_all(w.now, JOB)
    conflict.refresh_from_db()
    return conflict


@state(WAIVER, "asked", on=forbidden)
def asked(w: World, made: Submission) -> Waiver:
    """A waiver is asked for."""
    return _asked(w, Automation.objects.get(pk=made.automation_id))


@state(WAIVER, "stood_in_for", on=asked)
def stood_in_for(w: World, waiver: Waiver) -> Waiver:
    """A security reviewer was the requester's delegate since then."""
    giver, taker = w.people["business_owner"], w.people["security"]
    shares(taker, giver)
    Delegation.objects.create(giver=giver, taker=taker, from_at=w.now, until_at=w.now + timedelta(days=2))
    return waiver


@state(WAIVER, "granted", on=asked)
def granted(w: World, waiver: Waiver) -> Waiver:
    """Granted."""
    return _granted(w, waiver)


@state(WAIVER, "refused", on=asked)
def refused(w: World, waiver: Waiver) -> Waiver:
    """Refused."""
    return waiver_transitions.refuse_waiver(waiver, actor=w.actor("second_security"), now=w.now, reason="No.")


@state(WAIVER, "withdrawn", on=asked)
def withdrawn(w: World, waiver: Waiver) -> Waiver:
    """Withdrawn."""
    return waiver_transitions.withdraw_waiver(waiver, actor=w.actor("business_owner"), now=w.now)


@state(WAIVER, "ended", on=granted)
def waiver_ended(w: World, waiver: Waiver) -> Waiver:
    """Ended early."""
    return waiver_transitions.end_waiver(waiver, actor=w.actor("second_security"), now=w.now, reason="It went wrong.")


@arguments(f"{RULE}.follow_scan")
def _found(w: World, rule: models.Model) -> Mapping[str, Any]:
    assert isinstance(rule, ConflictRule)
    conflicts = scan.scan([conflict_queries.parse_version(rule)], w.now)
    return {"parts_by_subject": {subject: parts for (_, subject), parts in conflicts.items()}}


@arguments(f"{CONFLICT}.change_conflict")
def _changed(w: World, conflict: models.Model) -> Mapping[str, Any]:
    assert isinstance(conflict, Conflict)
    return {"rule": conflict.rule, "parts": []}


@arguments(f"{CONFLICT}.end_conflict")
def _why(w: World, conflict: models.Model) -> Mapping[str, Any]:
    return {"why": "resolved"}


@arguments("inventory.automation.ask_waiver")
def _wanted(w: World, automation: models.Model) -> Mapping[str, Any]:
    assert isinstance(automation, Automation)
    _rule(w)
    return {"code": CODE, "subject_id": automation.pk, "control": "Somebody reads every post.", "days": 30}
