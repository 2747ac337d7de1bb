"""What home reads in one query is compiled once for each sort of reader, and tells nobody of another's things (R9, S8)."""

from __future__ import annotations

from itertools import product

import pytest

from governance.core.models import Person
from governance.portal.dashboard import queries as dashboard_queries
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.starting_point("chaser_submitted")]


def own(person: Person, company: Company) -> list[str]:
    """Names of the reader's own automations."""
    return [one.name for one in dashboard_queries.load_home(as_actor(person), person, company.now)[0]]


@pytest.mark.rule("I1", "S5")
def test_two_readers_of_one_sort_are_told_of_their_own_alone_whoever_asked_first(company: Company) -> None:
    n = company.people
    dashboard_queries._statement_for.cache_clear()
    assert own(n.mei, company) == []
    assert own(n.jonas, company) != []
    assert own(n.mei, company) == []


@pytest.mark.rule("S8", "S7", "G6", "I3")
@pytest.mark.parametrize(("decides", "answers", "reach"), [*product((True, False), (True, False), (None, False, True))])
def test_every_sort_of_reader_can_be_asked_about(
    company: Company, *, decides: bool, answers: bool, reach: bool | None
) -> None:
    jonas, now = company.people.jonas, company.now
    ask = dashboard_queries._statement_for(decides=decides, answers=answers, reach=reach)
    keys = {name: [jonas.pk] for name in ("mine", "acting", "people")}
    found = [
        {row["shown_kind"] for row in ask(me=jonas.pk, roles=roles, now=now, **keys)} for roles in ([], ["employee"])
    ]
    assert found == [{"mine"}, {"mine"}]
