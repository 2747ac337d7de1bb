"""Access to remove on pages, once for each holder; and who hears what will stop (G4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.grants import jobs as grant_jobs
from approvals.grants import queries as grant_queries
from approvals.grants.transitions import lifecycle, revocation_tasks
from approvals.models import EnforcedBy, Grant, RevocationTask, Submission
from governance.core.clock import current_time
from governance.core.models import Notice, Person
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(company: Company, stock_in_force: Submission) -> Company:
    """Northwind with Weekly stock report in force: four grants."""
    return company


def _end(company: Company, number: int) -> list[RevocationTask]:
    held = list(Grant.objects.standing().credentials_first()[:number])
    for grant in held:
        lifecycle.revoke(grant, actor=as_actor(company.people.jonas), now=current_time.now(), reason="Not needed.")
    return list(RevocationTask.objects.filter(grant__in=held).order_by("pk"))


def _shown(who: Person, path: str) -> tuple[str, int]:
    client = client_of(who)
    client.get(path)  # what is read once a process is read
    with CaptureQueriesContext(
        connection,
    ) as counted:
        answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode(), len(counted)


@pytest.mark.full("lists many, to count queries")
@pytest.mark.rule("G4")
@pytest.mark.parametrize("show", ["", "?show=done", "?mine=1"])
def test_list_query_count_is_constant(show: str, company: Company) -> None:
    n = company.people
    for task in _end(company, 1):
        revocation_tasks.say_removed(
            task, actor=as_actor(n.omar), now=current_time.now(), reason="Gone."
        ) if show else None
        revocation_tasks.say_removed(
            task, actor=as_actor(n.sana), now=current_time.now(), reason="Gone."
        ) if "done" in show else None
    _, few = _shown(n.omar, reverse("revocations") + show)
    for task in _end(company, 3):
        revocation_tasks.say_removed(
            task, actor=as_actor(n.omar), now=current_time.now(), reason="Gone."
        ) if show else None
        revocation_tasks.say_removed(
            task, actor=as_actor(n.sana), now=current_time.now(), reason="Gone."
        ) if "done" in show else None
    _, many = _shown(n.omar, reverse("revocations") + show)
    assert many == few


@pytest.mark.rule("G4")
def test_list_is_filtered_by_team_as_the_dashboard_links_it(company: Company) -> None:
    n, path = company.people, reverse("revocations")
    (task,) = _end(company, 1)
    assert n.finance_ops.name not in _shown(n.tom, path)[0]
    text, queries = _shown(n.sana, f"{path}?team={n.finance_ops.pk}")
    assert task.href in text
    assert queries <= 13
    assert task.href not in _shown(n.sana, f"{path}?team={n.marketing.pk}")[0]


@pytest.mark.rule("G4")
def test_access_is_not_called_revoked_before_two_checks(company: Company) -> None:
    n = company.people
    (task,) = _end(company, 1)
    ended = reverse("automation_grants", args=[task.grant.automation_id]) + "?show=ended"
    for who, page in ((n.jonas, ended), (n.omar, reverse("revocations")), (n.omar, task.href)):
        text, _ = _shown(who, page)
        assert "Ended, removal not confirmed" in text
        assert ">Revoked" not in text
    assert reverse("revocation", args=[task.pk]) in _shown(n.omar, reverse("home"))[0]
    for who in (n.omar, n.amara):
        client_of(who).post(task.href, {"reason": "The role is dropped."})
    text, _ = _shown(n.jonas, ended)
    assert "checked by Omar Haddad and Amara Okafor on" in text
    assert reverse("revocation", args=[task.pk]) not in _shown(n.omar, reverse("home"))[0]


@pytest.mark.rule("G4")
def test_enforcement_shares_are_shown_without_empty_kinds(company: Company) -> None:
    assert grant_queries.shares(Grant.objects.none()) == ""
    assert grant_queries.shares(Grant.objects.all()) == "100 % detached"
    first = Grant.objects.earliest("pk")
    Grant.objects.filter(pk=first.pk).update(enforcement=EnforcedBy.GATED)
    assert grant_queries.shares(Grant.objects.all()) == "25 % gated, 75 % detached"
    text, _ = _shown(company.people.jonas, reverse("automation_grants", args=[first.automation_id]))
    assert "enforced: 25 % gated, 75 % detached" in text


@pytest.mark.rule("G4")
def test_owners_get_weekly_notice_of_ending_access(company: Company) -> None:
    first = Grant.objects.order_by("ends_at", "pk")[0]
    assert grant_jobs.notify_ends(first.ends_at - timedelta(days=8)) == 0
    soon = first.ends_at - timedelta(days=6)
    sent = grant_jobs.notify_ends(soon)
    assert sent
    assert grant_jobs.notify_ends(soon + timedelta(days=1)) == 0
    mails: Any = Notice.objects.filter(event="grant_ending")
    assert set(mails.values_list("recipient", flat=True)) == {company.people.jonas.pk, company.people.rita.pk}
    assert set(mails.values_list("state", flat=True)) == {"waiting"}, "it joins the day's digest"
