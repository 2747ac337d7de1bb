"""The database refuses by itself: decisions, approvals and grants written by SQL, past every rule in Python."""

from __future__ import annotations

import pytest

from approvals.inbox.queries import approvals
from approvals.models import Approval, Candidate, Decision, Grant, Seat, Submission
from approvals.submissions.transitions import withdraw
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.refusals import database_refuses, insert_decision, name_candidate, sql
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.database

# --- decisions ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S1", "S5")
def test_a_party_is_refused(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for person in (company.people.rita, company.people.jonas):
        name_candidate(record, person)
        with database_refuses("SOD-1: a party decides nothing in submission #"):
            insert_decision(record, person, now=company.now)
        with database_refuses(
            "SOD-1: a party decides nothing in submission #"
        ):  # nor by a decision that bars its own maker
            insert_decision(record, person, now=company.now, barred=[person.pk])
    assert not record.decisions.exists()


@pytest.mark.rule("S1", "A11")
def test_a_party_is_refused_behind_a_delegate_and_in_front_of_one(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    name_candidate(record, n.rita)
    for person, giver in ((n.tom, n.rita), (n.rita, n.omar)):
        with database_refuses("SOD-1: a party decides nothing in submission #"):
            insert_decision(record, person, for_person=giver, now=company.now)


@pytest.mark.rule("S1")
def test_decision_still_bars_party_after_lost_row(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    with database_refuses("decision_not_barred"):
        insert_decision(record, company.people.omar, now=company.now, barred=[company.people.omar.pk])


@pytest.mark.rule("S2", "S5")
def test_stage_1_decider_is_refused_in_stage_2(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    name_candidate(record, n.theo)
    with database_refuses("SOD-2: stage 1 and stage 2 are decided by different people"):
        insert_decision(record, n.theo, now=company.now)
    with database_refuses("SOD-2: stage 1 and stage 2 are decided by different people"):
        insert_decision(record, n.tom, for_person=n.theo, now=company.now)
    with database_refuses("SOD-2: stage 1 and stage 2 are decided by different people"):
        insert_decision(record, n.theo, for_person=n.omar, now=company.now)


@pytest.mark.rule("S2", "A12")
def test_decider_of_app_in_force_is_refused_later(company: Company, one_channel_more: Submission) -> None:
    record = stock_report.privilege_on(one_channel_more, company.slack)
    name_candidate(record, company.people.theo)
    with database_refuses("SOD-2: stage 1 and stage 2 are decided by different people"):
        insert_decision(record, company.people.theo, now=company.now)


@pytest.mark.rule("S2")
def test_stage_2_decider_is_refused_in_stage_1(company: Company, stage_2: Submission) -> None:
    submission = scenarios.submitted(company)
    app = scenarios.app_of(submission)
    elsewhere = Decision.objects.filter(approval__submission=stage_2).get()
    sql(  # as if Viktor had decided about a privilege in between
        "INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)"
        " VALUES (%s, %s, 2, 'approve', %s)",
        elsewhere.pk,
        submission.pk,
        company.people.viktor.pk,
    )
    name_candidate(app, company.people.viktor)
    with database_refuses("decision_never_spans_stages"):
        insert_decision(app, company.people.viktor, now=company.now)


@pytest.mark.rule("S2")
def test_the_people_of_decisions_never_span_two_stages(company: Company, stage_2: Submission) -> None:
    decision = Decision.objects.get(approval__submission=stage_2)
    with database_refuses("decision_never_spans_stages"):
        sql(
            "INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)"
            " VALUES (%s, %s, 2, 'approve', %s)",
            decision.pk,
            stage_2.pk,
            company.people.theo.pk,
        )


@pytest.mark.rule("A9")
def test_person_never_asked_is_refused(company: Company, stage_2: Submission) -> None:
    with database_refuses("A9: not a candidate of seat #"):
        insert_decision(stock_report.privilege_on(stage_2, company.slack), company.people.tom, now=company.now)


@pytest.mark.rule("A8")
def test_a_seat_is_filled_once_and_seats_by_distinct_people(company: Company, chaser: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(chaser, company.mail)
    owner, security = record.seats.get(label="owner"), record.seats.get(label="security")
    scenarios.approve(record, n.mei, now=company.now)
    for seat in (owner, security):
        sql(
            "INSERT INTO approvals_candidate (seat_id, person_id, \"order\", basis, at) VALUES (%s, %s, 9, 'x', now()), (%s, %s, 9, 'x', now())"
            " ON CONFLICT DO NOTHING",
            seat.pk,
            n.mei.pk,
            seat.pk,
            n.amara.pk,
        )
    with database_refuses("A8: seats are filled by distinct people, each once"):
        insert_decision(record, n.mei, seat=security, now=company.now)  # a second decision, in another seat
    with database_refuses("A8: seats are filled by distinct people, each once"):
        insert_decision(record, n.amara, seat=owner, now=company.now)  # a second person in a seat
    with database_refuses("A8: seats are filled by distinct people, each once"):
        insert_decision(record, n.amara, for_person=n.mei, seat=security, now=company.now)
    with database_refuses("A8: seat # is not a seat of approval #"):
        other = stock_report.privilege_on(chaser, company.drive).seats.get()
        insert_decision(record, n.mei, seat=other, now=company.now)  # the seat of another record


@pytest.mark.rule("A8", "A14")
def test_decision_for_other_round_or_ended_approval_is_refused(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    with database_refuses("STATE: approval # takes no decision in state open, round #"):
        insert_decision(record, n.omar, now=company.now, round_=2)
    scenarios.reject(record, n.omar, now=company.now)
    name_candidate(record, n.amara)
    with database_refuses("STATE: approval # takes no decision in state rejected, round #"):
        insert_decision(record, n.amara, now=company.now)


@pytest.mark.rule("A4")
def test_decision_on_waiting_approval_is_refused(company: Company, stock_submitted: Submission) -> None:
    record = stock_report.privilege_on(stock_submitted, company.slack)
    name_candidate(record, company.people.omar)
    with database_refuses("STATE: approval # takes no decision in state waiting, round #"):
        insert_decision(record, company.people.omar, now=company.now)


@pytest.mark.rule("A7")
def test_a_no_without_a_reason_is_refused(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for outcome in ("reject", "ask"):
        with database_refuses("decision_reason_where_needed"):
            insert_decision(record, company.people.omar, now=company.now, outcome=outcome)


@pytest.mark.rule("S5", "H1")
def test_decisions_are_immutable(stage_2: Submission) -> None:
    for table in ("decision", "decisionperson", "party", "seat", "candidate"):
        with database_refuses("Cannot update or delete"):
            sql(f"UPDATE approvals_{table} SET id = id")
        with database_refuses("Cannot update or delete"):
            sql(f"DELETE FROM approvals_{table}")


# --- approvals ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A8", "S5")
def test_approval_needs_its_decisions(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    with database_refuses("A8: approval # has an empty seat or a decision against"):
        sql("UPDATE approvals_approval SET state = 'approved' WHERE id = %s", record.pk)
    with database_refuses("A8: approval # has an empty seat or a decision against"):
        sql("UPDATE approvals_approval SET state = 'approved', round = 2 WHERE id = %s", record.pk)


@pytest.mark.rule("A8", "T3")
def test_one_of_two_signatures_approves_no_high_risk_record(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.mail)
    scenarios.approve(record, company.people.mei, now=company.now)
    with database_refuses("A8: approval # has an empty seat or a decision against"):
        sql("UPDATE approvals_approval SET state = 'approved' WHERE id = %s", record.pk)


@pytest.mark.rule("A4")
def test_stage_2_approval_needs_approved_app(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    record = stock_report.privilege_on(submission, company.slack)
    sql("UPDATE approvals_approval SET state = 'open' WHERE id = %s", record.pk)
    name_candidate(record, company.people.omar)
    insert_decision(record, company.people.omar, now=company.now)
    with database_refuses("A4: stage # opens only when stage # is approved"):
        sql("UPDATE approvals_approval SET state = 'approved' WHERE id = %s", record.pk)
    with database_refuses("A1: submission # is frozen"):  # nor is it made to rest on no app at all
        sql("UPDATE approvals_submission SET app_approval_id = NULL WHERE id = %s", submission.pk)


@pytest.mark.rule("A12", "A14")
def test_a_record_carries_over_only_from_an_approved_one_about_the_same_question(
    company: Company, live: Submission
) -> None:
    newer = stock_report.submitted(company, stock_report.one_more_channel)
    record = newer.approvals.get(kind="privilege")
    for other in (
        stock_report.privilege_on(live, company.erp),  # another privilege
        stock_report.privilege_on(live, company.slack),  # the same resource, another channel
        stock_report.credential_for(live, company.slack),
    ):
        with database_refuses("A12: approval # carries over from one about something else"):
            sql(
                "UPDATE approvals_approval SET state = 'approved', carried_from_id = %s WHERE id = %s",
                other.pk,
                record.pk,
            )


@pytest.mark.rule("A13")
def test_policy_approves_low_risk_only(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    with database_refuses("approval_policy_only_low"):
        sql(
            "UPDATE approvals_approval SET by_policy_id = (SELECT id FROM approvals_policyversion LIMIT 1),"
            " state = 'approved' WHERE id = %s",
            record.pk,
        )


@pytest.mark.rule("A1")
def test_requested_facts_are_frozen(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for change in ("tier = 'low'", "term_days = 1", "facts = '{}'", "justification_id = NULL", "stage = 1"):
        with database_refuses("frozen"):
            sql(f"UPDATE approvals_approval SET {change} WHERE id = %s", record.pk)
    for change in ("asked = '{}'", "tier = 'low'", "policy_id = 0", "version_id = 0", "submitted_by_id = 0"):
        with database_refuses("frozen"):
            sql(f"UPDATE approvals_submission SET {change} WHERE id = %s", stage_2.pk)


@pytest.mark.rule("A7", "A8")
def test_an_ended_record_stays_ended(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    scenarios.reject(record, company.people.omar, now=company.now)
    for state in ("open", "waiting", "approved", "withdrawn"):
        with database_refuses(
            "A8: approval # has an empty seat" if state == "approved" else "A8: approval # has ended"
        ):
            sql("UPDATE approvals_approval SET state = %s WHERE id = %s", state, record.pk)


@pytest.mark.rule("A14")
def test_an_automation_has_one_unfinished_submission(company: Company, stage_2: Submission) -> None:
    with database_refuses("submission_one_unfinished"):
        sql(
            "INSERT INTO approvals_submission (automation_id, version_id, kind, submitted_by_id, submitted_at, policy_id,"
            " tier, reasons, state, asked, digest) SELECT automation_id, version_id, kind, submitted_by_id, submitted_at,"
            " policy_id, tier, reasons, 'decided', asked, digest FROM approvals_submission WHERE id = %s",
            stage_2.pk,
        )


# --- grants ---------------------------------------------------------------------------------------------------------

COPIED = (
    "automation_id, kind, entitlement_id, credential_id, key, target, scope, level, sentence, tier, app_approval_id,"
    " approval_id, begins_at, ends_at, state, suspended_why, ended_why, enforcement, renew"
)


def insert_like(grant: Grant, **changed: str) -> None:
    """A second grant by SQL, like one that exists but for some columns."""
    columns = COPIED.split(", ")
    values = [changed.get(column, column) for column in columns]
    sql(
        f"INSERT INTO approvals_grant ({COPIED}) SELECT {', '.join(values)} FROM approvals_grant WHERE id = %s",
        grant.pk,
    )


def grant_on_slack(live: Submission, c: Company) -> Grant:
    """The grant to post."""
    return Grant.objects.get(approval=stock_report.privilege_on(live, c.slack))


@pytest.mark.rule("G1")
def test_grant_needs_two_approved_approvals(company: Company, live: Submission) -> None:
    grant = grant_on_slack(live, company)
    other = stock_report.another(company)
    waiting, app = stock_report.privilege_on(other, company.slack), scenarios.app_of(other)
    with database_refuses("G1: a grant needs its own approved approval (approval # is waiting)"):
        insert_like(grant, key="'x'", approval_id=str(waiting.pk))
    with database_refuses("G1: a grant needs an approved app (approval # is open)"):
        insert_like(grant, key="'x'", app_approval_id=str(app.pk))
    with database_refuses("G1: a grant needs an approved app (approval # is approved)"):
        insert_like(grant, key="'x'", app_approval_id="approval_id")  # a stage-2 record is no app approval
    with database_refuses("G1: a grant needs its own approved approval (approval # is approved)"):
        insert_like(grant, key="'x'", approval_id="app_approval_id")
    for column, pair in (("approval_id", "# and <NULL>"), ("app_approval_id", "<NULL> and #")):
        with database_refuses(f"G1: approvals {pair} are no pair of automation #"):
            insert_like(grant, key="'x'", **{column: "NULL"})


@pytest.mark.rule("G1")
def test_approval_gives_one_grant_for_its_automation_and_facts(company: Company, live: Submission) -> None:
    grant = grant_on_slack(live, company)
    other = stock_report.another(company).automation
    erp = stock_report.privilege_on(live, company.erp).privilege
    assert erp is not None
    with database_refuses("G1: approvals # and # are no pair of automation #"):
        insert_like(grant, automation_id=str(other.pk))
    with database_refuses("G1: a grant says what was approved"):
        insert_like(grant, key="'x'", entitlement_id=str(erp.entitlement_id))
    with database_refuses("G1: a grant says what was approved"):
        insert_like(grant, key="'x'", level="'admin'")
    with database_refuses("G1: a grant says what was approved"):
        insert_like(grant, key="'x'", scope="array_append(scope, '#everything')")
    sql("UPDATE approvals_grant SET state = 'ended', ended_at = begins_at, ended_why = 'x' WHERE id = %s", grant.pk)
    with database_refuses("grant_one_per_approval"):  # the same approval, used a second time
        insert_like(grant, state="'active'")


@pytest.mark.rule("G1", "A4")
def test_the_app_approval_of_another_automation_carries_no_grant(company: Company, live: Submission) -> None:
    grant, c = grant_on_slack(live, company), company
    other = stock_report.another(c)
    approval = stock_report.privilege_on(other, c.slack)
    assert approval.privilege is not None
    withdraw.withdraw(other, actor=as_actor(c.people.rita), now=c.now, reason="Later.")
    sql(
        "INSERT INTO approvals_submission (automation_id, version_id, kind, submitted_by_id, submitted_at, policy_id, tier,"
        " reasons, state, asked, digest, app_approval_id) SELECT automation_id, version_id, kind, submitted_by_id,"
        " submitted_at, policy_id, tier, reasons, 'open', asked, digest, %s FROM approvals_submission WHERE id = %s",
        grant.app_approval_id,
        other.pk,
    )
    forged = Submission.objects.get(automation=other.automation, state="open")
    record = Approval.objects.create(
        submission=forged,
        stage=2,
        kind="privilege",
        privilege=approval.privilege,
        tier="standard",
        term_days=grant.approval.term_days,
        state="open",
    )
    Seat.objects.create(approval=record, label="owner")
    seat = name_candidate(record, c.people.amara)
    insert_decision(record, c.people.amara, now=c.now, seat=seat)
    sql("UPDATE approvals_approval SET state = 'approved' WHERE id = %s", record.pk)
    held = approval.privilege
    with database_refuses("G1: approvals"):
        sql(
            "INSERT INTO approvals_grant (automation_id, kind, entitlement_id, credential_id, key, target, scope, level,"
            " sentence, tier, app_approval_id, approval_id, begins_at, ends_at, state, suspended_why, ended_why, enforcement, renew)"
            " SELECT %s, kind, entitlement_id, %s, %s, %s, %s, 'read', sentence, tier, app_approval_id, %s, begins_at, ends_at,"
            " state, suspended_why, ended_why, enforcement, renew FROM approvals_grant WHERE id = %s",
            other.automation_id,
            held.credential_id,
            held.key,
            held.target,
            held.scope,
            record.pk,
            grant.pk,
        )


@pytest.mark.rule("G1", "G2")
def test_a_grant_is_never_longer_than_its_approval_and_its_tier(company: Company, live: Submission) -> None:
    grant = grant_on_slack(live, company)
    with database_refuses("G1: grant # never changes what it allows, and never grows"):
        sql("UPDATE approvals_grant SET ends_at = ends_at + interval '1 day' WHERE id = %s", grant.pk)
    with database_refuses("G1: grant # never changes what it allows, and never grows"):
        later = "interval '100 days'"
        sql(
            f"UPDATE approvals_grant SET begins_at = begins_at + {later}, ends_at = ends_at + {later} WHERE id = %s",
            grant.pk,
        )
    for tier in ("high", "low"):
        with database_refuses("G1: grant"):
            sql("UPDATE approvals_grant SET tier = %s WHERE id = %s", tier, grant.pk)
    with database_refuses("grant_term_within_its_tier"):
        sql("UPDATE approvals_grant SET ends_at = begins_at WHERE id = %s", grant.pk)
    with database_refuses("null value"):
        sql("UPDATE approvals_grant SET ends_at = NULL WHERE id = %s", grant.pk)
    sql("UPDATE approvals_grant SET ends_at = ends_at - interval '1 day' WHERE id = %s", grant.pk)  # shorter is allowed


@pytest.mark.rule("G1", "G3")
def test_grant_facts_are_frozen_and_end_is_final(company: Company, live: Submission) -> None:
    grant = grant_on_slack(live, company)
    other = stock_report.another(company).automation
    for change in (
        f"automation_id = {other.pk}",
        "level = 'admin'",
        "key = 'x'",
        "scope = array['#all']",
        "target = 'x'",
    ):
        with database_refuses("G1: grant # never changes what it allows, and never grows"):
            sql(f"UPDATE approvals_grant SET {change} WHERE id = %s", grant.pk)
    with database_refuses("grant_ended_says_when_and_why"):
        sql("UPDATE approvals_grant SET state = 'ended' WHERE id = %s", grant.pk)
    sql("UPDATE approvals_grant SET state = 'ended', ended_at = now(), ended_why = 'x' WHERE id = %s", grant.pk)
    with database_refuses("G3: grant # has ended"):
        sql("UPDATE approvals_grant SET state = 'active' WHERE id = %s", grant.pk)


@pytest.mark.rule("S5")
def test_evidence_is_not_deleted_from_under_a_grant(company: Company, live: Submission) -> None:
    grant = grant_on_slack(live, company)
    for statement in (
        f"DELETE FROM approvals_approval WHERE id = {grant.approval_id}",
        f"DELETE FROM approvals_submission WHERE id = {live.pk}",
        f"DELETE FROM inventory_version WHERE id = {live.version_id}",
    ):
        with database_refuses("H2: Cannot "):
            sql(statement + "; SET CONSTRAINTS ALL IMMEDIATE")


# --- what is found by who was asked ---------------------------------------------------------------------------------


@pytest.mark.rule("A9")
def test_approval_stores_everyone_who_was_asked(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    stale = Approval.objects.get(pk=record.pk)
    assert stale.asked == [n.omar.pk]
    name_candidate(record, n.grace)
    assert record in approvals.to_decide(as_actor(n.grace), company.now)
    stale.asked = []
    stale.save()  # by any process that read it before
    Approval.objects.filter(pk=record.pk).update(asked=[n.rita.pk])
    assert Approval.objects.get(pk=record.pk).asked == [n.omar.pk, n.grace.pk]
    scenarios.reject(record, n.omar, now=company.now)
    assert record not in approvals.to_decide(as_actor(n.grace), company.now), "it has ended"


@pytest.mark.rule("A9")
def test_people_asked_by_one_statement_are_stored_once(company: Company, stage_2: Submission) -> None:
    n, ended = company.people, stock_report.privilege_on(stage_2, company.erp)
    scenarios.approve(ended, n.omar, now=company.now)
    before = {approval.pk: approval.asked for approval in stage_2.approvals.filter(stage=2)}
    Seat.objects.create(approval=stock_report.privilege_on(stage_2, company.slack), label="another")
    Candidate.objects.bulk_create(
        Candidate(seat=seat, person=person, order=9, basis="by hand", at=company.now)
        for seat in Seat.objects.filter(approval__in=before)
        for person in (n.grace, n.rita)
    )
    for record in stage_2.approvals.filter(stage=2):
        more = [] if record.pk == ended.pk else [n.grace.pk, n.rita.pk]
        assert sorted(record.asked) == sorted(before[record.pk] + more)
