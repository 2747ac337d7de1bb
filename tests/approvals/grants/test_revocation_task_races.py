"""Words on a revocation task at the same instant: real threads, real commits (G4)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from approvals.grants.transitions import lifecycle, revocation_tasks
from approvals.models import Grant, GrantState, RevocationTask, RevocationWord
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.submissions.test_races import at_once, of_its_own, refusals
from tests.people import as_actor, build
from tests.scenarios import Company

pytestmark = pytest.mark.race


@pytest.fixture(scope="module")
def firm(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """A company of this module's own, committed."""
    with django_db_blocker.unblock():
        yield scenarios.company(build(uuid.uuid4().hex[:8]))
        connections.close_all()


@pytest.fixture
def tasks(firm: Company) -> list[RevocationTask]:
    """What is to be removed after everything of an automation was revoked."""
    made = stock_report.in_force(firm, of_its_own())
    held = list(Grant.objects.filter(automation=made.automation_id).order_by("pk"))
    for grant in held:
        if not Grant.objects.filter(pk=grant.pk, state=GrantState.ACTIVE).exists():
            continue  # a credential whose last privilege was revoked before it has ended with that (G1)
        lifecycle.revoke(grant, actor=as_actor(firm.people.jonas), now=firm.now, reason="Not needed.")
    return list(RevocationTask.objects.filter(grant__in=held).order_by("pk"))


def _saying(task: RevocationTask, who: Person, firm: Company) -> Callable[[], object]:
    fresh = RevocationTask.objects.get(pk=task.pk)
    return lambda: revocation_tasks.say_removed(fresh, actor=as_actor(who), now=firm.now, reason="Looked: gone.")


@pytest.mark.rule("G4")
def test_two_words_at_once_close_it_once_and_one_persons_two_are_one(
    firm: Company, tasks: list[RevocationTask]
) -> None:
    n = firm.people
    for number, task in enumerate(tasks):
        second = n.omar if number % 2 else n.sana
        results = at_once(_saying(task, n.omar, firm), _saying(task, second, firm))
        task.refresh_from_db()
        words = RevocationWord.objects.filter(task=task)
        if second == n.omar:
            assert refusals(results) == ["G4"]
            assert (task.state, words.count()) == ("open", 1)
        else:
            assert refusals(results) == []
            assert (task.state, words.count(), len(set(task.closed_by))) == ("closed", 2, 2)
