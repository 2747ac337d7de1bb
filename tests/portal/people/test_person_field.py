"""Fields that name a person: found by name, address or key, suggested by the server, and no page carries everybody (P1, S5)."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse

from governance.core.models import Person
from governance.core.people.person_field import NOBODY, SEVERAL, PersonField
from governance.portal.people.views import pick
from tests import scenarios
from tests.inventory.automations.test_register_pages import cost
from tests.people import Northwind
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

#: Bytes of a page with a field that could name each of 2,000 people.
LARGEST = 40_000


class NamingForm(forms.Form):
    """One person who is here."""

    who = PersonField(Person.objects.filter(is_active=True))


def suggestions(client: Client, typed: str, among: str = "everybody") -> list[str]:
    """Texts that are suggested for what was typed."""
    answer = client.get(reverse("pick_people", args=[among]), {"field": "who", "who": typed})
    assert answer.status_code == 200
    return [html.unescape(line.split('"')[1]) for line in answer.content.decode().split("<option ")[1:]]


@pytest.mark.rule("S5")
def test_strangers_get_no_suggestions(northwind: Northwind) -> None:
    answer = Client().get(reverse("pick_people", args=["everybody"]), {"field": "who", "who": "omar"})
    assert answer.status_code == 302
    assert client_of(northwind.rita).get(reverse("pick_people", args=["superusers"])).status_code == 404


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Nobody Known", NOBODY),
        ("nobody@northwind.example", NOBODY),
        ("Rita Novak <omar.haddad@northwind.example>", NOBODY),
        ("tom.ashby@northwind.example", NOBODY),
        ("Sam Twin", SEVERAL),
        ("\x00", NOBODY),
        ("<", NOBODY),
        ("x" * 5_000, NOBODY),
        ("9" * 300, "Select a valid choice. That choice is not one of the available choices."),
        ("", "This field is required."),
    ],
)
def test_whoever_is_not_meant_clearly_is_refused_and_what_was_typed_stays(
    northwind: Northwind, typed: str, words: str
) -> None:
    Person.objects.filter(pk=northwind.tom.pk).update(is_active=False)
    for number in (1, 2):
        Person.objects.create_user(f"sam{number}@x.test", name="Sam Twin")
    form = NamingForm({"who": typed})
    assert form.errors == {"who": [words]}
    assert form["who"].value() == typed
    assert f'value="{html.escape(typed)}"' in str(form["who"]) or not typed


@pytest.mark.parametrize(
    "typed",
    [
        "Rita Novak <rita.novak@northwind.example>",
        " rita NOVAK ",
        "RITA.novak@northwind.example",
        "<rita.novak@northwind.example>",
    ],
)
def test_person_is_named_by_text_name_or_address(northwind: Northwind, typed: str) -> None:
    form = NamingForm({"who": typed.replace("northwind.example", northwind.rita.email.partition("@")[2])})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["who"] == northwind.rita


def test_field_shows_whom_it_names_and_sees_a_change(northwind: Northwind) -> None:
    shown = f"Rita Novak <{northwind.rita.email}>"
    for initial in (northwind.rita, northwind.rita.pk):
        form = NamingForm(initial={"who": initial})
        assert f'value="{html.escape(shown)}"' in str(form["who"])
        assert not NamingForm({"who": shown}, initial={"who": initial}).has_changed()
        assert NamingForm({"who": "Omar Haddad"}, initial={"who": initial}).has_changed()
        assert NamingForm({"who": "Nobody Known"}, initial={"who": initial}).has_changed()


def test_each_word_is_searched_in_name_address_and_title(northwind: Northwind) -> None:
    client, omar = client_of(northwind.rita), f"Omar Haddad <{northwind.omar.email}>"
    for typed in ("omar", "HADD om", "haddad platform engineer", omar, northwind.omar.email):
        assert suggestions(client, typed) == [omar], typed
    Person.objects.filter(pk=northwind.omar.pk).update(is_active=False)
    assert suggestions(client, "omar") == []


def test_too_little_suggests_nobody_and_too_many_are_cut(northwind: Northwind) -> None:
    client = client_of(northwind.rita)
    assert [suggestions(client, typed) for typed in ("", "o", " % ")] == [[], [], []]
    assert suggestions(client, "%%") == []
    for number in range(pick.MOST + 1):
        Person.objects.create_user(f"many{number}@x.test", name=f"Many <b>{number}</b>")
    found = suggestions(client, "many")
    assert len(found) == pick.MOST
    assert found[0] == "Many <b>0</b> <many0@x.test>"


def test_delegates_are_those_who_may_stand_in(northwind: Northwind) -> None:
    theo = client_of(northwind.theo)
    assert suggestions(theo, "bram", "delegates") == [f"Bram Visser <{northwind.bram.email}>"]
    assert suggestions(theo, "rita", "delegates") == []


def test_pages_stay_small_among_2000_people(northwind: Northwind) -> None:
    company = scenarios.company(northwind)
    Person.objects.bulk_create(
        Person(email=f"p{number}@northwind.example", subject=f"p{number}", name=f"Person Number {number}")
        for number in range(2_000)
    )
    admin, owner = client_of(northwind.ines), client_of(northwind.omar)
    pages: list[tuple[Any, str, list[Any]]] = [
        (admin, "team", [northwind.marketing.pk]),
        (admin, "resource_new", []),
        (admin, "resource_propose", [company.erp.pk]),
        (admin, "person", [northwind.rita.pk]),
        (admin, "people", []),
        (owner, "me", []),
        (client_of(northwind.karl), "me", []),
    ]
    sizes = {f"{name} {args}": cost(client, reverse(name, args=args))[1] for client, name, args in pages}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
