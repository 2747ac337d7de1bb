"""A renewal makes no grant newer: what goes where nobody resolves a conflict is what came last, not what was renewed last (S6, G2, R1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import transitions as conflict_transitions
from approvals.models import Conflict, Grant, GrantState, Submission
from governance.core.actors.actor import Actor
from governance.recertification.items import review_triggers
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.conflicts.test_shared_identity import HELD_BEFORE
from tests.approvals.submissions.test_reapproval import succeeded
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "G2")]

JOB = Actor.of_job(conflict_jobs.JOB)
RENEWED, DUE = timedelta(days=5), timedelta(days=13)


def enforced(c: Company) -> set[Grant]:
    """What goes once the time to resolve it is over."""
    conflict_jobs.scan_all(c.now + RENEWED + timedelta(days=1), JOB)
    conflict_transitions.enforce(Conflict.objects.get(), actor=JOB, now=c.now + DUE)
    return set(Grant.objects.filter(state=GrantState.SUSPENDED))


@pytest.mark.rule("R1")
def test_the_older_one_stays_the_older_when_it_is_renewed(plain: Company, plain_in_force: Submission) -> None:
    c = plain
    held = Grant.objects.filter(automation=plain_in_force.automation, entitlement__isnull=False).order_by("pk")
    older, newer = held
    conflict_rules.rule(on(c.erp), on(c.slack), mode="enforce", rating="high")
    conflict_jobs.scan_all(c.now, JOB)
    made = succeeded(older, c.now + RENEWED)
    assert made.begins_at > newer.begins_at
    conflict_jobs.scan_all(c.now + RENEWED, JOB)
    assert [grant for _, grant in review_triggers.unreviewed_conflicts()] == [newer]
    assert enforced(c) == {newer}


def test_renewed_grant_keeps_age_of_first_grant(plain: Company, plain_in_force: Submission) -> None:
    held = Grant.objects.filter(automation=plain_in_force.automation, entitlement__isnull=False).order_by("pk")
    older, newer = held
    for days in (1, 2):
        older = succeeded(older, plain.now + timedelta(days=days))
    assert list(held.standing().newest_first()) == [newer, older]
    assert held.standing().newest_first().get(pk=older.pk).first_granted == plain.now


@pytest.mark.rule("I5")
@HELD_BEFORE
def test_older_of_two_on_one_identity_stays_older(company: Company) -> None:
    c = company
    for grant in Grant.objects.filter(automation__name="first").standing():
        succeeded(grant, c.now + RENEWED)
    assert {grant.automation.name for grant in enforced(c)} == {"second"}
