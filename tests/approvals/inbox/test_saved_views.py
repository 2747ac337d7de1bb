"""Views of the desk under a name: the reader's own, by their address (ui.md, Desk)."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from approvals.inbox.views import saved_views
from approvals.models import SavedView
from governance.core.models import Person
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]

FILTERS = "tier=high&q=chaser"


def keep(person: Person, name: str, query: str = FILTERS) -> Any:
    """Keep what the desk shows under a name."""
    return client_of(person).post(f"{reverse('saved_view_save')}?{query}", {"name": name})


def desk(person: Person, query: str = "") -> str:
    """A reader's desk."""
    return str(client_of(person).get(f"{reverse('approvals')}?{query}").content.decode())


@pytest.mark.parametrize("name", ["", "  ", "\u200b\u202e", "x" * 41])
def test_unreadable_name_is_refused_beside_its_field(company: Company, name: str) -> None:
    answer = keep(company.people.sana, name)
    assert answer.status_code == 422
    assert "id_name_error" in answer.content.decode()
    assert not SavedView.objects.exists()


def test_too_long_view_is_refused(company: Company) -> None:
    answer = keep(company.people.sana, "Long", "q=" + "+".join(letter * 190 for letter in "abcde"))
    assert answer.status_code == 422
    assert "too long to save" in answer.content.decode()


@pytest.mark.parametrize(
    "names", [("straße", "STRAẞE"), ("İstanbul", "i̇stanbul"), ("k", "\u212a"), ("s", "ſ"), ("Ω", "\u2126"), ("ǅ", "ǆ")]
)
def test_unusual_letter_cases_are_accepted(company: Company, names: tuple[str, str]) -> None:
    for number, name in enumerate((*names, *names)):
        assert keep(company.people.sana, name, f"q=word{number}").status_code == 302
    views = SavedView.objects.filter(person=company.people.sana)
    assert 1 <= views.count() <= 2
    assert views.latest("pk").query.endswith("word3")


def test_saved_views_are_private(company: Company) -> None:
    n = company.people
    keep(n.sana, "Risky")
    view = SavedView.objects.get()
    assert "Risky" not in desk(n.omar)
    for method in ("get", "post"):
        answer = getattr(client_of(n.omar), method)(reverse("saved_view_remove", args=[view.pk]))
        assert answer.status_code == 404
    assert SavedView.objects.count() == 1


def test_current_view_is_marked_among_filters(company: Company) -> None:
    sana = company.people.sana
    assert "Save this view" in desk(sana, FILTERS)
    assert "Save this view" not in desk(sana)
    answer = keep(sana, "Risky chasers")
    assert answer.url == f"{reverse('approvals')}?{FILTERS}"
    here = desk(sana, FILTERS)
    assert 'aria-current="true">Risky chasers<' in here
    assert "Remove this view" in here
    assert 'aria-current="true">Risky chasers<' not in desk(sana)


def test_the_same_name_again_is_the_same_view_with_other_filters(company: Company) -> None:
    sana = company.people.sana
    keep(sana, "Risky")
    keep(sana, "risky", "stage=2")
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("Risky", "stage=2")


def test_number_of_saved_views_is_limited(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST", 1)
    keep(company.people.sana, "One")
    answer = keep(company.people.sana, "Two")
    assert answer.status_code == 422
    assert "Remove one first" in answer.content.decode()


def test_letting_it_go_asks_first_and_takes_the_name_alone(company: Company) -> None:
    sana = company.people.sana
    keep(sana, "Risky")
    path = reverse("saved_view_remove", args=[SavedView.objects.get().pk])
    page = client_of(sana).get(path).content.decode()
    assert "Remove “Risky”?" in page
    assert SavedView.objects.exists()
    assert client_of(sana).post(path).url == reverse("approvals")
    assert not SavedView.objects.exists()
