"""A rule with a changed scope: its earlier conflicts end, and their waivers do not cover its new ones (S6, S7, S8)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import scan
from approvals.conflicts import transitions as conflict_transitions
from approvals.conflicts.transitions import waiver_of
from approvals.models import Conflict, ConflictRule, ConflictState, Submission, Waiver
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.proposals.test_conflict_rule_proposals import approve, proposed, rule_of
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]

JOB = Actor.of_job(conflict_jobs.JOB)


@pytest.fixture
def caught(plain: Company, plain_in_force: Submission) -> Conflict:
    """An automation that a rule for automations catches."""
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce")
    conflict_jobs.scan_all(plain.now, JOB)
    return Conflict.objects.get()


def looks_at(c: Company, scope: str) -> ConflictRule:
    """Two people have the rule look at somebody else."""
    approve(c, proposed(c, rule_of(c, scope=scope, mode="enforce")), c.people.sana)
    return ConflictRule.objects.in_force(c.now).get()


def waived(c: Company, conflict: Conflict, automation: Any) -> Waiver:
    fields = {"code": conflict.code, "subject_id": conflict.subject, "control": "Piet reads every post.", "days": 30}
    waiver = waiver_transitions.ask_waiver(
        automation, actor=as_actor(c.people.rita), now=c.now, reason="Until June.", **fields
    )
    return waiver_transitions.grant_waiver(waiver, actor=as_actor(c.people.sana), now=c.now, reason="For now.")


def test_conflict_of_automation_is_separate_from_owner_with_same_id(plain: Company, caught: Conflict) -> None:
    made = looks_at(plain, "owner")
    ((_, parts),) = scan.scan([conflict_queries.parse_version(made)], plain.now).items()
    parts_by_subject = {caught.subject: parts}  # the same number
    assert conflict_transitions.has_changes(made, parts_by_subject, [caught])
    conflict_transitions.follow_scan(made, actor=JOB, now=plain.now, parts_by_subject=parts_by_subject)
    caught.refresh_from_db()
    assert (caught.state, caught.ended_why, caught.scope) == (ConflictState.ENDED, "rule_changed", "automation")
    (other,) = Conflict.objects.filter(state=ConflictState.OPEN)
    assert (other.scope, other.subject, other.rule) == ("owner", caught.subject, made)
    assert not conflict_transitions.has_changes(made, parts_by_subject, [other])


@pytest.mark.rule("S7")
def test_waiver_of_former_scope_lifts_nothing(plain: Company, caught: Conflict, plain_in_force: Submission) -> None:
    made = waived(plain, caught, plain_in_force.automation)
    assert waiver_of(caught, plain.now) == made
    looks_at(plain, "owner")
    with unguarded(Waiver):  # were it the same number
        Waiver.objects.filter(pk=made.pk).update(subject=plain.people.jonas.pk)
    conflict_jobs.scan_all(plain.now, JOB)
    (other,) = Conflict.objects.filter(state=ConflictState.OPEN)
    assert other.subject == plain.people.jonas.pk
    assert other.due_at is not None
    assert other.by_waiver == []
    assert waiver_of(other, plain.now) is None
    (conflict,) = Conflict.objects.filter(pk=other.pk).telling_waived(plain.now)
    assert (conflict.waived_until, conflict.was_waived) == (None, False)


def test_page_states_changed_scope_of_rule(plain: Company, caught: Conflict) -> None:
    looks_at(plain, "owner")
    conflict_jobs.scan_all(plain.now, JOB)
    shown = client_of(plain.people.rita).get(caught.href).content.decode()
    assert "This rule now covers another kind of subject." in shown
    assert "Rule changed" in shown
    assert conflict_jobs.scan_all(plain.now, JOB)["followed"] == 0
