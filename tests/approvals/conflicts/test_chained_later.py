"""A chain that forms after something was submitted: its rules are asked with who is in it when it is decided (S6, A16)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import facts, joined
from approvals.conflicts import asked
from approvals.models import Approval, ApprovalState, Grant, SeatLabel, Submission
from inventory import chains
from tests import journeys
from tests.approvals.chained import described, in_force
from tests.approvals.conflicts import ruling
from tests.approvals.conflicts.ruling import on
from tests.journeys import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "A16")]


def a_rule(c: Company, mode: str = "approval") -> None:
    ruling.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode=mode, scope="chain")


def submitted(c: Company, name: str, level: str, target: str = "in") -> Submission:
    return journeys.submitted(c, described(c, name, (c.slack, level, target)))


def fresh(submission: Submission) -> Submission:
    return Submission.objects.get(pk=submission.pk)


def the_privilege(submission: Submission) -> Approval:
    return submission.approvals.get(kind="privilege")


def test_nobody_more_is_asked_where_no_chain_has_formed(plain: Company) -> None:
    a_rule(plain)
    waits = submitted(plain, "Writes", "write")
    in_force(plain, described(plain, "Reads", (plain.slack, "read", "elsewhere")))
    assert not asked.of_submission(fresh(waits), plain.now)
    journeys.decide_app(plain, waits)
    journeys.approve(the_privilege(waits), plain.people.omar, now=plain.now)
    assert the_privilege(waits).state == ApprovalState.APPROVED


def test_security_signs_for_what_another_that_came_into_force_meanwhile_makes_a_chain_of(plain: Company) -> None:
    a_rule(plain)
    waits, before = submitted(plain, "Writes", "write"), submitted(plain, "Reads", "read")
    assert not asked.of_submission(fresh(waits), plain.now)
    journeys.decide_all(plain, before)
    assert ruling.codes(asked.of_submission(fresh(waits), plain.now)) == ["read-and-tell"]
    journeys.decide_app(plain, waits)
    record = the_privilege(waits)
    journeys.approve(record, plain.people.omar, now=plain.now)
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN
    assert set(record.seats.values_list("label", flat=True)) == {"owner", SeatLabel.CONFLICT}
    assert not Grant.objects.filter(automation=waits.automation).exists()
    journeys.approve(record, plain.people.sana, now=plain.now)
    assert Grant.objects.filter(automation=waits.automation).exists()


def test_a_form_that_was_shown_before_decides_nothing_after(plain: Company) -> None:
    a_rule(plain, mode="record")
    waits, before = submitted(plain, "Writes", "write"), submitted(plain, "Reads", "read")
    shown = facts.digest(facts.of(the_privilege(fresh(waits)), plain.now))
    journeys.decide_all(plain, before)
    now = facts.of(the_privilege(fresh(waits)), plain.now)
    assert now["conflicts"]
    assert facts.digest(now) != shown


def test_many_are_asked_together_as_each_is_and_in_as_many_queries(plain: Company) -> None:
    a_rule(plain)
    waiting = [
        submitted(plain, f"Writes {number}", "write", target) for number, target in enumerate(["in", "out", "in"])
    ]
    in_force(plain, described(plain, "Reads", (plain.slack, "read", "in")))
    in_force(plain, described(plain, "Reads too", (plain.slack, "read", "in")))

    def queries(pks: list[int]) -> int:
        some = list(Submission.objects.filter(pk__in=pks))
        with CaptureQueriesContext(connection) as caught:
            asked.know(some, plain.now)
        assert [ruling.codes(asked.of_submission(one, plain.now)) for one in some] == [
            ruling.codes(asked.of_submission(fresh(one), plain.now)) for one in some
        ]
        return len(caught)

    assert joined.others_of(waiting) == {one.pk: chains.with_version(one.version).others for one in waiting}
    assert queries([waiting[0].pk]) == queries([one.pk for one in waiting])


def test_a_version_is_asked_together_as_it_would_stand_in_the_place_of_the_approved_one(plain: Company) -> None:
    one = in_force(plain, described(plain, "Writes", (plain.slack, "write", "in"), identity="robot"))
    in_force(plain, described(plain, "Reads", (plain.slack, "read", "in")))
    in_force(plain, described(plain, "Same", (plain.slack, "read", "far"), identity="robot"))
    in_force(plain, described(plain, "Writes far", (plain.slack, "write", "far")))
    for each in Submission.objects.all():
        assert joined.others_of([each])[each.pk] == chains.with_version(each.version).others
    assert len(joined.others_of([one])[one.pk]) == 3
