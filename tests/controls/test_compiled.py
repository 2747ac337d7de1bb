"""Annotations that are compiled once: the same rows as compiled each time, at each instant, and nothing that needs a join."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Subquery

from approvals import holders
from approvals.models import Approval, Submission, Waiver
from governance.controls import compiled
from governance.controls.models import Delegation, Person
from tests import journeys
from tests.journeys import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A11")]


def _runs() -> Exists:
    return Exists(Delegation.objects.running(compiled.NOW).filter(giver=OuterRef("pk")))


def _by_way_of_another_row() -> Subquery:
    return Subquery(Waiver.objects.filter(pk=OuterRef("automation__team")).values("pk"))


def test_what_needs_another_row_is_refused() -> None:
    with pytest.raises(
        ValueError, match="_by_way_of_another_row makes reads inventory_automation beside a row of Submission"
    ):
        compiled.annotation(Submission, _by_way_of_another_row)


def test_the_instant_is_that_of_each_question(company: Company) -> None:
    n, now = company.people, company.now
    Delegation.objects.create(giver=n.omar, taker=n.amara, from_at=now, until_at=now + timedelta(days=2))
    found = {
        days: Person.objects.annotate(it=compiled.annotation(Person, _runs, now + timedelta(days=days))).get(
            pk=n.omar.pk
        )
        for days in (-1, 1, 3, 1)
    }
    assert [getattr(found[days], "it") for days in (-1, 1, 3)] == [False, True, False]  # noqa: B009


def test_rows_are_those_of_the_same_annotation_compiled_each_time(company: Company) -> None:
    submission = journeys.submitted(company)
    once = holders.told(Submission.objects.filter(pk=submission.pk)).get()
    each = Submission.objects.annotate(seats_open=holders._seats()).get(pk=submission.pk)
    assert getattr(once, "seats_open") == getattr(each, "seats_open") != []  # noqa: B009


def test_it_stands_beside_joins_and_other_annotations(company: Company) -> None:
    submission = journeys.submitted(company)
    records = ArraySubquery(Approval.objects.filter(submission=OuterRef("pk")).order_by("pk").values("pk"))
    rows = (
        Submission.objects.select_related("automation__team").filter(automation__name__gt="").annotate(records=records)
    )
    found = holders.told(rows).get(pk=submission.pk)
    assert {one["record"] for one in getattr(found, "seats_open")} <= set(getattr(found, "records"))  # noqa: B009
