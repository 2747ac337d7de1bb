"""What somebody writes with the application's role and without an event is refused at the commit, or found by the verifier (H1)."""

from __future__ import annotations

from random import Random

import pytest
from django.db import transaction

from approvals.models import Submission
from governance.controls import ledger_export
from tests import journeys
from tests.approvals import stock
from tests.approvals.attempts import database_refuses, sql
from tests.approvals.unrecorded import attacks
from tests.people import build


@pytest.fixture(scope="module")
def waiting(django_db_setup: None, django_db_blocker: object) -> Submission:
    """A submission in stage 2 beside another that is in force, committed."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's own
        company = journeys.company(build("unrecorded"))
        stock.in_force(company)
        return stock.app_approved(company, stock.another(company))


def commit() -> None:
    """Check what a commit checks, and stay in the transaction."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.race
@pytest.mark.rule("H1", "H2")
@pytest.mark.parametrize("attack", attacks.REFUSED, ids=lambda attack: attack.__name__)
def test_a_row_written_without_its_event_is_refused(waiting: Submission, attack: attacks.Attack) -> None:
    submission = Submission.objects.get(pk=waiting.pk)
    with database_refuses("H1: "):
        attack(submission, Random(1), submission.submitted_at)
        commit()


@pytest.mark.race
@pytest.mark.rule("H1", "H2")
@pytest.mark.parametrize("attack", attacks.FOUND, ids=lambda attack: attack.__name__)
def test_a_row_written_without_its_event_is_found(waiting: Submission, attack: attacks.Attack) -> None:
    assert ledger_export.verify_database().problems == []
    submission = Submission.objects.get(pk=waiting.pk)
    with transaction.atomic():
        attack(submission, Random(1), submission.submitted_at)
        commit()
        problems = ledger_export.verify_database().problems
        transaction.set_rollback(True)
    assert [problem for problem in problems if problem.startswith(attacks.FOUND[attack])] != []
