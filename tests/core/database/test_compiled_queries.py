"""What is compiled once: the same rows as compiled each time, for each question's own values; annotations need no join."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Exists, OuterRef, Subquery

from approvals.inbox import waiting_for
from approvals.models import Approval, Submission, Waiver
from governance.core.database import compiled_queries
from governance.core.models import Delegation, Person
from tests import scenarios
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A11")]


def _runs() -> Exists:
    return Exists(Delegation.objects.running(compiled_queries.NOW).filter(giver=OuterRef("pk")))


def _by_way_of_another_row() -> Subquery:
    return Subquery(Waiver.objects.filter(pk=OuterRef("automation__team")).values("pk"))


def test_what_needs_another_row_is_refused() -> None:
    with pytest.raises(
        ValueError, match="_by_way_of_another_row makes reads inventory_automation beside a row of Submission"
    ):
        compiled_queries.annotation(Submission, _by_way_of_another_row)


def test_the_instant_is_that_of_each_question(company: Company) -> None:
    n, now = company.people, company.now
    Delegation.objects.create(giver=n.omar, taker=n.amara, from_at=now, until_at=now + timedelta(days=2))
    found = {
        days: Person.objects.annotate(it=compiled_queries.annotation(Person, _runs, now + timedelta(days=days))).get(
            pk=n.omar.pk
        )
        for days in (-1, 1, 3, 1)
    }
    assert [getattr(found[days], "it") for days in (-1, 1, 3)] == [False, True, False]  # noqa: B009


def test_rows_are_those_of_the_same_annotation_compiled_each_time(company: Company) -> None:
    submission = scenarios.submitted(company)
    once = waiting_for.with_holders(Submission.objects.filter(pk=submission.pk)).get()
    each = Submission.objects.annotate(seats_open=waiting_for._seats()).get(pk=submission.pk)
    assert getattr(once, "seats_open") == getattr(each, "seats_open") != []  # noqa: B009


def test_it_stands_beside_joins_and_other_annotations(company: Company) -> None:
    submission = scenarios.submitted(company)
    records = ArraySubquery(Approval.objects.filter(submission=OuterRef("pk")).order_by("pk").values("pk"))
    rows = (
        Submission.objects.select_related("automation__team").filter(automation__name__gt="").annotate(records=records)
    )
    found = waiting_for.with_holders(rows).get(pk=submission.pk)
    assert {one["record"] for one in getattr(found, "seats_open")} <= set(getattr(found, "records"))  # noqa: B009


NAMED = compiled_queries.Statement(
    lambda: (
        Delegation.objects.running(compiled_queries.NOW)
        .filter(compiled_queries.among_those("givers", "giver"), compiled_queries.among_texts("names", "taker__name"))
        .select_related("taker")
    )
)


def test_a_value_that_is_missing_is_said(company: Company) -> None:
    with pytest.raises(KeyError, match="names"):
        NAMED(now=company.now, givers={company.people.omar.pk})


def test_each_question_has_its_own_values(company: Company) -> None:
    n, now = company.people, company.now
    for giver, taker in ((n.omar, n.amara), (n.jonas, n.omar)):
        Delegation.objects.create(giver=giver, taker=taker, from_at=now, until_at=now + timedelta(days=2))
    names = {n.amara.name, n.omar.name}

    def found(givers: set[int], names: set[str], days: int = 1) -> list[int]:
        return [one.giver_id for one in NAMED(givers=givers, names=names, now=now + timedelta(days=days))]

    assert found({n.omar.pk, n.jonas.pk}, {"Nobody"}) == found(set(), names) == found({n.omar.pk}, names, 3) == []
    assert found({n.omar.pk}, names) == [n.omar.pk]
    assert sorted(found({n.omar.pk, n.jonas.pk}, names)) == sorted([n.omar.pk, n.jonas.pk])


def test_rows_come_with_what_they_are_joined_to(company: Company, django_assert_num_queries: Any) -> None:
    n, now = company.people, company.now
    Delegation.objects.create(giver=n.omar, taker=n.amara, from_at=now, until_at=now + timedelta(days=2))
    with django_assert_num_queries(1):
        (found,) = NAMED(givers=[n.omar.pk], names=[n.amara.name], now=now)
        assert found.taker.email == n.amara.email


def test_what_is_asked_in_another_thread_goes_by_its_own_connection(company: Company) -> None:
    NAMED(givers=[], names=[], now=company.now)
    used: list[str] = []

    def ask() -> None:
        def note(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            used.append(str(context["connection"].connection.info.backend_pid))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            NAMED(givers=[], names=[], now=company.now)
        connection.close()

    with ThreadPoolExecutor(1) as one:
        one.submit(ask).result()
    assert used
    assert used != [str(connection.connection.info.backend_pid)]
