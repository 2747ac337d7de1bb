"""Search from every page: it finds what the reader may see and nothing else, a few of each kind, at a cost that stays flat."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Submission, SubmissionState
from governance.core.models import Person
from governance.portal.search import queries as searching
from inventory.models import Automation, Resource
from tests.people import Northwind
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

#: The demo alone reads the clock's row; production never does.
CLOCK = "controls_clockoffset"


@pytest.fixture
def submission(stock_submitted: Submission) -> Submission:
    """The weekly stock report of Finance Operations, in review."""
    return stock_submitted


def find(person: Person, **fields: str) -> dict[str, list[str]]:
    """The results of a search: the names in each group."""
    answer = client_of(person).get(reverse("search"), fields)
    assert answer.status_code == 200
    named = {"Submissions": "automation", "Identities": "subject"}
    groups = answer.context["groups"]
    return {group.title: [str(getattr(row, named.get(group.title, "name"))) for row in group.rows] for group in groups}


def lines(answer: Any) -> str:
    """The text of an answer, as it is."""
    return str(answer.content.decode())


def test_search_needs_sign_in() -> None:
    answer = Client().get(reverse("search"), {"q": "stock"})
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("account_login"))


@pytest.mark.rule("I1")
def test_invisible_objects_are_not_found_by_any_field(submission: Submission, company: Company) -> None:
    root = Person.objects.create_superuser("root@northwind.example", name="Root")
    for who in (company.people.nadia, root):
        for words in ("stock", submission.reference, "rita", "finance operations"):
            assert find(who, q=words) == {}, words
            assert not client_of(who).get(reverse("submission_list"), {"q": words}).context["rows"], words


@pytest.mark.rule("I1")
def test_people_and_teams_are_found_by_readers_of_the_ledger_alone(company: Company) -> None:
    n = company.people
    for who in (n.rita, n.theo, n.omar, n.grace):
        assert find(who, q="marketing") == {}
        assert find(who, q="grace lindqvist") == {}
    for who in (n.ines, n.yuki, n.sana):
        assert find(who, q="grace lindqvist") == {"People": ["Grace Lindqvist"]}
        assert find(who, q="marketing")["Teams"] == ["Marketing"]


@pytest.mark.rule("I1")
def test_one_search_finds_automations_resources_and_submissions_that_the_reader_may_see(
    submission: Submission, company: Company
) -> None:
    Resource.objects.create(name="Stock photographs", kind="data_store", created_at=company.now)
    automation = submission.automation.name
    assert find(company.people.rita, q="STOCK") == {"Automations": [automation], "Submissions": [automation]}
    assert find(company.people.yuki, q="stock") == {
        "Automations": [automation],
        "Resources": ["Stock photographs"],
        "Submissions": [automation],
    }
    shown = lines(client_of(company.people.rita).get(reverse("search"), {"q": "stock"}))
    for href in (submission.automation.href, reverse("review", args=[submission.pk])):
        assert f'href="{href}"' in shown


def test_a_submission_is_found_by_its_number_of_its_own_year(submission: Submission, company: Company) -> None:
    rita = company.people.rita
    assert find(rita, q=submission.reference) == {"Submissions": [submission.automation.name]}
    assert find(rita, q=f"{submission.reference} stock") == {"Submissions": [submission.automation.name]}
    assert find(rita, q=f"{submission.reference} zebra") == {}
    assert find(rita, q=f"2019-{submission.pk:04}") == {}


def test_all_words_must_match(submission: Submission, company: Company) -> None:
    rita = company.people.rita
    assert find(rita, q="report stock")["Automations"] == [submission.automation.name]
    assert find(rita, q="stock nothing-like-it") == {}
    assert find(rita, q="  ") == {}
    client = client_of(rita)
    assert "Nothing that you may see has these words" in lines(client.get(reverse("search"), {"q": "stock zebra"}))
    assert "Type a word to begin" in lines(client.get(reverse("search")))


@pytest.mark.parametrize("words", ["%", "_", "'; drop table", "9" * 400, "0000-000000000", "x " * 50, "\u2744\ufe0f"])
def test_any_words_may_be_searched_for(northwind: Northwind, words: str) -> None:
    for before in ("", "x", "9" * 40, "-1"):
        fields = {"q": words, "before": before}
        assert client_of(northwind.yuki).get(reverse("submission_list"), fields).status_code == 200
    assert client_of(northwind.yuki).get(reverse("search"), {"q": words}).status_code == 200


def test_a_group_is_bounded_and_leads_to_its_list_with_the_same_words(company: Company) -> None:
    people, few = company.people, searching.GROUP_ROWS
    many(company, few + 3)
    answer = client_of(people.rita).get(reverse("search"), {"q": "Copies files"})
    group = answer.context["groups"][0]
    assert (group.title, len(group.rows), group.more) == ("Automations", few, True)
    assert group.href == f"{reverse('automation_list')}?q=copies+files"
    assert "Show more automations" in lines(answer)
    assert len(client_of(people.rita).get(group.href).context["rows"]) == few + 3


def test_submissions_stand_by_themselves_a_page_at_a_time_without_gaps_or_repeats(
    submission: Submission, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.web.pages.pager.PAGE", 4)
    again(submission, 10)
    who = client_of(company.people.rita)
    href = who.get(reverse("search"), {"q": "stock"}).context["groups"][-1].href
    seen: list[int] = []
    while href:
        answer = who.get(href)
        seen += [row["pk"] for row in answer.context["rows"]]
        href = answer.context["pager"].older_href
    newest = Submission.objects.order_by("-pk").values_list("pk", flat=True)
    assert seen == list(newest)


def test_htmx_search_returns_results_only(submission: Submission, company: Company) -> None:
    who, fields = client_of(company.people.rita), {"q": "stock"}
    part = who.get(reverse("search"), fields, headers={"hx-request": "true", "hx-target": "found"})
    assert lines(part).lstrip().startswith('<div class="found" id="found"')
    assert submission.automation.name in lines(part)


def test_hidden_characters_are_not_echoed(northwind: Northwind) -> None:
    page = client_of(northwind.rita).get(reverse("search"), {"q": "line\u2028line\u202e exe"}).content.decode()
    assert "line line exe: search" in page


def test_a_search_costs_the_same_however_much_is_found(submission: Submission, company: Company) -> None:
    for who in (company.people.rita, company.people.yuki):
        client, fields = client_of(who), {"q": "s"}

        def queries(client: Client = client, fields: dict[str, str] = fields) -> int:
            client.get(reverse("search"), fields)
            with CaptureQueriesContext(connection) as caught:
                assert client.get(reverse("search"), fields).status_code == 200
            return len([query for query in caught.captured_queries if CLOCK not in query["sql"]])

        few = queries()
        many(company, 20)
        again(submission, 10)
        assert queries() == few
        assert few <= 13


def many(company: Company, number: int) -> None:
    """Drafts of Finance Operations that differ in nothing but their number, and as many resources."""
    n = company.people
    names = [f"Copies files {Automation.objects.count() + place:03}" for place in range(number)]
    Automation.objects.bulk_create(
        Automation(
            team=n.finance_ops,
            name=name,
            purpose="Copies.",
            platform_instance="cron",
            business_owner=n.jonas,
            created_at=n.now,
            search=name.lower(),
        )
        for name in names
    )
    Resource.objects.bulk_create(
        Resource(name=name, kind="data_store", created_at=n.now, suggested_owner=n.rita, search=name.lower())
        for name in names
    )


def again(submission: Submission, number: int) -> None:
    """Ended submissions of the same version: for paging and costs, where only their number matters."""
    copied = ("automation", "version", "submitted_by", "submitted_at", "policy", "tier", "digest")
    values = {name: getattr(submission, name) for name in copied}
    Submission.objects.bulk_create(Submission(state=SubmissionState.WITHDRAWN, **values) for _ in range(number))
