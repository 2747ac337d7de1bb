"""Items of one automation on one resource are one card: counted, shown and answered together where the rules allow (R3, R7, S4)."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.models import Grant
from governance.core.access import access
from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.mail.mail_text import write
from governance.core.models import Notice, NoticeState, Person
from governance.recertification.items import cards
from governance.recertification.items import context as item_context
from governance.recertification.items import rules as item_rules
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, Question
from tests.approvals import stock_report
from tests.inventory.automations.test_register_pages import cost
from tests.mail_server import Server, plain
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, opened, opens_at, question
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

K = AnswerKind
RAISED = {"standard": "standard", "high": "high"}


def six_on_erp(c: Company) -> list[Item]:
    """Six grants on Omar's ERP under review: two low, three standard, one high; and one on his Slack."""
    made = stock_report.newest(c)
    grants = low_grants(made, 6, begins_at=c.now)
    for grant, tier in zip(grants[2:], ("standard", "standard", "standard", "high"), strict=True):
        Grant.objects.filter(pk=grant.pk).update(raised_to=tier, raised_at=c.now)
    now = opens_at(grants[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_context, "SAMPLE_ONE_IN", 1)
        items = [opened(Grant.objects.get(pk=grant.pk), now) for grant in grants]
    items.append(opened(Held(c, made).grant(on=c.slack), now))
    return items


SIX_ON_ERP = starting_point("stock_in_force", six_on_erp)

pytestmark = SIX_ON_ERP


@pytest.fixture
def items(start: list[Item], monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """All seven, on the day on which they opened."""
    monkeypatch.setattr(current_time, "now", lambda: start[0].opened_at)
    return start


def ask(item: Item) -> Question:
    return question(item, Asks.ACCEPTABLE)


def press(client: Client, item: Item, answered: list[Item], **form: str) -> Any:
    """Press an answer of the card of an item, with these items ticked."""
    ticked = [str(ask(other).pk) for other in answered]
    return client.post(f"/recertify/{item.pk}/card/", {"asks": "acceptable", "question": ticked, **form})


def cards_of(person: Person, items: list[Item]) -> list[tuple[str, int]]:
    """Resource and number of items of a person's cards."""
    found = cards.load_cards(as_actor(person), items[0].opened_at).cards
    return sorted((card.resource_name, card.count) for card in found)


@pytest.mark.rule("R3", "A7")
def test_high_risk_item_is_not_answered_with_its_card(items: list[Item], held: Held) -> None:
    omar = client_of(held.people.omar)
    response = press(omar, items[0], items[:6], answer="keep")
    assert response.status_code == 409
    assert "It is high risk. Answer it by itself." in response.content.decode()
    assert not Draft.objects.exists(), "none of the card"
    page = omar.get(f"/recertify/{items[0].pk}/").content.decode()
    assert page.count('name="question"') == 5
    alone = omar.get(f"/recertify/{items[5].pk}/").content.decode()
    assert 'name="question"' not in alone
    assert f'action="/recertify/{items[5].pk}/answer/"' in alone


@pytest.mark.rule("S4", "S5")
def test_card_of_other_reviewer_is_not_answered(items: list[Item], held: Held) -> None:
    n = held.people
    assert press(client_of(n.sana), items[0], items[:5], answer="keep").status_code == 403
    assert press(client_of(n.tom), items[0], items[:5], answer="keep").status_code == 404
    assert not Draft.objects.exists()


@pytest.mark.rule("R3")
def test_card_of_which_a_ticked_item_was_passed_on_is_refused(items: list[Item], held: Held) -> None:
    n = held.people
    Question.objects.filter(pk=ask(items[1]).pk).update(reviewer=n.mei)
    response = press(client_of(n.omar), items[0], items[:3], answer="revoke", reason="Not used.", at_once="1")
    assert response.status_code == 409
    assert "An item of this card changed since you saw it." in response.content.decode()
    assert not Draft.objects.exists()
    assert not Answer.objects.exists()


@pytest.mark.rule("R3", "R4")
@pytest.mark.parametrize(
    "form", [{"answer": "shrug"}, {"answer": "keep", "question": []}], ids=["no answer", "no item"]
)
def test_malformed_card_answer_is_refused_and_input_is_kept(
    items: list[Item], held: Held, form: dict[str, Any]
) -> None:
    response = press(client_of(held.people.omar), items[0], items[:2], reason="As I typed it.", **form)
    assert response.status_code == 422
    assert "As I typed it." in response.content.decode()
    assert not Draft.objects.exists()


@pytest.mark.rule("R3")
def test_items_of_one_automation_on_one_resource_are_one_card(items: list[Item], held: Held) -> None:
    n = held.people
    assert (
        cards_of(n.omar, items)
        == cards_of(n.jonas, items)
        == [("ERP Postgres (production)", 6), ("Finance Slack workspace", 1)]
    )
    page = client_of(n.omar).get("/recertify/").content.decode()
    assert "0 of 2 cards answered" in page
    assert "6 items on ERP Postgres (production)" in page
    assert re.search(r'<span class="count">2<', page)
    groups = client_of(n.omar).get("/").context["groups"]
    assert [(group.count, len(group.tasks)) for group in groups if group.key == "recertifications"] == [(2, 2)]


@pytest.mark.rule("R3", "R4", "S4")
def test_one_press_answers_low_and_standard_items_with_an_answer_each(items: list[Item], held: Held) -> None:
    n, together = held.people, items[:5]
    omar = client_of(n.omar)
    response = press(omar, items[0], together, answer="keep", reason="Still read.")
    assert response["Location"] == f"/recertify/{items[0].pk}/?asks=acceptable", "the high one is left"
    kept = Draft.objects.values_list("question__item", "answer", "reason", "in_bulk").order_by("question__item")
    assert list(kept) == [(item.pk, "keep", "Still read.", False) for item in together]
    assert not Answer.objects.exists()
    shown = omar.get(response["Location"]).content.decode()
    assert f'action="/recertify/{items[5].pk}/answer/"' in shown, "by itself"
    omar.post("/recertify/submit/")
    answers = Answer.objects.filter(question__item__in=together)
    assert (answers.count(), answers.values("batch").distinct().count()) == (5, 1)


@pytest.mark.rule("R3", "R4")
def test_row_is_opened_and_answered_differently(items: list[Item], held: Held) -> None:
    omar = client_of(held.people.omar)
    alone = omar.get(f"/recertify/{items[1].pk}/?asks=acceptable&alone=1").content.decode()
    assert "Is it used?" in alone
    assert "One of 6 items of this card" in alone
    assert "Back to the whole card" in alone
    omar.post(f"/recertify/{items[1].pk}/answer/", {"answer": "revoke", "asks": "acceptable"})
    page = omar.get(f"/recertify/{items[0].pk}/").content.decode()
    ticked = re.findall(r'name="question" value="(\d+)"[^>]*checked', page)
    assert {int(pk) for pk in ticked} == {ask(item).pk for item in (items[0], *items[2:5])}
    press(omar, items[0], [items[0], *items[2:5]], answer="keep")
    chosen = dict(Draft.objects.values_list("question__item", "answer"))
    assert chosen == {items[1].pk: "revoke", **{item.pk: "keep" for item in (items[0], *items[2:5])}}


@pytest.mark.rule("R4")
def test_card_is_passed_on_to_named_person(items: list[Item], held: Held) -> None:
    n = held.people
    omar = client_of(n.omar)
    assert f'<option value="{n.sana.pk}"' in omar.get(f"/recertify/{items[0].pk}/").content.decode()
    press(omar, items[0], items[:5], answer="not_mine", whose=str(n.sana.pk))
    omar.post("/recertify/submit/")
    assert {ask(item).reviewer for item in items[:5]} == {n.sana}
    assert ask(items[5]).reviewer == n.omar


@pytest.mark.rule("R4")
def test_mail_is_answered_by_two_clicks(items: list[Item], held: Held) -> None:
    n = held.people
    notice = Notice.objects.filter(event="recertification_opened", recipient=n.omar).earliest("pk")
    link = re.search(r"https?://[^/\s]+(/recertify/\S+)", write(notice, None).text)
    assert link is not None
    omar = client_of(n.omar)
    page = omar.get(link.group(1)).content.decode()
    assert re.search(r'name="at_once" value="1" checked', page)
    response = press(omar, items[0], items[:5], answer="revoke", at_once="1")
    assert (response.status_code, response["Location"]) == (302, "/recertify/")
    assert Answer.objects.filter(answer="revoke", person=n.omar).count() == 5
    assert not Draft.objects.exists()
    assert "Submitted 5 answers." in omar.get("/recertify/").content.decode()


@pytest.mark.rule("R4")
def test_answers_beside_a_draft_are_collected(items: list[Item], held: Held) -> None:
    omar = client_of(held.people.omar)
    ticked = 'name="at_once" value="1" checked'
    assert ticked not in omar.get("/recertify/").content.decode(), "one of two in a row"
    omar.post(f"/recertify/{items[6].pk}/answer/", {"answer": "keep", "asks": "acceptable"})
    page = omar.get(f"/recertify/{items[0].pk}/").content.decode()
    assert ticked not in page
    assert page.count("1 answer not submitted") == 2, "beside the card, and in the bar of a phone"
    assert page.index('name="reason"') < page.index('name="answer"'), "the fields come before the buttons that act"


@pytest.mark.rule("R4")
def test_htmx_submits_at_once_and_reloads(items: list[Item], held: Held) -> None:
    omar, headers = client_of(held.people.omar), {"HX-Request": "true", "HX-Target": "item"}
    form = {"answer": "keep", "asks": "acceptable", "at_once": "1"}
    response = omar.post(f"/recertify/{items[6].pk}/answer/", form, headers=headers)
    assert response["HX-Redirect"] == "/recertify/"
    assert Answer.objects.get().question == ask(items[6])


@pytest.mark.rule("R3", "R5")
def test_digest_counts_cards_and_links_to_them(items: list[Item], held: Held, settings: Any, smtp: Server) -> None:
    settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING, settings.MAIL_SERVER = time(7, 30), timedelta(), smtp.settings
    omar = held.people.omar
    Notice.objects.exclude(event="recertification_opened").update(state=NoticeState.DROPPED)
    mail_jobs.send_due(now=items[0].opened_at + timedelta(days=1))
    (mail,) = smtp.to(omar.email)
    assert mail["Subject"].startswith("2 to review, first due ")
    assert "Weekly stock report on ERP Postgres (production), 6 items. Are they still acceptable?" in plain(mail)
    linked = re.findall(r"/recertify/(\d+)/", plain(mail))
    assert len(linked) == 2
    page = client_of(omar).get(f"/recertify/{linked[0]}/").content.decode()
    assert 'name="answer"' in page


@pytest.mark.rule("R7")
def test_card_counts_the_items_that_take_bulk_answers(items: list[Item], held: Held) -> None:
    actor, now = as_actor(held.people.omar), items[0].opened_at
    taking = cards.open_questions(actor, now).filter(item_rules.TAKES_BULK_ANSWERS)
    low = {card.resource_name: card.low for card in cards.load_cards(actor, now).cards}
    assert low[held.company.erp.name] == 2, "two of six"
    assert sum(low.values()) == taking.count()


@pytest.mark.rule("R3")
def test_page_of_cards_follows_the_one_before(items: list[Item], held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    actor, now = as_actor(held.people.omar), items[0].opened_at
    first = cards.load_cards(actor, now, most=1)
    second = cards.load_cards(actor, now, first.next_place, most=1)
    assert [(page.count, page.left_count, len(page.cards)) for page in (first, second)] == [(2, 2, 1)] * 2
    assert {page.cards[0].key for page in (first, second)} == {cards.key_of(ask(item)) for item in items}
    assert second.next_place == ""
    for place in (
        "x",
        "0~2020-01-01~1",
        "0~soon~1",
        "9~2026-01-01T00:00:00+00:00~1",
        "0~2026-01-01T00:00:00+00:00~" + "9" * 30,
    ):
        assert len(cards.load_cards(actor, now, place).cards) == 2
    monkeypatch.setattr(cards, "SHOWN", 1)
    assert access.answers_as(actor, now) == (held.people.omar.pk,)


@pytest.mark.rule("R3")
def test_card_costs_no_more_queries_for_more_items(items: list[Item], held: Held) -> None:
    omar = client_of(held.people.omar)
    for path in (
        reverse("recert_mine"),
        f"/recertify/{items[0].pk}/",
        f"/recertify/{items[1].pk}/?asks=acceptable&alone=1",
    ):
        cost(omar, path)
        many, size = cost(omar, path)
        assert many <= 15, path
        assert size <= 60_000, path
