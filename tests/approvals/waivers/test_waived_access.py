"""What a waiver let in goes with it, what was held before has its time, and what runs on counts as it is held (S6, S7, A7, A12, A16)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import transitions as conflict_transitions
from approvals.conflicts.transitions import waiver_of
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import Conflict, ConflictState, Grant, Submission, Waiver
from approvals.models import grant as model_grant
from approvals.tasks import sweep_conflicts_and_waivers
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refused
from governance.core.models import LedgerEvent, Notice
from inventory.automations.transitions import lifecycle
from inventory.chains import queries as chain_queries
from inventory.models import Automation, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.waivers.test_waivers import ask, grant
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S7")]

JOB = Actor.of_job(conflict_jobs.JOB)


def sweep(at: datetime) -> None:
    """Run the sweep twice, as in a few minutes."""
    for _ in range(2):
        sweep_conflicts_and_waivers(at)


def suspended() -> list[int]:
    """Ids of the grants that a conflict has suspended."""
    return list(
        Grant.objects.filter(suspended_why=model_grant.Why.CONFLICT).order_by("pk").values_list("pk", flat=True)
    )


def let_in(c: Company) -> Submission:
    """The stock report comes into force under a waiver of five days."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="enforce")
    version = stock_report.version(c)
    grant(c, ask(c, version.automation, days=5), c.people.sana)
    return scenarios.in_force(c, version)


def let_in_and_swept(c: Company) -> Submission:
    """The sweep has seen the conflict of the newest submission."""
    sweep(c.now)
    return stock_report.newest(c)


def held_before(c: Company) -> Submission:
    """The stock report is in force, then a rule forbids what it holds."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="enforce")
    return let_in_and_swept(c)


def more_let_in(c: Company) -> Submission:
    """One channel more is submitted under a waiver."""
    version = stock_report.version(c, stock_report.one_more_channel)
    grant(c, ask(c, version.automation, days=5), c.people.sana)
    return scenarios.submitted(c, version)


def needs_the_erp(c: Company) -> Submission:
    """The stock report is in force, and a rule asks for its access to the ERP."""
    conflict_rules.rule(on(c.slack), without=on(c.erp), mode="enforce")
    return stock_report.newest(c)


def writes(c: Company) -> Submission:
    """One automation in force writes to the workspace, and an older one in force has a part in its chain."""
    in_force(c, described(c, "Leaves", (c.slack, "admin", "in")))
    return in_force(c, described(c, "Writes", (c.slack, "write", "in")))


def two_in_a_chain(c: Company) -> Version:
    """Another in force reads the workspace in the same place; returns the draft of one more."""
    in_force(c, described(c, "Reads", (c.slack, "read", "in")))
    return described(c, "Another", (c.slack, "admin", "in"))


UNSEEN = starting_point("plain", let_in)
LET_IN = starting_point(UNSEEN, let_in_and_swept)
HELD_BEFORE = starting_point("plain_in_force", held_before)
MORE_LET_IN = starting_point(HELD_BEFORE, more_let_in)
NEEDS_THE_ERP = starting_point("plain_in_force", needs_the_erp)
WRITES = starting_point("plain", writes)
TWO_IN_A_CHAIN = starting_point(WRITES, two_in_a_chain)


@LET_IN
def test_access_is_suspended_when_waiver_ends(plain: Company) -> None:
    over = Waiver.objects.get().ends_at
    sweep(over - timedelta(seconds=1))
    assert suspended() == []
    sweep(over)
    assert len(suspended()) == 1
    assert not Conflict.objects.filter(state=ConflictState.OPEN).exists()


@LET_IN
def test_following_waiver_keeps_access_without_notice(plain: Company, start: Submission) -> None:
    first, at = Waiver.objects.get(), plain.now + timedelta(days=1)
    second = grant(plain, ask(plain, start.automation, now=at), plain.people.sana, now=at)
    sweep(first.ends_at)
    assert list(Waiver.objects.live(first.ends_at)) == [second]
    assert not Notice.objects.filter(event="waiver_expired", context__is_held=True).exists()
    sweep(second.ends_at - timedelta(seconds=1))
    assert suspended() == []
    sweep(second.ends_at)
    assert len(suspended()) == 1


@LET_IN
def test_and_as_soon_as_security_ends_it_early(plain: Company) -> None:
    at = plain.now + timedelta(hours=1)
    waiver_transitions.end_waiver(
        Waiver.objects.get(), actor=as_actor(plain.people.viktor), now=at, reason="It went wrong."
    )
    sweep(at)
    assert len(suspended()) == 1


@UNSEEN
def test_following_waiver_keeps_access_before_sweep(plain: Company) -> None:
    at = plain.now + timedelta(seconds=30)
    waiver_transitions.end_waiver(
        Waiver.objects.get(), actor=as_actor(plain.people.viktor), now=at, reason="It went wrong."
    )
    sweep(at)
    assert len(suspended()) == 1


@MORE_LET_IN
def test_held_access_keeps_grace_period_beside_waived_new_access(plain: Company, start: Submission) -> None:
    held = set(Grant.objects.values_list("pk", flat=True))
    stock_report.decide_rest(plain, start)
    sweep(plain.now)
    sweep(plain.now + timedelta(days=5))
    assert len(suspended()) == 1
    assert held.isdisjoint(suspended()), "the newest is what the waiver let in"
    assert Conflict.objects.get(state=ConflictState.OPEN).by_waiver == []
    sweep(plain.now + timedelta(days=30))
    assert len(held.intersection(suspended())) == 1


@HELD_BEFORE
def test_waived_held_access_resumes_its_grace_period(plain: Company, start: Submission) -> None:
    grant(plain, ask(plain, start.automation, days=5), plain.people.sana)
    sweep(plain.now + timedelta(days=5))
    assert suspended() == []
    sweep(plain.now + timedelta(days=30))
    assert len(suspended()) == 1


@HELD_BEFORE
def test_waiver_end_without_access_changes_nothing(plain: Company, start: Submission) -> None:
    for held in scenarios.grants_of(start):
        stops.stop_grant(held, actor=as_actor(plain.people.omar), now=plain.now, reason="For now.")
    at = plain.now + timedelta(days=30)
    with pytest.raises(Refused) as refused:
        conflict_transitions.enforce(Conflict.objects.get(), actor=JOB, now=at)
    assert refused.value.refusal.code == "S6"
    sweep(at)
    assert not LedgerEvent.objects.filter(verb="conflict.enforced", outcome="done").exists()


# --- what runs on -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S6", "A7", "A12")
def test_narrowed_access_stays_outside_rule_in_next_version(plain: Company, stage_2: Submission) -> None:
    made = stage_2
    conflict_rules.rule(on(plain.erp), on(plain.slack, levels=["write"]), mode="enforce", code="later")
    conflict_rules.no_other_rules(plain.now)
    scenarios.approve(stock_report.privilege_on(made, plain.slack), plain.people.omar, now=plain.now, level="read")
    stock_report.decide_rest(plain, made)
    conflict_rules.rule(on(plain.erp), on(plain.slack, levels=["write"]), mode="enforce")
    again = scenarios.submitted(plain, stock_report.version(plain, stock_report.started_by_hand))
    assert again.state == "open"


@pytest.mark.rule("S6", "A12")
@NEEDS_THE_ERP
def test_ended_required_access_counts_as_missing(plain: Company) -> None:
    made = stock_report.submitted(plain, stock_report.one_more_channel)
    log = Grant.objects.get(entitlement__resource=plain.erp)
    transition_lifecycle.revoke(log, actor=as_actor(plain.people.omar), now=plain.now, reason="No more.")
    with pytest.raises(Refused) as refused:
        stock_report.decide_rest(plain, made)
    assert refused.value.refusal.code == "S6"


@pytest.mark.rule("S6", "R6")
@NEEDS_THE_ERP
def test_suspended_required_access_counts_as_missing(plain: Company) -> None:
    log = Grant.objects.get(entitlement__resource=plain.erp)
    with inside(log.automation, JOB, plain.now):
        transition_lifecycle.suspend(log, actor=JOB, now=plain.now, why=model_grant.Why.SILENCE)
    with pytest.raises(Refused) as refused:
        scenarios.submitted(plain, stock_report.version(plain, stock_report.one_more_channel))
    assert refused.value.refusal.code == "S6"
    sweep(plain.now)
    assert Conflict.objects.filter(state=ConflictState.OPEN).count() == 1


@pytest.mark.rule("S6", "A2")
def test_required_access_without_credential_counts_as_missing(plain: Company) -> None:
    conflict_rules.rule(on(plain.slack), without=on(plain.erp), mode="enforce")
    made = stock_report.in_stage_2(plain)
    scenarios.reject(stock_report.credential_for(made, plain.erp), plain.people.omar, now=plain.now)
    with pytest.raises(Refused) as refused:
        stock_report.decide_rest(plain, made)
    assert refused.value.refusal.code == "S6"
    assert not Grant.objects.filter(automation=made.automation).exists()


# --- chains -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S6", "A16")
@WRITES
def test_automation_joining_conflicting_chain_members_is_refused(plain: Company) -> None:
    c = plain
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode="enforce", scope="chain")
    in_force(c, described(c, "Reads", (c.slack, "read", "out")))
    joins = described(c, "Joins", (c.slack, "admin", "in"), (c.slack, "admin", "out"))
    with pytest.raises(Refused) as refused:
        scenarios.submitted(c, joins)
    assert refused.value.refusal.code == "S6"


@pytest.mark.rule("S6", "A16")
@TWO_IN_A_CHAIN
def test_existing_chain_is_not_refused(plain: Company, start: Version) -> None:
    c = plain
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode="enforce", scope="chain")
    more = in_force(c, start)
    assert len(chain_queries.chain_of(more.automation_id).others) == 3


@pytest.mark.rule("S6", "S7", "A16")
@TWO_IN_A_CHAIN
def test_renumbered_chain_keeps_clock_and_waiver(plain: Company) -> None:
    c = plain
    leaves, writes = [Automation.objects.get(name=name) for name in ("Leaves", "Writes")]
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode="enforce", scope="chain")
    sweep(c.now)
    before = Conflict.objects.get()
    assert before.subject == leaves.pk
    grant(c, ask(c, writes, subject_id=before.subject), c.people.sana)
    at = c.now + timedelta(days=2)
    lifecycle.retire(leaves, actor=as_actor(c.people.jonas), now=at, reason="No more.")
    sweep(at)
    after = Conflict.objects.get()
    assert (after.pk, after.subject, after.due_at) == (before.pk, writes.pk, before.due_at)
    assert waiver_of(after, at) is not None
    assert Conflict.objects.standing("waived", at).get() == after
