"""What people type, as it is kept: what is seen of it, in names and codes without exception (H6)."""

from __future__ import annotations

import pytest

from governance.core.duties.refusals import InvalidInput
from governance.core.models import Person, Team
from governance.core.people.transitions.people import add_person
from governance.core.teams.transitions import found_team
from governance.core.texts import free_text
from tests.people import Northwind, as_actor


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("\u200d", ""),
        ("\u3164\u2800", ""),
        (" \u202e\u2066 ", ""),
        ("pay\u202eroll", "payroll"),
        ("ad\u200cmin", "admin"),
        ("👩\u200d💻", "👩💻"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("one\r\ntwo\u2028three\ttabbed", "one\ntwo\nthree\ttabbed"),
        ("  Größe  ", "Größe"),
    ],
)
def test_reason_keeps_visible_characters_of_all_languages(typed: str, kept: str) -> None:
    assert free_text.clean(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Fin\u00adance", "Finance"),
        ("Finance\u2028Ops", "Finance Ops"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u062e"),
        ("  Two\n lines ", "Two lines"),
        ("\u200b", ""),
    ],
)
def test_name_is_one_line_without_hidden_characters(typed: str, kept: str) -> None:
    assert free_text.name(typed) == kept


@pytest.mark.django_db
def test_person_with_hidden_characters_is_refused(northwind: Northwind) -> None:
    n = northwind
    for given, sentence in (
        ({"email": "theo@north\u200bwind.example", "name": "Theo"}, "has an invisible character"),
        ({"email": "new@northwind.example", "name": "\u200b"}, "Give them a name"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            add_person(Person(subject=given["email"], **given), actor=as_actor(n.ines), now=n.now)
    new = Person(subject="new@northwind.example", email="new@northwind.example", name="Theo\u202e Brandt")
    add_person(new, actor=as_actor(n.ines), now=n.now)
    assert Person.objects.get(subject="new@northwind.example").name == "Theo Brandt"


@pytest.mark.django_db
def test_team_name_is_its_visible_text(northwind: Northwind) -> None:
    n = northwind
    with pytest.raises(InvalidInput, match="Give it a name"):
        found_team(Team(name="\u2066\u2069"), actor=as_actor(n.ines), now=n.now)
    found_team(Team(name="Pay\u200broll"), actor=as_actor(n.ines), now=n.now)
    assert Team.objects.filter(name="Payroll").count() == 1
