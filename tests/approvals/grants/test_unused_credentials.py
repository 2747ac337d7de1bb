"""A credential without a privilege to use it is not granted, and its grant ends with the last such privilege (A2): refused first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import Grant, GrantState, RevocationTask, Submission
from approvals.models.grant import Why
from approvals.submissions.transitions import put_in_force
from governance.core.actors.actor import Actor
from governance.core.models import LedgerEvent, Notice
from inventory.automations.transitions import lifecycle
from inventory.models import Credential, Privilege
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.grants.test_lifecycle import caused
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db

JOB = Actor.of_job("approvals.sweep")

#: What the pages say where every privilege that uses a credential was refused.
REFUSED_ALL = "Not granted: every privilege that uses it was rejected"


def token(c: Company) -> Credential:
    """The credential that opens Slack."""
    return Credential.objects.get(opens=c.slack)


def decided_without_slack(c: Company, submission: Submission) -> Submission:
    """Omar refuses the privilege on Slack and approves the rest, the Slack token included."""
    n = c.people
    for record in submission.approvals.filter(stage=2).order_by("pk"):
        if record.privilege is not None and record.privilege.entitlement.resource == c.slack:
            scenarios.reject(record, n.omar, now=c.now)
        else:
            scenarios.approve(record, n.omar, now=c.now)
    submission.refresh_from_db()
    assert submission.state == "decided"
    return submission


def accepted(c: Company, submission: Submission) -> Submission:
    """Jonas accepts what was approved."""
    return put_in_force.accept_subset(submission, actor=as_actor(c.people.jonas), now=c.now)


def held(c: Company, **conditions: Any) -> Grant:
    """The one grant of Weekly stock report that is about something."""
    return Grant.objects.get(automation__name="Weekly stock report", **conditions)


@pytest.mark.rule("A2", "A5")
def test_credential_is_not_granted_if_every_privilege_that_uses_it_was_refused(
    company: Company, stage_2: Submission
) -> None:
    submission = decided_without_slack(company, stage_2)
    accepted(company, submission)
    kept = {(grant.kind, grant.credential) for grant in scenarios.grants_of(submission)}
    erp = Credential.objects.get(opens=company.erp)
    assert kept == {("privilege", erp), ("credential", erp)}
    event = LedgerEvent.objects.get(verb="submission.put_in_force", outcome="done")
    record = submission.approvals.get(credential=token(company))
    assert event.payload["unneeded"] == [str(record.pk)]


@pytest.mark.rule("A2")
def test_owner_and_accepter_learn_why_credential_is_not_granted(company: Company, stage_2: Submission) -> None:
    n = company.people
    Credential.objects.filter(opens=company.slack).update(owner=n.piet)
    accepted(company, decided_without_slack(company, stage_2))
    notices = Notice.objects.filter(event="credential_not_needed")
    assert set(notices.values_list("recipient", flat=True)) == {n.piet.pk, n.jonas.pk}
    assert {(notice.context["why"], notice.context["credential"]) for notice in notices} == {
        ("refused", str(token(company)))
    }


@pytest.mark.rule("A2", "A5")
def test_review_names_the_credential_that_is_not_granted(company: Company, stage_2: Submission) -> None:
    submission = decided_without_slack(company, stage_2)
    page = client_of(company.people.jonas).get(f"/review/{submission.pk}/").content.decode()
    assert REFUSED_ALL in page
    assert f"{token(company)} is not granted, because every privilege that uses it was rejected." in page
    assert "Accept the 2" in page


@pytest.mark.rule("A2", "G1")
def test_database_refuses_a_credential_grant_without_a_privilege(company: Company, stage_2: Submission) -> None:
    submission = decided_without_slack(company, stage_2)
    accepted(company, submission)
    record = submission.approvals.get(credential=token(company))
    made = Grant(
        automation=submission.automation,
        kind="credential",
        credential=token(company),
        key=record.key,
        level="execute",
        tier=record.tier,
        app_approval=submission.app_approval,
        approval=record,
        begins_at=submission.ended_at,
        ends_at=submission.ended_at + timedelta(days=record.term_days),
    )
    with database_refuses("A2: no privilege that uses credential"):
        made.save()
        sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.rule("A2", "G3")
def test_database_refuses_to_end_the_last_privilege_alone(company: Company, stock_in_force: Submission) -> None:
    with database_refuses("A2: no privilege that uses credential"):
        sql(
            "UPDATE approvals_grant SET state = 'ended', ended_at = %s, ended_why = 'revoked' WHERE id = %s",
            company.now,
            held(company, kind="privilege", credential=token(company)).pk,
        )
        sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.rule("A2", "G3", "G4")
def test_credential_ends_with_the_last_privilege_that_uses_it(company: Company, stock_in_force: Submission) -> None:
    n = company.people
    Credential.objects.filter(opens=company.slack).update(owner=n.piet)
    last = held(company, kind="privilege", credential=token(company))
    transition_lifecycle.revoke(last, actor=as_actor(n.jonas), now=company.now, reason="Not needed any more.")
    grant = held(company, kind="credential", credential=token(company))
    assert (grant.state, grant.ended_why, grant.ended_at) == (GrantState.ENDED, Why.NOT_NEEDED, company.now)
    assert RevocationTask.objects.filter(grant=grant).exists()
    notices = Notice.objects.filter(event="credential_not_needed")
    assert set(notices.values_list("recipient", flat=True)) == {n.piet.pk, n.jonas.pk}
    assert {notice.context["why"] for notice in notices} == {"ended"}
    other = held(company, kind="credential", credential__opens=company.erp)
    assert other.state == GrantState.ACTIVE


@pytest.mark.rule("A2", "G3")
def test_credential_ends_when_the_term_of_the_last_privilege_is_over(
    company: Company, stock_in_force: Submission
) -> None:
    last = held(company, kind="privilege", credential=token(company))
    transition_lifecycle.expire(last, actor=JOB, now=last.ends_at)
    assert held(company, kind="credential", credential=token(company)).ended_why == Why.NOT_NEEDED


@pytest.mark.rule("A2")
def test_credential_stays_while_its_privilege_is_only_suspended_or_renewed(
    company: Company, stock_in_force: Submission
) -> None:
    privilege = held(company, kind="privilege", credential=token(company))
    stops.stop_grant(privilege, actor=as_actor(company.people.omar), now=company.now, reason="It floods the channel.")
    assert held(company, kind="credential", credential=token(company)).state == GrantState.ACTIVE
    other = held(company, kind="privilege", credential__opens=company.erp)
    caused(other, transition_lifecycle.succeed, company, answers=[1], ends_at=other.ends_at)
    assert held(company, kind="credential", credential__opens=company.erp).state == GrantState.ACTIVE
    sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.rule("A2", "L1")
def test_retired_automation_ends_each_grant_once_for_that_reason(company: Company, stock_in_force: Submission) -> None:
    n = company.people
    lifecycle.retire(stock_in_force.automation, actor=as_actor(n.jonas), now=company.now, reason="Replaced.")
    grants = Grant.objects.filter(automation=stock_in_force.automation)
    assert set(grants.values_list("state", "ended_why")) == {(GrantState.ENDED, Why.RETIRED)}


@pytest.mark.rule("A2")
def test_credential_that_no_privilege_of_the_version_asks_for_is_granted(company: Company) -> None:
    """A2 is about a credential that has no privilege *left*: one that serves a trigger alone never had any."""
    version = stock_report.version(company)
    with unguarded(Privilege):
        version.privileges.filter(entitlement__resource=company.slack).update(credential=None)
    submission = scenarios.in_force(company, version)
    assert submission.state == "in_force"
    assert held(company, kind="credential", credential=token(company)).state == GrantState.ACTIVE
    sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.rule("A2", "G6")
def test_credential_stays_while_the_end_of_its_privilege_is_held(
    company: Company, stock_in_force: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "NEVER_HELD", 0)
    transition_lifecycle.revoke(
        held(company, kind="privilege", credential=token(company)),
        actor=as_actor(company.people.jonas),
        now=company.now,
        reason="Not needed any more.",
    )
    assert held(company, kind="credential", credential=token(company)).state == GrantState.ACTIVE
