"""A resource that a builder proposes at import: each next step reaches its person on home, by notice and on the page (I3, I8)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance.core.mail import daily_digest
from governance.core.models import Notice, Person
from inventory.models import ImportItem, NextStep, Resource
from inventory.resources.transitions import resources
from tests.approvals.intake.builder import Build
from tests.people import Northwind, as_actor
from tests.portal.dashboard.test_home_of_roles import tasks_of
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


def proposed_at_import(c: Company) -> tuple[Resource, ImportItem]:
    """Rita imports the stock report and registers the database that it opens."""
    rita = Build.by(c.people.rita)
    item = rita.import_item()
    key = next(name for name in rita.fields(item) if name.startswith("bind-")).removeprefix("bind-")
    given = {
        "name": "Stock base",
        "kind": "data_store",
        "environment": "production",
        "suggested_owner": c.people.omar.pk,
    }
    answer = rita.client.post(reverse("import_bind", args=[item.pk, key]), {"do": "register", **given})
    assert answer.status_code == 302
    return Resource.objects.get(name="Stock base"), item


def named(n: Northwind, resource: Resource) -> None:
    """Ines names Omar through the form."""
    typed = {"owner": n.omar.pk, "deputy": n.amara.pk}
    answer = client_of(n.ines).post(reverse("resource_name_owner", args=[resource.pk]), typed, follow=True)
    assert "It waits for Omar Haddad to accept to own Stock base." in answer.content.decode()


def told(person: Person) -> list[tuple[str, str]]:
    """Events of a person's notices about the new resource, each with the task or with what it waits for."""
    thread = f"resource:{Resource.objects.get(name='Stock base').pk}"
    words = {"resource_waits": "task", "resource_progress": "waits_for"}
    notices = Notice.objects.filter(recipient=person, thread=thread).order_by("pk")
    return [(row.event, row.context[words[row.event]]) for row in notices]


def page_of(person: Person, resource: Resource) -> str:
    """The resource's page as somebody sees it, without line breaks."""
    return " ".join(client_of(person).get(resource.href).content.decode().split())


@starting_point("company", proposed_at_import)
@pytest.mark.rule("I3", "I8")
def test_only_the_person_of_the_next_step_gets_task_and_button(
    company: Company, start: tuple[Resource, ImportItem]
) -> None:
    n, (resource, item) = company.people, start
    for person in (n.rita, n.omar, n.sana, n.theo):
        assert tasks_of(person, "resources") == [], person.name
    for admin in (n.ines, n.karl):
        assert tasks_of(admin, "resources") == ["Name an owner of Stock base"]
        assert told(admin) == [("resource_waits", "Name an owner of Stock base")]
    assert "Rita Novak with <a" in page_of(n.rita, resource)
    assert "Rita Novak with" not in page_of(n.ines, resource), "a draft is its builder's and their team's"
    named(n, resource)
    assert tasks_of(n.ines, "resources") == tasks_of(n.karl, "resources") == []
    assert tasks_of(n.omar, "resources") == ["Accept to own Stock base"]
    assert told(n.omar) == [("resource_waits", "Accept to own Stock base")]
    assert "Wait for Omar Haddad to accept to own Stock base" in Build.by(n.rita).see(item)
    answer = client_of(n.omar).post(reverse("resource_accept", args=[resource.pk]), follow=True).content.decode()
    assert "You own Stock base now." in answer
    assert "Set the data class of Stock base" in answer
    assert tasks_of(n.omar, "resources") == ["Set the data class of Stock base"]
    assert "Set the data class of" not in page_of(n.karl, resource), "an admin who sets it can't activate it"
    assert "It waits for Omar Haddad to set the data class of Stock base." in page_of(n.karl, resource)
    assert told(n.rita) == [("resource_progress", "Omar Haddad to set the data class of Stock base")]


@starting_point("company", proposed_at_import)
@pytest.mark.rule("I3", "H3")
def test_page_of_the_new_owner_names_what_they_accepted(company: Company, start: tuple[Resource, ImportItem]) -> None:
    n, (resource, _) = company.people, start
    form = client_of(n.ines).get(reverse("resource_name_owner", args=[resource.pk])).content.decode()
    assert "Backup approver" in form
    assert "Deputy" not in form
    assert f'<a href="{resource.href}">Stock base</a>' in form.partition("Breadcrumb")[2]
    named(n, resource)
    client_of(n.omar).post(reverse("resource_accept", args=[resource.pk]))
    page = client_of(n.ines).get(reverse("person", args=[n.omar.pk])).content.decode()
    assert "accepted the ownership of Stock base" in page
    assert "no owner yet" not in page


def classed(c: Company) -> tuple[Resource, ImportItem]:
    """Omar has accepted and set the data class."""
    resource, item = proposed_at_import(c)
    n = c.people
    resources.name_owner(resource, actor=as_actor(n.ines), now=n.now, owner=n.omar, deputy=n.amara)
    resources.accept_ownership(resource, actor=as_actor(n.omar), now=n.now)
    resources.amend_resource(resource, actor=as_actor(n.omar), now=n.now, fields={"data_class": "internal"})
    return resource, item


CLASSED = starting_point("company", classed)


@CLASSED
@pytest.mark.rule("I3", "S8")
def test_other_admin_activates_and_the_builder_is_told(company: Company, start: tuple[Resource, ImportItem]) -> None:
    n, (resource, item) = company.people, start
    assert resource.next_step == NextStep.ACTIVATE
    assert tasks_of(n.ines, "resources") == [], "she named its owner"
    assert "another admin activates it" in page_of(n.ines, resource)
    assert tasks_of(n.karl, "resources") == ["Activate Stock base"]
    assert told(n.karl)[-1] == ("resource_waits", "Activate Stock base")
    assert "Wait for another admin to activate Stock base" in Build.by(n.rita).see(item)
    answer = client_of(n.karl).post(reverse("resource_activate", args=[resource.pk]), follow=True)
    assert "Stock base is active." in answer.content.decode()
    assert told(n.rita)[-1] == ("resource_progress", "")
    assert tasks_of(n.karl, "resources") == []
    assert "It waits for" not in page_of(n.karl, resource)


@CLASSED
@pytest.mark.rule("R5")
def test_finished_step_is_no_line_of_a_digest(company: Company, start: tuple[Resource, ImportItem]) -> None:
    n, (resource, _) = company.people, start
    read = daily_digest._readers["resource_waits"]
    thread = f"resource:{resource.pk}"
    assert read(n.ines, [thread], n.now) == {}
    assert [*read(n.karl, [thread], n.now)] == [thread]


@CLASSED
def test_a_gone_owner_is_named_again(company: Company, start: tuple[Resource, ImportItem]) -> None:
    n, (resource, _) = company.people, start
    Person.objects.filter(pk=n.omar.pk).update(is_active=False)
    assert Resource.objects.get(pk=resource.pk).next_step == NextStep.NAME
    assert tasks_of(n.ines, "resources") == tasks_of(n.karl, "resources") == ["Name an owner of Stock base"]


@starting_point("company", proposed_at_import)
def test_import_draft_stands_on_home_until_it_is_discarded(
    company: Company, start: tuple[Resource, ImportItem]
) -> None:
    n, (_, item) = company.people, start
    for person in (n.jonas, n.karl):
        assert "Finish your import" not in client_of(person).get(reverse("home")).content.decode()
    rita = client_of(n.rita)
    assert "Finish your import of Weekly stock report" in rita.get(reverse("home")).content.decode()
    rita.post(reverse("import_discard", args=[item.pk]))
    assert "Finish your import" not in rita.get(reverse("home")).content.decode()
