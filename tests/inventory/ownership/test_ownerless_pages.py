"""Pages about things without an owner: the banner with its buttons and reasons, the form, the list, home (I3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.core.mail import mail_text
from governance.core.models import LedgerEvent, Notice, Person
from inventory.models import Automation, Credential, InterimOwner, NonHumanIdentity, Resource, VersionIdentity
from inventory.ownership import transitions as ownership_transitions
from tests import scenarios
from tests.inventory.ownership.test_interim_owner import left, name, stands_in
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def seen(person: Person, path: str) -> str:
    """A page as somebody sees it."""
    answer = client_of(person).get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def cost(person: Person, path: str) -> int:
    """How many queries a page asks."""
    client = client_of(person)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(path).status_code == 200
    return len([query for query in queries.captured_queries if "controls_clockoffset" not in query["sql"]])


@pytest.mark.rule("I3")
def test_resource_page_shows_missing_owner_and_next_step(
    company: Company,
) -> None:
    n, here = company.people, company.slack.href
    assert "This has no active owner." not in seen(n.amara, here)
    left(company, n.omar)
    naming = reverse("interim_name", args=["resource", company.slack.pk])
    for person, may in ((n.amara, True), (n.sana, True), (n.rita, False), (n.ines, False), (n.yuki, False)):
        html = seen(person, here)
        assert "This has no active owner." in html
        assert (naming in html) == may, person.name
    answer = client_of(n.amara).post(naming, {"person": n.grace.pk, "reason": "She set it up."})
    assert (answer.status_code, answer["Location"]) == (302, here)
    named = InterimOwner.objects.get()
    confirming = reverse("interim_confirm", args=[named.pk])
    page = seen(n.amara, here)
    assert "Amara Okafor has named Grace Lindqvist; a security reviewer has to confirm this." in page
    assert "You named Grace Lindqvist, so you can&#x27;t confirm them. A security reviewer does." in page
    assert ('aria-describedby="interim-why"' in page, confirming in page) == (True, False)
    assert confirming in seen(n.sana, here)
    assert client_of(n.sana).post(confirming).status_code == 302
    html = seen(n.rita, here)
    assert "Grace Lindqvist answers for this until" in html
    assert "Amara Okafor named Grace Lindqvist, Sana Iqbal confirmed it." in html
    dropping = reverse("interim_drop", args=[named.pk])
    assert dropping in seen(n.grace, here)
    assert client_of(n.grace).post(dropping, {"reason": "I can’t."}).status_code == 302
    assert "This has no active owner." in seen(n.rita, here)


@pytest.mark.rule("I3", "S5")
def test_unauthorised_naming_is_refused_on_record(company: Company) -> None:
    n = company.people
    left(company, n.omar)
    slack = Resource.objects.get(pk=company.slack.pk)
    answer = client_of(n.rita).post(reverse("interim_name", args=["resource", slack.pk]), {"person": n.grace.pk})
    assert answer.status_code == 403
    assert LedgerEvent.objects.filter(verb="interim.named", outcome="refused", code="PERMISSION").exists()
    response = client_of(n.amara).post(reverse("interim_name", args=["resource", slack.pk]), {"person": n.amara.pk})
    assert response.status_code == 403
    assert "can&#x27;t name yourself" in response.content.decode()
    named = name(company, slack, n.grace, n.amara)
    assert client_of(n.amara).post(reverse("interim_confirm", args=[named.pk])).status_code == 403
    assert client_of(n.amara).get(reverse("interim_name", args=["spoon", 1])).status_code == 404


@pytest.mark.rule("I3", "I5", "I6")
def test_automation_page_links_to_ownerless_identity_and_credential(company: Company) -> None:
    n = company.people
    version = scenarios.brought_in(company)
    identity = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="x", subject="spiffe://x", owner=n.lena, automation=version.automation
    )
    VersionIdentity.objects.create(version=version, identity=identity)
    credential = Credential.objects.filter(opens=company.slack).order_by("pk")[0]
    credential.owner = n.lena
    credential.save()
    for gone in (n.lena, n.jonas):
        left(company, gone)
    here = version.automation.href
    html = seen(n.theo, here)
    assert "This has no active owner." in html
    assert reverse("identity", args=[identity.pk]) in html
    assert credential.href in seen(n.theo, f"{here}?tab=privileges")
    assert "Lena Fischer left." in seen(n.sana, credential.href)
    assert client_of(n.nadia).get(credential.href).status_code == 404
    assert cost(n.theo, here) <= 15
    assert cost(n.theo, f"{here}?tab=privileges") <= 15


@pytest.mark.rule("I3")
def test_home_and_list_show_ownerless_objects_to_lead_and_security(company: Company) -> None:
    n = company.people
    automation = scenarios.brought_in(company).automation
    home, listing = reverse("home"), reverse("ownerless")
    assert "has no owner: its team" not in seen(n.theo, home)
    left(company, n.jonas)
    few = {who: (cost(who, home), cost(who, listing)) for who in (n.sana, n.theo)}
    left(company, n.omar)
    name(company, Automation.objects.get(pk=automation.pk), n.grace, n.theo)
    for who, (at_home, listed) in few.items():
        assert "has no owner: its team" in seen(who, home)
        assert (cost(who, home), cost(who, listing)) == (at_home, listed)
        assert at_home <= 15
        assert listed <= 14
    assert "Theo Brandt has named Grace Lindqvist, not confirmed yet" in seen(n.sana, listing)
    assert company.slack.name in seen(n.sana, listing)
    assert company.slack.name not in seen(n.theo, listing)
    assert "has no owner: its team" not in seen(n.rita, home)
    for path in ("resource_list", "automation_list"):
        rows: Any = client_of(n.sana).get(f"{reverse(path)}?owner=none").context["rows"]
        assert {row["name"] for row in rows} == {
            "resource_list": {company.erp.name, company.slack.name, company.model.name},
            "automation_list": {automation.name},
        }[path]


@pytest.mark.rule("I3")
def test_mails_name_object_and_link_to_it(company: Company) -> None:
    n = company.people
    left(company, n.omar)
    named = stands_in(company, Resource.objects.get(pk=company.slack.pk), n.grace, lead=n.amara)
    ownership_transitions.drop_interim(named, actor=as_actor(n.sana), now=company.now, reason="Not hers.")
    letters = {
        notice.event: mail_text.write(notice, None) for notice in Notice.objects.filter(event__startswith="interim_")
    }
    assert letters["interim_named"].subject == (
        "Confirm Grace Lindqvist as interim owner of the resource Finance Slack workspace, named by Amara Okafor"
    )
    assert letters["interim_confirmed"].subject == (
        "You answer for the resource Finance Slack workspace until 24 December"
    )
    assert "You named Grace Lindqvist, and Sana Iqbal has confirmed it." in " ".join(
        letters["interim_agreed"].text.split()
    )
    assert "Sana Iqbal has said that Grace Lindqvist does not answer" in " ".join(
        letters["interim_dropped"].text.split()
    )
    assert all(company.slack.href in letter.text for letter in letters.values())
