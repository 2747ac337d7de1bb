"""What a scan finds is open until it is held no more; an enforced rule gives time, then suspends the newest (S6, R9)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import transitions as conflict_transitions
from approvals.grants.transitions import lifecycle, stops
from approvals.models import Conflict, ConflictState, Grant, GrantState, Submission
from approvals.models import grant as model_grant
from approvals.tasks import sweep_conflicts_and_waivers
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refused
from governance.core.models import LedgerEvent, Notice
from inventory.models import Automation
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.ledger_records import recorded
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.scenarios import Company, grants_of
from tests.starting_points import starting_point
from tests.trigger_bypass import moved

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6"), pytest.mark.database]

JOB = Actor.of_job(conflict_jobs.JOB)


def look(at: datetime) -> None:
    """One run of the sweep: its scan and its due rows."""
    conflict_jobs.scan_all(at, JOB)


def enforced(c: Company) -> Submission:
    """A rule forbids what the stock report in force holds, and the sweep has looked."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="enforce", rating="high")
    look(c.now)
    return stock_report.newest(c)


def another_in_force(c: Company) -> None:
    """Another automation of the same team and owner is in force."""
    in_force(c, described(c, "Another", (c.github, "read", "issues")))


def two_teams_in_a_chain(c: Company) -> None:
    """Two automations of one chain in force, of which one belongs to another team."""
    n = c.people
    secret = in_force(c, described(c, "Secret plan", (c.slack, "read", "in"))).automation
    moved(secret.pk, team=n.marketing, business_owner=n.grace, technical_owner=n.tom)
    in_force(c, described(c, "Posting", (c.slack, "write", "in")))


ENFORCED = starting_point("plain_in_force", enforced)
ANOTHER_IN_FORCE = starting_point("plain_in_force", another_in_force)


def open_now() -> list[str]:
    """Codes of the rules with an open conflict."""
    return list(Conflict.objects.filter(state=ConflictState.OPEN).values_list("code", flat=True))


def test_no_conflict_is_opened_without_match(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.github))
    look(plain.now)
    assert not Conflict.objects.exists()
    assert not LedgerEvent.objects.filter(verb="conflict_rule.scanned").exists(), (
        "a scan that changes nothing writes nothing"
    )


@pytest.mark.rule("S6", "R9")
def test_conflict_is_opened_once_and_owners_are_notified_once(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    look(plain.now)
    look(plain.now + timedelta(hours=1))
    (conflict,) = Conflict.objects.all()
    held = [grant.pk for grant in grants_of(plain_in_force) if grant.entitlement_id is not None]
    assert (conflict.subject, conflict.grants, conflict.due_at) == (plain_in_force.automation_id, sorted(held), None)
    assert LedgerEvent.objects.filter(verb="conflict.opened").count() == 1
    notices = Notice.objects.filter(event="conflict_opened")
    assert {tuple(notice.context["page"]) for notice in notices} == {("conflict", conflict.pk)}
    recipients = notices.values_list("recipient", flat=True)
    assert sorted(recipients) == sorted([plain.people.jonas.pk, plain.people.rita.pk])


@pytest.mark.rule("S6", "I3")
@starting_point("plain", two_teams_in_a_chain)
def test_mail_names_only_what_recipient_may_see(plain: Company) -> None:
    c, n = plain, plain.people
    write, read = on(c.slack, levels=["write"]), on(c.slack, levels=["read"])
    conflict_rules.rule(write, read, mode="enforce", rating="high", scope="chain")
    sweep_conflicts_and_waivers(c.now)
    sweep_conflicts_and_waivers(c.now + timedelta(days=7))
    for event in ("conflict_opened", "conflict_enforced"):
        contexts = {notice.recipient_id: notice.context for notice in Notice.objects.filter(event=event)}
        assert {n.rita.pk, n.jonas.pk, n.grace.pk} <= contexts.keys()
        for person, seen, others in ((n.rita, "Posting", "Secret plan"), (n.grace, "Secret plan", "Posting")):
            assert not Automation.objects.visible_to(as_actor(person), c.now).filter(name=others).exists()
            assert contexts[person.pk]["automation"] == f"{seen}, 1 that you don’t see"
            assert others not in str(contexts[person.pk])
    what = {notice.recipient_id: notice.context["what"] for notice in Notice.objects.filter(event="conflict_enforced")}
    assert what[n.grace.pk] == conflict_transitions.UNSEEN
    assert what[n.rita.pk] != conflict_transitions.UNSEEN


def test_conflict_ends_with_access_and_reopens_as_new(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    look(plain.now)
    grant = Grant.objects.filter(entitlement__resource=plain.slack).get()
    lifecycle.revoke(grant, actor=as_actor(plain.people.omar), now=plain.now, reason="No more.")
    look(plain.now)
    (conflict,) = Conflict.objects.all()
    assert (conflict.state, conflict.ended_why) == (ConflictState.ENDED, "resolved")
    assert recorded("conflict.ended", conflict, by=JOB) == {"why": "resolved", "from": "open", "to": "ended"}


def test_conflict_ends_with_its_rule(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    look(plain.now)
    conflict_rules.no_other_rules(plain.now)
    look(plain.now)
    assert open_now() == []


@ENFORCED
def test_access_held_before_enforcement_gets_grace_period(plain: Company) -> None:
    (conflict,) = Conflict.objects.all()
    assert conflict.due_at == plain.now + timedelta(days=7)
    with pytest.raises(Refused) as refused:
        conflict_transitions.enforce(conflict, actor=JOB, now=plain.now + timedelta(days=6, hours=23))
    assert refused.value.refusal.code == "S6"
    assert not Grant.objects.filter(state=GrantState.SUSPENDED).exists()


@pytest.mark.rule("S6", "G5")
@pytest.mark.parametrize("when", ["before", "after"])
@ENFORCED
def test_older_grant_is_not_suspended_for_stopped_newer_one(plain: Company, when: str) -> None:
    held = Grant.objects.filter(entitlement__isnull=False)
    newest, at = held.newest_first()[0], plain.now + timedelta(days=7)
    if when == "after":
        sweep_conflicts_and_waivers(at)
        newest.refresh_from_db()
    owner = newest.entitlement.resource.owner
    stops.stop_grant(newest, actor=as_actor(owner), now=at, reason="It posts too much.")
    for after in (timedelta(), timedelta(hours=1), timedelta(days=8)):
        sweep_conflicts_and_waivers(at + after)
    assert held.get(state=GrantState.ACTIVE) != newest
    newest.refresh_from_db()
    assert (newest.suspended_why, newest.in_conflict) == (model_grant.Why.STOPPED, True), "two others lift it"
    assert open_now() == []


@pytest.mark.rule("S6", "R4")
@ENFORCED
def test_older_grant_is_not_suspended_for_newer_one_kept_after_revoke(plain: Company) -> None:
    held = Grant.objects.filter(entitlement__isnull=False)
    newest, at = held.newest_first()[0], plain.now + timedelta(days=7)
    with inside(newest.automation, JOB, at):
        lifecycle.suspend(newest, actor=JOB, now=at, why=model_grant.Why.REVIEW)
    sweep_conflicts_and_waivers(at)
    newest.refresh_from_db()
    with inside(newest.automation, JOB, at), pytest.raises(Refused) as refused:
        lifecycle.reinstate(newest, actor=JOB, now=at, why=[model_grant.Why.REVIEW])
    assert refused.value.refusal.code == "G5"
    assert held.filter(state=GrantState.ACTIVE).count() == 1


@ENFORCED
def test_newest_grant_is_suspended_after_grace_and_returns_by_submission(plain: Company, start: Submission) -> None:
    (conflict,) = Conflict.objects.all()
    at = plain.now + timedelta(days=7)
    conflict_transitions.enforce(conflict, actor=JOB, now=at)
    (stopped,) = Grant.objects.filter(state=GrantState.SUSPENDED)
    assert stopped.suspended_why == model_grant.Why.CONFLICT
    look(at)
    assert open_now() == []
    assert lifecycle.is_held_back(stopped)
    with pytest.raises(Refused, match=r"^S6: Read stock and tell of it: What"):
        scenarios.submitted(plain, start.version, now=at)


@pytest.mark.parametrize(
    ("scope", "is_found"), [("automation", False), ("owner", True), ("team", True), ("identity", False)]
)
@ANOTHER_IN_FORCE
def test_wider_scope_includes_access_of_others(
    plain: Company, plain_in_force: Submission, scope: str, is_found: bool
) -> None:
    mine = {grant.entitlement.resource for grant in grants_of(plain_in_force) if grant.entitlement}
    theirs = Grant.objects.exclude(automation=plain_in_force.automation).exclude(entitlement__isnull=True)
    other = next(grant.entitlement.resource for grant in theirs if grant.entitlement.resource not in mine)
    conflict_rules.rule(on(plain.erp, levels=["read"], codes=["database:select"]), on(other), scope=scope)
    look(plain.now)
    counts = {conflict.subject: len(conflict.automations) for conflict in Conflict.objects.all()}
    assert bool(counts) == is_found
    if is_found:
        assert set(counts.values()) == {2}
