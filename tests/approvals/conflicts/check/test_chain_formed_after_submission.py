"""A chain that forms after something was submitted: its rules are asked with who is in it when it is decided (S6, A16)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.assignment.context import load_context, load_contexts
from approvals.decisions import digest
from approvals.models import Approval, ApprovalState, Grant, SeatLabel, Submission
from approvals.policies.facts import SubmissionFacts, load_chain_ids, load_facts
from inventory.chains import queries as chain_queries
from tests import scenarios
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "A16")]


Two = tuple[Submission, Submission]


def a_rule(c: Company, mode: str = "approval") -> None:
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode=mode, scope="chain")


def submitted(c: Company, name: str, level: str, target: str = "in") -> Submission:
    return scenarios.submitted(c, described(c, name, (c.slack, level, target)))


def fresh(submission: Submission) -> Submission:
    return Submission.objects.get(pk=submission.pk)


def the_privilege(submission: Submission) -> Approval:
    return submission.approvals.get(kind="privilege")


def two_submitted(c: Company) -> Two:
    """Two that would make a chain: one is in stage 2, and the other in stage 1."""
    waits, before = submitted(c, "Writes", "write"), submitted(c, "Reads", "read")
    scenarios.decide_app(c, waits)
    return waits, before


def many(c: Company) -> list[Submission]:
    """Four automations in force, in chains and of one identity, beside three that wait; returns those."""
    for name, level, target, identity in (
        ("Writes", "write", "in", "robot"),
        ("Reads", "read", "in", ""),
        ("Same", "read", "far", "robot"),
        ("Writes far", "write", "far", ""),
    ):
        in_force(c, described(c, name, (c.slack, level, target), identity=identity))
    return [submitted(c, f"Writes {number}", "write", target) for number, target in enumerate(["in", "out", "in"])]


TWO_SUBMITTED = starting_point("plain", two_submitted)
MANY = starting_point("plain", many)


@TWO_SUBMITTED
def test_no_seat_is_added_without_a_new_chain(plain: Company, start: Two) -> None:
    a_rule(plain)
    waits, _ = start
    in_force(plain, described(plain, "Reads", (plain.slack, "read", "elsewhere")))
    assert not load_context(fresh(waits), plain.now).conflicts.as_asked
    scenarios.approve(the_privilege(waits), plain.people.omar, now=plain.now)
    assert the_privilege(waits).state == ApprovalState.APPROVED


@TWO_SUBMITTED
def test_security_signs_conflict_of_chain_formed_after_submission(plain: Company, start: Two) -> None:
    a_rule(plain)
    waits, before = start
    assert not load_context(fresh(waits), plain.now).conflicts.as_asked
    scenarios.decide_all(plain, before)
    assert conflict_rules.codes(load_context(fresh(waits), plain.now).conflicts.as_asked) == ["read-and-tell"]
    record = the_privilege(waits)
    scenarios.approve(record, plain.people.omar, now=plain.now)
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN
    assert set(record.seats.values_list("label", flat=True)) == {"owner", SeatLabel.CONFLICT}
    assert not Grant.objects.filter(automation=waits.automation).exists()
    scenarios.approve(record, plain.people.sana, now=plain.now)
    assert Grant.objects.filter(automation=waits.automation).exists()


@TWO_SUBMITTED
def test_form_shown_before_new_chain_is_stale(plain: Company, start: Two) -> None:
    a_rule(plain, mode="record")
    waits, before = start
    shown = digest.digest(scenarios.facts_shown(the_privilege(fresh(waits)), plain.now))
    scenarios.decide_all(plain, before)
    now = scenarios.facts_shown(the_privilege(fresh(waits)), plain.now)
    assert now["conflicts"]
    assert digest.digest(now) != shown


def chained(some: list[Submission], c: Company) -> list[SubmissionFacts]:
    """The facts of submissions, with their chains read together."""
    facts = list(load_facts(some, c.now).values())
    load_chain_ids(facts)
    return facts


@pytest.mark.full("submits many, to count queries")
@MANY
def test_many_are_asked_together_as_each_is_and_in_as_many_queries(plain: Company, start: list[Submission]) -> None:
    a_rule(plain)
    waiting = start

    def queries(pks: list[int]) -> int:
        some = list(Submission.objects.filter(pk__in=pks))
        with CaptureQueriesContext(connection) as caught:
            together = load_contexts(some, plain.now)
        assert [conflict_rules.codes(together[submission.pk].conflicts.as_asked) for submission in some] == [
            conflict_rules.codes(load_context(fresh(submission), plain.now).conflicts.as_asked) for submission in some
        ]
        return len(caught)

    assert [facts.chain_ids for facts in chained(waiting, plain)] == [
        chain_queries.chain_with_version(submission.version).others for submission in waiting
    ]
    assert queries([waiting[0].pk]) == queries([submission.pk for submission in waiting])


@MANY
def test_a_version_is_asked_together_as_it_would_stand_in_the_place_of_the_approved_one(plain: Company) -> None:
    submission = Submission.objects.get(automation__name="Writes")
    for each in Submission.objects.all():
        assert chained([each], plain)[0].chain_ids == chain_queries.chain_with_version(each.version).others
    assert len(chained([submission], plain)[0].chain_ids) == 3
