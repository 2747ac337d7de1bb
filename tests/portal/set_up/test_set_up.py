"""The set-up page: what is missing before the first automation, and a test of the mail (S5, S9, R9, P1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.models import DirectoryEntry, Membership, Notice, NoticeState, Person, Team, TeamKind
from governance.portal.set_up import queries
from inventory.models import Resource, ResourceState
from tests import scenarios
from tests.inventory.automations.test_register_pages import cost
from tests.mail_server import Server
from tests.people import NOW, Northwind
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db


def steps(reader: Person) -> dict[str, tuple[str, list[str]]]:
    """State and sentences of each step."""
    found = queries.steps(reader, now=NOW, at=current_time.real())
    return {step.key: (step.state, step.sentences) for step in found}


def entered(source: str, user: str) -> None:
    """A directory's user."""
    DirectoryEntry.objects.create(
        kind="User", source=source, user_name=user, document={}, created_at=NOW, modified_at=NOW
    )


@pytest.mark.rule("S5")
@pytest.mark.parametrize("who", ["rita", "sana", "yuki"])
def test_only_admins_set_the_portal_up(northwind: Northwind, who: str) -> None:
    client = client_of(getattr(northwind, who))
    assert client.get(reverse("set_up")).status_code == 403
    assert client.post(reverse("try_mail")).status_code == 403
    assert not Notice.objects.filter(event=queries.MAIL_TEST).exists()
    assert reverse("set_up") not in client.get(reverse("home")).content.decode()


@pytest.mark.rule("S9")
def test_empty_portal_lacks_each_step_in_its_order(northwind: Northwind) -> None:
    found = steps(northwind.ines)
    assert list(found) == [
        *("sign-in", "directory", "people", "teams", "fallback", "resources", "policy", "mail", "import", "health"),
    ]
    assert found["people"] == ("done", ["17 people. Both tiers have enough different approvers."])
    assert found["teams"] == ("done", ["10 teams."])
    assert found["fallback"] == ("done", ["2 people can decide where all others can’t."])
    assert found["resources"] == ("missing", ["No resource is in use yet."])
    assert found["import"] == ("missing", ["No automation has been imported yet."])
    assert found["policy"] == ("optional", ["The shipped policy is in force. Read it once."])


@pytest.mark.rule("S9")
def test_too_few_approvers_are_named(northwind: Northwind) -> None:
    Person.objects.filter(pk__in=[northwind.viktor.pk, northwind.sana.pk]).update(is_active=False)
    state, sentences = steps(northwind.ines)["people"]
    assert state == "missing"
    assert any("security" in sentence for sentence in sentences), sentences


@pytest.mark.rule("T3")
def test_team_of_builders_needs_a_lead_who_is_here(northwind: Northwind) -> None:
    leads = (northwind.grace, northwind.theo, northwind.mei)  # nobody builds in Mei's team
    Person.objects.filter(pk__in=[lead.pk for lead in leads]).update(is_active=False)
    assert steps(northwind.ines)["teams"] == (
        "missing",
        ["10 teams.", "Builders, but no lead, are in: Finance Operations and Marketing."],
    )


def test_fallback_owners_are_members_who_are_here(northwind: Northwind) -> None:
    Person.objects.filter(pk__in=[northwind.amara.pk, northwind.bram.pk]).update(is_active=False)
    assert steps(northwind.ines)["fallback"][0] == "missing"


def test_resources_and_directories_are_counted(northwind: Northwind) -> None:
    company = scenarios.company(northwind)
    with unguarded(Resource):
        Resource.objects.filter(pk=company.erp.pk).update(state=ResourceState.PROPOSED)
    in_use = Resource.objects.filter(state=ResourceState.ACTIVE).count()
    for name in ("a", "b"):
        entered("entra", name)
    found = steps(northwind.ines)
    assert found["resources"] == ("done", [f"{in_use} resources in use.", "1 resource waits for an owner’s word."])
    assert found["directory"] == ("done", ["entra: 2 users."])


def test_queries_do_not_grow_with_the_organisation(northwind: Northwind) -> None:
    client = client_of(northwind.ines)
    before, _ = cost(client, reverse("set_up"))
    for place in range(6):
        team = Team.objects.create(name=f"Team {place}", parent=northwind.company, kind=TeamKind.BUSINESS)
        Membership.objects.create(team=team, person=northwind.rita)
        entered(f"source {place}", "a")
    after, _ = cost(client, reverse("set_up"))
    assert after == before
    assert "Team 0, Team 1, Team 2 and 3 more" in client.get(reverse("set_up")).content.decode()


@pytest.mark.rule("R9")
def test_test_of_the_mail_arrives_and_the_page_says_so(
    northwind: Northwind, smtp: Server, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_SERVER = smtp.settings
    monkeypatch.setattr(current_time, "now", lambda: NOW)
    client = client_of(northwind.ines)
    assert steps(northwind.ines)["mail"] == ("missing", ["Send yourself a test."])
    answer = client.post(reverse("try_mail"), follow=True)
    assert f"A test goes to {northwind.ines.email}." in answer.content.decode()
    assert steps(northwind.ines)["mail"] == ("missing", ["The test is queued."])
    mail_jobs.send_due(now=NOW)
    (mail,) = smtp.messages
    assert (mail["To"], mail["Subject"]) == (f"Ines Moreau <{northwind.ines.email}>", "Test of the mail")
    assert steps(northwind.ines)["mail"] == ("done", ["The mail server took the test."])


@pytest.mark.rule("R9")
def test_one_test_a_minute_and_only_to_oneself(
    northwind: Northwind, settings: Any, smtp: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_SERVER = smtp.settings
    client = client_of(northwind.ines)
    for minute, made in ((0, 1), (0, 1), (1, 2)):
        monkeypatch.setattr(current_time, "now", lambda: NOW + timedelta(minutes=minute))  # noqa: B023
        client.post(reverse("try_mail"), {"email": "else@northwind.example"})
        sent = Notice.objects.filter(event=queries.MAIL_TEST)
        assert (sent.count(), set(sent.values_list("recipient", flat=True))) == (made, {northwind.ines.pk})


@pytest.mark.rule("R9")
def test_failure_of_the_mail_server_is_shown(northwind: Northwind, settings: Any, smtp: Server) -> None:
    settings.MAIL_SERVER = smtp.settings
    smtp.answer = "451 not now"
    client = client_of(northwind.ines)
    client.post(reverse("try_mail"))
    mail_jobs.send_due(now=current_time.now())
    assert steps(northwind.ines)["mail"] == ("missing", ["The test is queued. SMTPDataError 451"])
    Notice.objects.filter(event=queries.MAIL_TEST).update(state=NoticeState.FAILED)
    assert "The test failed: SMTPDataError 451" in client.get(reverse("set_up")).content.decode()


def test_without_a_mail_server_there_is_no_test(northwind: Northwind, settings: Any) -> None:
    settings.MAIL_SERVER = None
    assert steps(northwind.ines)["mail"][0] == "optional"
    assert reverse("try_mail") not in client_of(northwind.ines).get(reverse("set_up")).content.decode()


def test_provider_of_sign_in_is_named(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps(northwind.ines)["sign-in"][0] == "optional"
    provider = type("Provider", (), {"name": "Entra ID"})
    monkeypatch.setattr(queries.providers, "configured", lambda: [provider])
    assert steps(northwind.ines)["sign-in"] == ("done", ["People sign in with Entra ID."])
