"""A row written with the application's role and without an event is refused at the commit, or found by the verifier (H1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction

from approvals.models import Submission
from governance.core.ledger import ledger_export
from governance.core.models import Person
from governance.core.people.transitions.delegations import delegate
from tests import run_lengths, scenarios
from tests.approvals import stock_report
from tests.approvals.models import unrecorded_rows
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor, build
from tests.trigger_bypass import without_events


@pytest.fixture(scope="module")
def waiting(django_db_setup: None, django_db_blocker: object) -> Submission:
    """A submission in stage 2 beside another that is in force, and a delegation, committed."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's own
        company = scenarios.company(build("unrecorded"))
        n, tomorrow = company.people, company.now + timedelta(days=1)
        delegate(
            n.tom,
            actor=as_actor(n.jonas),
            now=company.now,
            giver=n.jonas,
            from_at=tomorrow,
            until_at=tomorrow + timedelta(days=9),
        )
        stock_report.in_force(company)
        return stock_report.app_approved(company, stock_report.another(company))


def commit() -> None:
    """Check what a commit checks, and stay in the transaction."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")


@contextmanager
def undone() -> Iterator[None]:
    """What is written within is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def problems_found() -> list[str]:
    """What the verifier says."""
    return list(ledger_export.verify_database().problems)


@pytest.mark.race
@pytest.mark.soak
@pytest.mark.rule("H1", "H2")
@pytest.mark.parametrize("attack", unrecorded_rows.REFUSED, ids=lambda attack: attack.__name__)
def test_a_row_written_without_its_event_is_refused(
    waiting: Submission, attack: unrecorded_rows.Attack, request: pytest.FixtureRequest
) -> None:
    submission = Submission.objects.get(pk=waiting.pk)
    for number in run_lengths.rounds(request, 1, soak=150, what=f"times {attack.__name__}"):
        with database_refuses("H1: "):
            attack(submission, Random(number), submission.submitted_at)
            commit()


@pytest.mark.race
@pytest.mark.soak
@pytest.mark.rule("H1", "H2")
@pytest.mark.parametrize("attack", unrecorded_rows.FOUND, ids=lambda attack: attack.__name__)
def test_a_row_written_without_its_event_is_found(
    waiting: Submission, attack: unrecorded_rows.Attack, request: pytest.FixtureRequest
) -> None:
    assert problems_found() == []
    submission = Submission.objects.get(pk=waiting.pk)
    for number in run_lengths.rounds(request, 1, soak=150, what=f"times {attack.__name__}"):
        with undone():
            attack(submission, Random(number), submission.submitted_at)
            commit()
            problems = problems_found()
        assert [problem for problem in problems if problem.startswith(unrecorded_rows.FOUND[attack])] != [], (
            number,
            problems,
        )
    assert problems_found() == []


@pytest.mark.race
@pytest.mark.rule("H1", "H2")
@pytest.mark.parametrize(
    ("attack", "beginning"),
    [each for each in unrecorded_rows.REFUSED.items() if each[1]],
    ids=lambda attack: getattr(attack, "__name__", None),
)
def test_verifier_finds_rows_written_without_trigger(
    waiting: Submission, attack: unrecorded_rows.Attack, beginning: str
) -> None:
    submission = Submission.objects.get(pk=waiting.pk)
    with undone():
        without_events()
        attack(submission, Random(1), submission.submitted_at)
        assert [problem for problem in problems_found() if problem.startswith(beginning)] != []


@pytest.mark.race
@pytest.mark.rule("H1", "H2")
def test_portal_operations_commit_and_verify(waiting: Submission) -> None:
    record = waiting.approvals.filter(stage=2, state="open").order_by("pk")[0]
    scenarios.reject(
        record,
        Person.objects.get(pk=record.seats.get().candidates.get().person_id),
        now=waiting.submitted_at,
        reason="Not this one.",
    )
    assert problems_found() == []
