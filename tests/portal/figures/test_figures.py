"""Figures of the dashboard: counts made by hand, who may see them, and a second count of the same day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.conflicts import jobs as conflict_jobs
from approvals.grants.transitions import lifecycle
from approvals.models import ConflictRule, RevocationTask, Submission
from governance.core.access import Actor
from governance.core.clock import current_time, demo_clock
from governance.core.jobs import job_runs
from governance.core.models import Team
from governance.portal.figures import jobs, queries
from governance.portal.models import Figure
from governance.recertification.models import Campaign, Item
from inventory.models import Credential
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals.conflicts import conflict_rules
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
unchanged = starting_point("plain_in_force", lambda c: None)


def counted(company: Company, days: int = 0, **team: object) -> dict[str, int]:
    """The figures of a scope, without zeros and without the health of the installation, after a sweep so many days later."""
    jobs.sweep(company.now + timedelta(days=days))
    rows = Figure.objects.filter(value__gt=0, **(team or {"team": None})).order_by("-day")
    newest = rows.values("day")[:1]
    values = rows.filter(day=newest).exclude(name__startswith="health.").order_by("name")
    return dict(values.values_list("name", "value"))


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
    Team.objects.filter(pk=n.it_ops.pk).update(name="Devices")
    assert names(as_actor(n.mei)) == ["Finance Operations", "Devices"], "the team with automations first"
    record_leaver(n.theo, actor=as_actor(n.ines), now=company.now, reason="Left.")
    assert names(as_actor(n.mei)) == ["Devices"]


@begun
def test_figures_agree_with_counts_by_hand(company: Company) -> None:
    n = company.people
    expected = {
        "automations.in_review.high": 1,
        "automations.live.standard": 1,
        "approvals.0.high": 4,
        "approvals.0.standard": 9,
        "enforcement.detached": 4,
        "credentials.unplanned": sum(row.lifetime == "static" for row in Credential.objects.all()),
    }
    assert counted(company) == expected
    assert counted(company, team=n.finance_ops) == expected
    assert counted(company, team=n.platform) == {}


def a_week_passes(company: Company, later: datetime) -> None:
    """Thirteen approvals are late, a grant has ended, a review is late, and the owner of three resources has left."""
    n = company.people
    live = company.people.finance_ops.automations.get(state="live")
    grants = [*live.grants.filter(kind="privilege").order_by("pk")]
    lifecycle.revoke(grants[0], actor=as_actor(n.omar), now=later - timedelta(hours=30), reason="Not needed.")
    campaign = Campaign.objects.create(
        name="Review", kind="adhoc", snapshot_at=company.now, deadline=later, grace_until=later + timedelta(days=9)
    )
    fields = {"reason": "x", "opened_at": company.now, "deadline": later, "grace_until": campaign.grace_until}
    Item.objects.create(campaign=campaign, grant=grants[1], **fields)
    Item.objects.create(campaign=campaign, automation=live, state="answered", **fields)
    rotated = Credential.objects.filter(lifetime="static").order_by("pk")[0]
    Credential.objects.filter(pk=rotated.pk).update(rotation_due_on=later.date() - timedelta(days=1))
    record_leaver(n.omar, actor=as_actor(n.ines), now=later, reason="Left.")


@begun
def test_late_tasks_and_lost_owners_are_counted(company: Company) -> None:
    n = company.people
    a_week_passes(company, company.now + timedelta(days=7))
    found = counted(company, days=7)
    assert {name: number for name, number in found.items() if name.startswith("approvals")} == {
        "approvals.5.high": 4,
        "approvals.5.standard": 9,
    }
    expected = {
        "overdue.approvals": 13,
        "overdue.recertifications": 1,
        "overdue.removals": 2,  # of the privilege, and of the credential that only it used
        "recertifications.standard.open": 1,
        "recertifications.standard.answered": 1,
        "removals.48": 2,
        "credentials.overdue": 1,
        "ownerless.confidential": 1,
        "ownerless.internal": 2,
    }
    assert {name: found.get(name, 0) for name in expected} == expected
    of_team = counted(company, days=7, team=n.finance_ops)
    assert {name: of_team.get(name, 0) for name in expected if "ownerless" not in name} == {
        name: number for name, number in expected.items() if "ownerless" not in name
    }
    assert counted(company, days=7, team=n.platform) == {"ownerless.confidential": 1, "ownerless.internal": 2}
    ending = counted(company, days=160)
    assert sum(number for name, number in ending.items() if name.startswith("ending.")) == 2  # terms of 180 days


@unchanged
def test_conflicts_and_waivers_count_for_each_team_that_takes_part(company: Company) -> None:
    n, now = company.people, company.now
    conflict_rules.rule(conflict_rules.on(company.erp), conflict_rules.on(company.slack), mode="record")
    conflict_jobs.scan_all(now, Actor.of_job(conflict_jobs.JOB))
    assert counted(company)["conflicts.record"] == 1
    assert counted(company, team=n.finance_ops)["conflicts.record"] == 1
    assert "conflicts.record" not in counted(company, team=n.platform)


@unchanged
def test_open_rows_stand_grey_in_the_sidebar_of_readers_of_the_whole_register(company: Company) -> None:
    n, path = company.people, reverse("people")
    conflict_rules.rule(conflict_rules.on(company.erp), conflict_rules.on(company.slack), mode="record")
    conflict_jobs.scan_all(company.now, Actor.of_job(conflict_jobs.JOB))
    jobs.sweep(company.now)
    mark = '<span class="count count-open">1<span class="visually-hidden"> open</span></span>'
    assert mark not in client_of(n.rita).get(reverse("home")).content.decode(), "she sees a part of the register"
    assert client_of(n.yuki).get(path).content.decode().count(mark) == 1
    Figure.objects.filter(name="conflicts.record", team=None).update(value=0)
    assert mark not in client_of(n.yuki).get(path).content.decode()


@begun
@pytest.mark.parametrize("of_team", [False, True])
def test_list_of_each_number_has_as_many_rows(company: Company, *, of_team: bool) -> None:
    """All but overdue approvals: their list has a row for each submission, as its card says."""
    erp, slack = conflict_rules.on(company.erp), conflict_rules.on(company.slack)
    for mode in ("record", "record", "approval", "enforce"):
        conflict_rules.rule(erp, slack, code=f"{mode}-{ConflictRule.objects.count()}", mode=mode)
    conflict_jobs.scan_all(company.now, Actor.of_job(conflict_jobs.JOB))
    demo_clock.move(timedelta(days=7))
    later = current_time.now()
    a_week_passes(company, later)
    RevocationTask.objects.filter(pk__in=RevocationTask.objects.order_by("pk")[:1]).update(
        opened_at=later - timedelta(hours=50)
    )
    job_runs.run_job(jobs.JOB, jobs.sweep)
    client, counted_lists = client_of(company.people.sana), set()
    scope = f"?team={company.people.finance_ops.pk}" if of_team else ""
    for card in client.get(reverse("dashboard") + scope).context["cards"]:
        for row in card.rows:
            for number, href in {(row.total, row.href), *row.cells}:
                if number and href and not href.startswith((reverse("approvals"), reverse("dashboard"))):
                    shown = client.get(href).context
                    assert len(shown["items"] if "items" in shown else shown["rows"]) == number, href
                    counted_lists.add(f"{card.key} {row.label}")
    expected = {
        "conflicts Enforced",
        "conflicts Extra approval",
        "conflicts Recorded",
        "recertifications Standard risk",
    }
    expected |= {"removals 24 to 48 hours", "removals More than 48 hours"}
    assert counted_lists >= expected | ({"overdue Recertifications", "overdue Access to remove"} if of_team else set())


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
def test_sweep_takes_as_many_statements_for_many_teams(company: Company) -> None:
    numbers = []
    for _ in range(2):
        jobs.sweep(company.now)
        with CaptureQueriesContext(connection) as statements:
            jobs.sweep(company.now + timedelta(minutes=1))
        numbers.append(len(statements))
        scenarios.brought_in(company, "voucher-mailer.json")
    assert numbers[0] == numbers[1] <= 60


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
        assert text.count("Show as a table") == sum(card.most > 0 for card in answer.context["cards"]) - 1
        assert (
            f"?state=live&amp;{'' if person == company.people.sana else f'team={company.people.finance_ops.pk}&amp;'}risk=standard"
            in text
        )
    assert 'hx-get="/dashboard/"' in client_of(company.people.sana).get(reverse("home")).content.decode()
