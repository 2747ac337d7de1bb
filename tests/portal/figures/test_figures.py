"""Figures of the dashboard: counts made by hand, who may see them, and a second count of the same day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Submission
from governance.core.access import Actor
from governance.core.jobs import job_runs
from governance.portal.figures import jobs, queries
from governance.portal.models import Figure
from tests import scenarios
from tests.appointments import record_leaver
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def two_automations(c: Company) -> Submission:
    """The stock report is live with four grants; the invoice chaser waits in stage 2. Both are Finance Operations'."""
    chaser = scenarios.submitted(c)
    scenarios.decide_app(c, chaser)
    return chaser


begun = starting_point("stock_in_force", two_automations)


def counted(company: Company, days: int = 0, **team: object) -> dict[str, int]:
    """The figures of a scope, without zeros, after a sweep so many days later."""
    jobs.sweep(company.now + timedelta(days=days))
    rows = Figure.objects.filter(value__gt=0, **(team or {"team": None})).order_by("-day")
    newest = rows.values("day")[:1]
    return dict(rows.filter(day=newest).order_by("name").values_list("name", "value"))


@begun
def test_figures_of_other_teams_are_hidden(company: Company) -> None:
    n = company.people
    jobs.sweep(company.now)
    for person in (n.piet, n.omar, n.lena):
        others = [n.finance_ops.pk, n.company.pk, 10**9]
        answers = [client_of(person).get(f"{reverse('dashboard')}?team={team}") for team in others]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert client_of(person).get(reverse("dashboard")).context["scope"].name != "Finance Operations"


@begun
def test_person_without_a_team_sees_no_figures(company: Company) -> None:
    n = company.people
    n.finance_ops.memberships.filter(person=n.rita).delete()
    jobs.sweep(company.now)
    assert queries.load_scopes(as_actor(n.rita), n.now) == []
    answer = client_of(n.rita).get(reverse("dashboard"))
    assert answer.status_code == 200
    assert "cards" not in answer.context
    assert client_of(n.rita).get(f"{reverse('dashboard')}?team={n.finance_ops.pk}").status_code == 404


@begun
def test_scopes_follow_membership_lead_delegation_and_role(company: Company) -> None:
    n = company.people

    def names(actor: Actor) -> list[str]:
        return [scope.name for scope in queries.load_scopes(actor, n.now)]

    assert names(as_actor(n.rita)) == names(as_actor(n.theo)) == ["Finance Operations"]
    assert names(Actor.of_job("x")) == []
    for person in (n.sana, n.yuki, n.ines):
        assert names(as_actor(person))[0] == queries.settings.ORGANISATION
        finance = queries.find_scope(queries.load_scopes(as_actor(person), n.now), n.finance_ops.pk)
        assert finance is not None
    as_delegate(n.mei, giver=n.theo)
    assert names(as_actor(n.mei)) == ["Finance Operations", "IT Operations"]
    record_leaver(n.theo, company.now)
    assert names(as_actor(n.mei)) == ["IT Operations"]


@begun
def test_figures_agree_with_counts_by_hand(company: Company) -> None:
    n = company.people
    expected = {
        "automations.in_review.high": 1,
        "automations.live.standard": 1,
        "approvals.0.high": 7,
        "approvals.0.standard": 6,
        "enforcement.detached": 4,
        "credentials.unplanned": 3,
    }
    found = counted(company)
    assert found == expected
    assert counted(company, team=n.finance_ops) == expected
    assert counted(company, team=n.platform) == {}


@begun
def test_second_count_of_a_day_updates_and_never_doubles(company: Company) -> None:
    first = counted(company)
    rows, newest = Figure.objects.count(), max(Figure.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as statements:
        assert counted(company) == first
    assert not [row for row in statements if row["sql"].startswith("INSERT")]
    company.people.finance_ops.automations.filter(state="in_review").update(state="draft")
    assert counted(company) == {
        **{name: number for name, number in first.items() if name != "automations.in_review.high"},
        "automations.draft.high": 1,
    }
    assert Figure.objects.get(name="automations.in_review.high", team=None).value == 0
    assert Figure.objects.filter(pk__lte=newest).count() == rows  # no row was replaced
    counted(company, days=1)
    assert sorted(set(Figure.objects.filter(name="automations.draft.high", team=None).values_list("day"))) == [
        ((company.now + timedelta(days=days)).date(),) for days in (0, 1)
    ]
    counted(company, days=60)
    assert {days for (days,) in Figure.objects.filter(team__isnull=False).values_list("day")} == {
        (company.now + timedelta(days=60)).date()
    }


@begun
def test_sweep_takes_a_fixed_number_of_statements(company: Company) -> None:
    with CaptureQueriesContext(connection) as statements:
        jobs.sweep(company.now)
    assert len(statements) <= 24


@begun
def test_dashboard_takes_few_queries_and_shows_its_time(company: Company) -> None:
    job_runs.run_job(jobs.JOB, jobs.sweep)
    for person in (company.people.sana, company.people.theo):
        client = client_of(person)
        client.get(reverse("dashboard"))
        with CaptureQueriesContext(connection) as statements:
            answer = client.get(reverse("dashboard"), headers={"HX-Request": "true", "HX-Target": "dashboard"})
        assert len(statements) <= 15, person.name
        text = answer.content.decode()
        assert "as of " in text
        assert "<html" not in text
        assert text.count("Show as a table") == len(answer.context["cards"]) - 1
        assert (
            f"?state=live&amp;{'' if person == company.people.sana else f'team={company.people.finance_ops.pk}&amp;'}risk=standard"
            in text
        )
    assert 'hx-get="/dashboard/"' in client_of(company.people.sana).get(reverse("home")).content.decode()
