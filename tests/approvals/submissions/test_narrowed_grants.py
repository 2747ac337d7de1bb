"""What an approver narrowed holds in the database: no grant by SQL is wider than the decisions that approved it, nor before it is in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.models import Approval, Grant, Submission
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.refusals import database_refuses, sql
from tests.savepoints import undone
from tests.scenarios import Company
from tests.trigger_bypass import without_events

pytestmark = pytest.mark.usefixtures("unrecorded")


def insert_grant(record: Approval, begins_at: datetime | None, **changed: Any) -> None:
    """The grant of a record by SQL, as putting in force would write it but for some columns; it runs for ``days``."""
    submission, privilege = record.submission, record.privilege
    columns: dict[str, Any] = {
        "automation_id": submission.automation_id,
        "kind": record.kind,
        "entitlement_id": privilege.entitlement_id if privilege else None,
        "credential_id": privilege.credential_id if privilege else record.credential_id,
        "key": record.key,
        "target": privilege.target if privilege else "",
        "scope": privilege.scope if privilege else [],
        "level": privilege.counted_level if privilege else "execute",
        "sentence": "Read",
        "tier": record.tier,
        "app_approval_id": submission.app_approval_id,
        "approval_id": record.pk,
        **dict.fromkeys(("suspended_why", "ended_why"), ""),
        "state": "active",
        "enforcement": "detached",
        "renew": True,
        "begins_at": begins_at,
        "days": 1,
        **changed,
    }
    days = columns.pop("days")
    sql(
        f"INSERT INTO approvals_grant ({', '.join(columns)}, ends_at) VALUES ({', '.join(['%s'] * len(columns))},"
        " %s::timestamptz + make_interval(days => %s))",
        *columns.values(),
        columns["begins_at"],
        days,
    )


def narrowed(company: Company, submission: Submission) -> tuple[Approval, Approval]:
    """Of the chaser: reading two tables, left for 30 days and one of them; posting to a channel, lowered to reading. By Omar, and Sana."""
    reading = submission.approvals.get(privilege__scope=["fin.invoices", "fin.customers"])
    posting = stock_report.privilege_on(submission, company.slack)
    scenarios.approve(reading, company.people.omar, now=company.now, term_days=30, scope=["fin.customers"])
    scenarios.approve(posting, company.people.omar, now=company.now, level="read")
    for record in (reading, posting):
        if record.state == "open":
            scenarios.approve(record, company.people.sana, now=company.now)
    return reading, posting


def refuse_the_rest(submission: Submission) -> None:
    """Whatever is still open ends without a grant, by SQL; the submission is decided, and nobody has accepted it."""
    sql("UPDATE approvals_approval SET state = 'rejected' WHERE submission_id = %s AND state = 'open'", submission.pk)
    sql("UPDATE approvals_submission SET state = 'decided' WHERE id = %s AND state = 'open'", submission.pk)


def put_in_force(submission: Submission, at: datetime) -> None:
    """A submission is in force, by SQL and without a grant."""
    refuse_the_rest(submission)
    sql("UPDATE approvals_submission SET state = 'in_force', ended_at = %s WHERE id = %s", at, submission.pk)


def forget_narrowing(record: Approval) -> None:
    """As an admin of the database would, past its triggers."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("ALTER TABLE approvals_approval DISABLE TRIGGER USER")
    sql(
        "UPDATE approvals_approval SET granted_term_days = NULL, granted_level = '', granted_scope = NULL WHERE id = %s",
        record.pk,
    )
    sql("ALTER TABLE approvals_approval ENABLE TRIGGER USER")
    without_events()


@pytest.mark.rule("A7", "G1")
def test_narrowing_stays_after_approval_ends(company: Company, chaser: Submission) -> None:
    for record in narrowed(company, chaser):
        assert record.state == "approved"
        for change in (
            "granted_term_days = NULL",
            "granted_term_days = 7",
            "granted_level = 'admin'",
            "granted_scope = '{everything}'",
            "carried_from_id = id",
        ):
            with database_refuses("A8: approval # has ended"):
                sql(f"UPDATE approvals_approval SET {change} WHERE id = %s", record.pk)


@pytest.mark.rule("A7", "G1")
def test_grant_is_never_wider_than_decisions(company: Company, chaser: Submission) -> None:
    reading, posting = narrowed(company, chaser)
    put_in_force(chaser, company.now)
    for is_forgotten in (False, True):
        if is_forgotten:
            forget_narrowing(reading)
            forget_narrowing(posting)
        for scope in (["everything"], ["fin.invoices"], reading.privilege.scope):
            with database_refuses("G1: a grant says what was approved"):
                insert_grant(reading, company.now, scope=scope)
        with database_refuses("G1: a grant is never longer"):
            insert_grant(reading, company.now, scope=["fin.customers"], days=31)
        for level in ("admin", "execute", "write", "unknown"):
            with database_refuses("G1: a grant is never more"):
                insert_grant(posting, company.now, level=level)
    insert_grant(reading, company.now, scope=["fin.customers"], days=30)
    insert_grant(posting, company.now, level="read")


@pytest.mark.rule("A7", "G1")
def test_running_things_is_not_granted_as_changing_them(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.model)
    scenarios.approve(record, company.people.omar, now=company.now)
    put_in_force(chaser, company.now)
    for level in ("write", "read", "unknown", "admin"):
        with database_refuses("G1: a grant is never more than what was asked"):
            insert_grant(record, company.now, level=level)
    insert_grant(record, company.now, level="execute")


@pytest.mark.rule("A7", "A8", "G1")
def test_narrowing_by_one_approver_binds_the_other(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.mail)
    scenarios.approve(record, company.people.mei, now=company.now, term_days=20)
    sql("UPDATE approvals_approval SET granted_term_days = NULL WHERE id = %s", record.pk)
    record.refresh_from_db()
    scenarios.approve(record, company.people.sana, now=company.now)
    assert (record.state, record.granted_term_days) == ("approved", 90)
    put_in_force(chaser, company.now)
    with database_refuses("G1: a grant is never longer"):
        insert_grant(record, company.now, days=21)
    insert_grant(record, company.now, days=20)


@pytest.mark.rule("A7", "A14", "G1")
def test_carried_narrowing_stays(company: Company, stage_2: Submission) -> None:
    before = stock_report.privilege_on(stage_2, company.slack)
    scenarios.approve(before, company.people.omar, now=company.now, term_days=30, level="read")
    newer = stock_report.submitted(company, stock_report.one_more_channel)
    kept = newer.approvals.get(carried_from=before)
    assert (kept.state, kept.decisions.count(), kept.carried_decisions.count()) == ("approved", 0, 1)
    forget_narrowing(kept)
    put_in_force(newer, company.now)
    with database_refuses("G1: a grant is never longer"):
        insert_grant(kept, company.now, level="read", days=31)
    with database_refuses("G1: a grant is never more"):
        insert_grant(kept, company.now)
    insert_grant(kept, company.now, level="read", days=30)


@pytest.mark.full("renews narrowed grants")
@pytest.mark.rule("A7", "G2")
def test_a_successor_is_no_wider_than_the_decisions_either(company: Company, chaser: Submission) -> None:
    reading, posting = narrowed(company, chaser)
    stock_report.decide_rest(company, chaser)
    later = company.now + timedelta(days=10)
    for record, allowed, too_much, refused in (
        (reading, {"scope": ["fin.customers"], "days": 30}, {"scope": ["fin.customers"], "days": 31}, "G1"),
        (reading, {"scope": ["fin.customers"]}, {"scope": reading.privilege.scope}, "G2"),
        (reading, {"scope": ["fin.customers"]}, {"scope": ["fin.customers"], "target": "fin.*"}, "G2"),
        (reading, {"scope": ["fin.customers"]}, {"scope": ["fin.customers"], "key": "another"}, "G2"),
        (reading, {"scope": ["fin.customers"]}, {"scope": ["fin.customers"], "kind": "credential"}, "G2"),
        (reading, {"scope": ["fin.customers"]}, {"scope": ["fin.customers"], "tier": "low"}, "G2"),
        (
            reading,
            {"scope": ["fin.customers"]},
            {"scope": ["fin.customers"], "entitlement_id": posting.privilege.entitlement_id},
            "G2",
        ),
        (reading, {"scope": ["fin.customers"]}, {"scope": ["fin.customers"], "credential_id": None}, "G2"),
        (reading, {"scope": ["fin.customers"]}, {"scope": ["fin.customers"], "held_as": 59}, "G2"),
        (posting, {"level": "read"}, {"level": "write"}, "G2"),
    ):
        old = Grant.objects.get(approval=record, predecessor=None)
        sql(  # a credential does not outlive the last privilege that uses it (A2)
            "UPDATE approvals_grant SET state = 'ended', ended_at = %s, ended_why = 'x'"
            " WHERE id = %s OR kind = 'credential' AND automation_id = %s AND state <> 'ended'",
            later,
            old.pk,
            old.automation_id,
        )
        forget_narrowing(record)
        same = {"predecessor_id": old.pk, "held_as": old.held_as}
        with database_refuses(refused):
            insert_grant(record, later, **same | too_much)
        with database_refuses("G3: the term of grant # was over"):  # it had ended by then
            insert_grant(record, later + timedelta(minutes=1), **same | allowed)
        with undone():
            insert_grant(record, later, **same | allowed)


@pytest.mark.rule("G1", "A5")
def test_submission_not_in_force_creates_no_grant(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.erp)
    scenarios.approve(record, company.people.omar, now=company.now)
    with database_refuses("G1: a grant begins when"):  # open: other records wait
        insert_grant(record, company.now)
    refuse_the_rest(stage_2)
    with database_refuses("G1: a grant begins when"):  # decided, and its owner has not accepted what was refused
        insert_grant(record, company.now)
    with undone():
        sql("UPDATE approvals_submission SET state = 'declined', ended_at = %s WHERE id = %s", company.now, stage_2.pk)
        with database_refuses("G1: a grant begins when"):
            insert_grant(record, company.now)
    put_in_force(stage_2, company.now)
    for begins_at in (company.now - timedelta(days=1), company.now + timedelta(days=300)):
        with database_refuses("G1: a grant begins when"):
            insert_grant(record, begins_at)
    insert_grant(record, company.now)


@pytest.mark.rule("A5")
def test_a_submission_is_in_force_only_after_every_record_has_ended(company: Company, stage_2: Submission) -> None:
    for state, why in (
        ("decided", "submission # has an approval that has not ended"),
        ("in_force", "submission # is not decided"),
    ):
        with database_refuses(f"A5: {why}"):
            sql("UPDATE approvals_submission SET state = %s WHERE id = %s", state, stage_2.pk)
    sql("UPDATE approvals_approval SET state = 'rejected' WHERE submission_id = %s AND state = 'open'", stage_2.pk)
    with database_refuses("A5: submission # is not decided"):  # not even then in one step
        sql("UPDATE approvals_submission SET state = 'in_force' WHERE id = %s", stage_2.pk)
    put_in_force(stage_2, company.now)
    with database_refuses("A5: submission # has ended"):
        sql("UPDATE approvals_submission SET ended_at = ended_at + interval '1 year' WHERE id = %s", stage_2.pk)
    columns = ", ".join(
        field.column for field in Submission._meta.concrete_fields if field.name not in ("id", "app_approval")
    )
    with database_refuses("A5: submission # is not decided"):
        sql(
            f"INSERT INTO approvals_submission ({columns}) SELECT {columns} FROM approvals_submission WHERE id = %s",
            stage_2.pk,
        )


@pytest.mark.rule("A1", "A13")
def test_finished_submission_takes_no_more_approvals(company: Company, live: Submission) -> None:
    """Policy may approve what is low without a decision: such a record is not added afterwards either."""
    more = stock_report.privilege_on(live, company.erp).privilege
    assert more is not None
    more.pk, more.key = None, "another"
    more.save(force_insert=True)
    with database_refuses("A1: submission # takes no more approvals"):
        Approval.objects.create(
            submission=live,
            stage=2,
            kind="privilege",
            privilege=more,
            tier="low",
            term_days=365,
            by_policy=live.policy,
            state="approved",
        )
