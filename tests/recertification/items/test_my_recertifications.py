"""My recertifications as people see them: from the mail's link to a submitted answer, without JavaScript (R3, R4)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantState, GrantUsage
from governance.core.clock import current_time
from governance.core.mail.mail_text import write
from governance.core.models import Delegation, LedgerEvent, Notice, Person
from governance.portal.dashboard.queries import load_recertifications
from governance.recertification.items import cards, drafts, due_reviews, notices
from governance.recertification.items.transitions.open_item import note_event
from governance.recertification.items.transitions.settle import last_day
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, ItemState
from tests.people import as_actor, shares
from tests.recertification.review_steps import JOB, Held, opens_at, question, submit_answer, sweep_at, under_review
from tests.signed_in_client import client_of


@pytest.fixture
def item(stock_under_review: Item, monkeypatch: pytest.MonkeyPatch) -> Item:
    """An open item about a grant on Omar's ERP, on the day on which it opened."""
    stands_at(monkeypatch, stock_under_review.opened_at)
    return stock_under_review


def stands_at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Have every page of this test see this instant of business time."""
    monkeypatch.setattr(current_time, "now", lambda: now)


def post(client: Client, item: Item, **form: str) -> object:
    return client.post(f"/recertify/{item.pk}/answer/", form)


@pytest.mark.rule("S4")
def test_answers_are_visible_to_reviewer_only(item: Item, held: Held) -> None:
    n = held.people
    superuser = Person.objects.create_superuser("root@northwind.example", name="Root")
    for stranger in (n.tom, n.nadia, superuser):
        assert client_of(stranger).get(f"/recertify/{item.pk}/").status_code == 404
    for other in (n.theo, n.sana, n.yuki, n.rita):
        page = client_of(other).get(f"/recertify/{item.pk}/").content.decode()
        assert 'name="answer"' not in page
        assert "With " in page
    assert b'name="answer"' in client_of(n.omar).get(f"/recertify/{item.pk}/").content


@pytest.mark.rule("S4", "S5")
def test_foreign_answer_is_refused_without_draft(item: Item, held: Held) -> None:
    n = held.people
    response = post(client_of(n.sana), item, answer="keep", asks="acceptable")
    assert response.status_code == 403
    response = post(client_of(n.tom), item, answer="keep", asks="acceptable")
    assert response.status_code == 404
    assert not Draft.objects.exists()


@pytest.mark.rule("R4")
def test_invalid_answer_and_get_change_nothing(item: Item, held: Held) -> None:
    client = client_of(held.people.omar)
    assert post(client, item, answer="shrug", asks="acceptable").status_code == 422
    assert client.get(f"/recertify/{item.pk}/answer/").status_code == 405
    assert client.get("/recertify/submit/").status_code == 405
    assert not Draft.objects.exists()


@pytest.mark.rule("R3")
def test_card_shows_facts_for_answer(item: Item, held: Held) -> None:
    page = client_of(held.people.omar).get(f"/recertify/{item.pk}/").content.decode()
    for words in (
        "Weekly stock report may ",
        "ERP Postgres (production)",
        "database:select",
        "Confidential",
        "Finance Operations",
        "held since",
        "Not measured",
        "App approved",
        "by Theo Brandt",
        "Privilege approved",
        "by you",
        "Still needed?",
        "Jonas Weil has not answered",
        "Passed to Amara Okafor",
        "no wider than now",
        "Suspended when you submit, later removed",
        "Answer by",
    ):
        assert escape(words) in page, words
    assert 'aria-pressed="true"' not in page, "nothing is preselected"
    assert [
        re.search(r'value="(\w+)"', button).group(1)
        for button in re.findall(r"<button[^>]*name=\"answer\"[^>]*>", page)
    ] == [
        "keep",
        "revoke",
        "dont_know",
        "not_mine",
    ]


@pytest.mark.rule("R3")
def test_measured_use_is_shown_as_numbers(item: Item, held: Held) -> None:
    on = item.opened_at.date()
    GrantUsage.objects.create(grant=item.grant, day=on, allowed=7, refused=2, last_at=item.opened_at)
    page = client_of(held.people.omar).get(f"/recertify/{item.pk}/").content.decode()
    assert "Not measured" not in page
    assert "calls, 90 days" in page
    assert '<svg class="weeks"' in page


@pytest.mark.rule("R4")
def test_mail_link_leads_through_sign_in_to_submitted_revoke(item: Item, held: Held) -> None:
    n = held.people
    notice = Notice.objects.get(event="recertification_opened", recipient=n.omar)
    letter = write(notice, None)
    link = re.search(r"https?://[^/\s]+(/recertify/\S+)", letter.text)
    assert link is not None
    anonymous = Client().get(link.group(1))
    assert (anonymous.status_code, "next=" + link.group(1) in anonymous["Location"]) == (302, True)

    omar = client_of(n.omar)
    assert post(omar, item, answer="revoke", asks="acceptable", reason="Nobody reads it.").status_code == 302
    draft = Draft.objects.get()
    assert (draft.answer, draft.person, draft.reason) == ("revoke", n.omar, "Nobody reads it.")
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.ACTIVE
    assert "Submit 1 answer" in omar.get("/recertify/").content.decode()

    response = omar.post("/recertify/submit/", follow=True)
    assert "Submitted 1 answer." in response.content.decode()
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.SUSPENDED
    answer = Answer.objects.get()
    assert (answer.answer, answer.person, str(answer.reason)) == ("revoke", n.omar, "Nobody reads it.")


@pytest.mark.rule("R4")
def test_a_submitted_revoke_is_corrected_from_the_page_with_a_reason(item: Item, held: Held) -> None:
    n, acceptable = held.people, question(item, Asks.ACCEPTABLE)
    submit_answer(acceptable, AnswerKind.REVOKE, now=item.opened_at)
    omar = client_of(n.omar)
    shown = omar.get(f"/recertify/{item.pk}/?asks=acceptable").content.decode()
    assert "Keep it after all" in shown
    assert "Can still be corrected" in omar.get("/recertify/").content.decode()
    where = f"/recertify/{item.pk}/correct/"
    assert "Keep it after all?" in omar.get(f"{where}?asks=acceptable&answer=keep").content.decode()
    assert omar.post(where, {"asks": "acceptable", "answer": "keep", "reason": " "}).status_code == 422
    assert client_of(n.sana).post(where, {"asks": "acceptable", "answer": "keep", "reason": "x"}).status_code == 403
    assert omar.post(where, {"asks": "acceptable", "answer": "keep", "reason": "The wrong row."}).status_code == 302
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.ACTIVE


@pytest.mark.rule("R4")
def test_not_mine_goes_to_chosen_eligible_person(item: Item, held: Held) -> None:
    n, omar = held.people, client_of(held.people.omar)
    page = omar.get(f"/recertify/{item.pk}/").content.decode()
    assert f'<option value="{n.sana.pk}"' in page
    for nobody in (n.rita, n.jonas, n.omar):
        assert f'<option value="{nobody.pk}"' not in page
    post(omar, item, answer="not_mine", asks="acceptable", whose=str(n.sana.pk))
    omar.post("/recertify/submit/")
    assert question(item, Asks.ACCEPTABLE).reviewer == n.sana


@pytest.mark.rule("A11")
def test_delegate_sees_questions_and_record_names_both(item: Item, held: Held) -> None:
    n = held.people
    shares(n.mei, n.omar)
    Delegation.objects.create(giver=n.omar, taker=n.mei, from_at=item.opened_at, until_at=item.grace_until)
    mei = client_of(n.mei)
    assert escape("You answer for Omar Haddad.") in mei.get(f"/recertify/{item.pk}/").content.decode()
    post(mei, item, answer="keep", asks="acceptable")
    mei.post("/recertify/submit/")
    answer = Answer.objects.get()
    assert (answer.person, answer.for_person) == (n.mei, n.omar)


@pytest.mark.rule("R4")
def test_refused_submission_keeps_draft_with_reason(item: Item, held: Held) -> None:
    omar = client_of(held.people.omar)
    post(omar, item, answer="keep", asks="acceptable", reason="Fine.")
    lifecycle.revoke(item.grant, actor=as_actor(held.people.sana), now=item.opened_at, reason="Leaked.")
    response = omar.post("/recertify/submit/", follow=True)
    assert escape("has ended already") in response.content.decode()
    assert Draft.objects.get().reason == "Fine."


@pytest.mark.rule("R4")
def test_htmx_returns_next_card_and_list(item: Item, held: Held) -> None:
    second = under_review(held.grant(on=held.company.slack))
    headers = {"HX-Request": "true", "HX-Target": "item"}
    omar = client_of(held.people.omar)
    response = omar.post(f"/recertify/{item.pk}/answer/", {"answer": "keep", "asks": "acceptable"}, headers=headers)
    text = response.content.decode()
    assert "<html" not in text
    assert 'id="item"' in text
    assert 'id="progress" aria-label="Progress" hx-swap-oob="true"' in text
    assert f"/recertify/{second.pk}/answer/" in text
    assert 'hx-swap-oob="innerHTML"' in text
    assert "Saved as a draft." in text
    assert response["HX-Push-Url"].startswith(f"/recertify/{second.pk}/")


@pytest.mark.rule("R6")
def test_a_suspended_item_says_so_and_can_still_be_answered(
    item: Item, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in (item.deadline, item.grace_until):
        sweep_at(moment)
    stands_at(monkeypatch, item.grace_until)
    page = client_of(held.people.amara).get(f"/recertify/{item.pk}/").content.decode()
    assert "Suspended: nobody answered in time." in page
    assert 'name="answer"' in page


@pytest.mark.rule("G2")
def test_where_stage_2_decides_again_keep_is_offered_until_the_end_of_the_grant(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = held.automation.grants.filter(kind="credential").order_by("pk")[
        0
    ]  # a privilege needs its credential's (A2)
    last = under_review(grant)
    for _ in range(2):
        for asks in Asks:
            submit_answer(question(last, asks), AnswerKind.KEEP, now=last.opened_at)
        grant = Grant.objects.get(predecessor=grant)
        last = under_review(grant)
    stands_at(monkeypatch, last.opened_at)
    page = client_of(held.people.omar).get(f"/recertify/{last.pk}/").content.decode()
    assert "Stage 2 approved this more than a year ago" in page
    assert f'value="{last_day(last.grant.ends_at).isoformat()}"' in page
    assert "Earlier: keep" in page


@pytest.mark.rule("H3")
def test_an_automations_page_lists_its_reviews(item: Item, held: Held) -> None:
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=item.opened_at)
    where = f"/automations/{held.automation.pk}/recertifications/"
    page = client_of(held.people.theo).get(where).content.decode()
    assert f"/recertify/{item.pk}/" in page
    assert "Omar Haddad: revoke" in page
    assert client_of(held.people.tom).get(where).status_code == 404
    part = client_of(held.people.theo).get(where, headers={"HX-Request": "true", "HX-Target": "items"})
    assert "<html" not in part.content.decode()


@pytest.mark.rule("H3")
def test_reviews_under_way_are_listed_for_the_team_of_a_figure(item: Item, held: Held) -> None:
    where = f"/recertify/all/?team={held.automation.team_id}"
    of_item = f"/recertify/{item.pk}/"
    for stranger in (held.people.tom, held.people.nadia):
        assert of_item not in client_of(stranger).get(where).content.decode()
    theo = client_of(held.people.theo)
    assert of_item in theo.get(where).content.decode()
    assert of_item not in theo.get("/recertify/all/?team=999999").content.decode()
    settled = Item.objects.create(
        grant=item.grant,
        campaign=item.campaign,
        state="closed",
        outcome="kept",
        closed_at=item.opened_at,
        opened_at=item.opened_at,
        deadline=item.deadline,
        grace_until=item.grace_until,
        reason=item.reason,
    )
    listed = theo.get(f"{where}&show=open")
    assert [(chip["label"], chip["count"], chip["current"]) for chip in listed.context["chips"]] == [
        ("All", 2, False),
        ("Open", 1, True),
        ("Overdue", None, False),
        ("Settled", None, False),
    ]
    assert [row.pk for row in theo.get(f"{where}&show=answered").context["items"]] == [settled.pk]
    assert [len(theo.get(f"{where}&risk={risk}").context["items"]) for risk in ("low", "none")] == [0, 2]
    assert [row.pk for row in listed.context["items"]] == [item.pk]
    assert f"/recertify/{settled.pk}/" in theo.get(where).content.decode()
    with CaptureQueriesContext(connection) as one:
        theo.get(where)
    due_reviews.open_due(item.opened_at, JOB)
    with CaptureQueriesContext(connection) as many:
        assert theo.get(where).content.decode().count("/recertify/") > 2
    assert len(many) == len(one) <= 10


@pytest.mark.rule("R5", "R6")
def test_mail_home_and_page_name_one_deadline(
    stock_escalated: Item, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, now = stock_escalated, stock_escalated.deadline + timedelta(hours=1)
    stands_at(monkeypatch, now)
    reviewer = item.questions.filter(answered_at__isnull=True)[0].reviewer
    line = notices.question_lines(reviewer, {f"item:{item.pk}"}, now)[f"item:{item.pk}"]
    task = load_recertifications(as_actor(reviewer), now).tasks[0]
    card = cards.load_cards(as_actor(reviewer), now).cards[0]
    assert {line.due, task.due, card.deadline} == {item.grace_until}
    page = client_of(reviewer).get(f"/recertify/{item.pk}/").content.decode()
    for text in (line.text, task.text, page):
        assert cards.ESCALATED in text
    assert "Overdue" not in page


@pytest.mark.rule("R5")
def test_navigation_counts_open_questions(item: Item, held: Held) -> None:
    page = client_of(held.people.omar).get("/recertify/").content.decode()
    assert re.search(r'Recertifications</span><span class="count">1<', page)
    assert opens_at(item.grant) == item.opened_at
    assert Item.objects.get(pk=item.pk).state == ItemState.OPEN


@pytest.mark.rule("R5")
@pytest.mark.parametrize(
    "event", ["opened", "passed", "reminder", "escalated", "taken_over", "suspended", "revoked", "ended"]
)
def test_every_mail_names_item_and_links_to_it(event: str, item: Item, held: Held) -> None:
    facts = {
        "automation": "Weekly stock report",
        "team": "Finance Operations",
        "what": "Weekly stock report may read stock",
        "asks": "acceptable",
        "deadline_at": item.deadline.isoformat(),
        "grace_at": item.grace_until.isoformat(),
        "closes_at": item.grace_until.isoformat(),
        "ends_at": item.grant.ends_at.isoformat(),
        "by": "Amara Okafor",
        "instead_of": "Mei Tanaka",
        "page": ["recert_item", item.pk],
    }
    notice = Notice(
        recipient=held.people.omar, event=f"recertification_{event}", thread="item:1", key="k", context=facts
    )
    letter = write(notice, None)
    for body in (letter.text, letter.html):
        assert f"/recertify/{item.pk}/" in body
        assert "Weekly stock report" in " ".join(body.split())
        assert "None" not in body
        assert "{{" not in body
    assert "Weekly stock report of Finance Operations" in letter.subject


@pytest.mark.rule("R4", "A8")
def test_the_same_answer_sent_and_submitted_again_is_one_answer(item: Item, held: Held) -> None:
    omar, fields = client_of(held.people.omar), {"answer": "revoke", "asks": "acceptable", "reason": "Nobody reads it."}
    for _ in range(2):
        assert post(omar, item, **fields).status_code == 302
        assert omar.post("/recertify/submit/").status_code == 302
    events = LedgerEvent.objects.count()
    assert post(omar, item, **fields).status_code == 302, "back, and sent once more"
    assert not Draft.objects.exists()
    assert (Answer.objects.count(), LedgerEvent.objects.count()) == (1, events)
    assert not LedgerEvent.objects.filter(outcome="refused").exists()
    assert post(omar, item, **{**fields, "answer": "keep"}).status_code == 409
    where = f"/recertify/{item.pk}/correct/"
    correction = {"asks": "acceptable", "answer": "keep", "reason": "The wrong row."}
    assert omar.post(where, correction).status_code == 302
    events = LedgerEvent.objects.count()
    assert omar.post(where, correction).status_code == 302
    assert (Answer.objects.count(), LedgerEvent.objects.count()) == (2, events)
    assert omar.post(where, {**correction, "reason": "Another row."}).status_code in (403, 409)


@pytest.mark.rule("R4")
@pytest.mark.parametrize(
    "fields",
    [
        {"answer": ""},
        {"answer": "KEEP"},
        {"answer": "not_mine", "whose": "NaN"},
        {"answer": "not_mine", "whose": "0"},
        {"answer": "not_mine", "whose": "9" * 40},
        {"answer": "keep", "asks": "whatever"},
    ],
    ids=str,
)
def test_malformed_answer_is_refused_and_input_is_kept(item: Item, held: Held, fields: dict[str, str]) -> None:
    answer = post(client_of(held.people.omar), item, **{"asks": "acceptable", "reason": "As I typed it.", **fields})
    assert answer.status_code == 422
    assert "As I typed it." in answer.content.decode()
    assert not Draft.objects.exists()


@pytest.mark.rule("R4")
@pytest.mark.parametrize("fields", [{"ends_on": "soon"}, {"asks": "whatever"}], ids=str)
def test_malformed_correction_is_refused(item: Item, held: Held, fields: dict[str, str]) -> None:
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=item.opened_at)
    form = {"asks": "acceptable", "reason": "The wrong row.", **fields}
    answer = client_of(held.people.omar).post(f"/recertify/{item.pk}/correct/", form)
    assert answer.status_code == 422
    assert "The wrong row." in answer.content.decode()
    assert Answer.objects.count() == 1


@pytest.mark.rule("R2", "R4")
def test_joined_event_is_shown_on_card_and_text_is_kept(item: Item, held: Held) -> None:
    omar = client_of(held.people.omar)
    post(omar, item, answer="keep", asks="acceptable", reason="As every year.")
    note_event(item, actor=JOB, now=item.opened_at, because="incident", cause="it")
    omar.post("/recertify/submit/")
    assert not Answer.objects.exists()
    page = omar.get(f"/recertify/{item.pk}/?asks=acceptable").content.decode()
    assert "It changed since you chose: An incident is declared" in page
    assert "As every year." in page


@pytest.mark.rule("R4")
def test_an_end_date_is_kept_with_the_draft_and_counts_with_keep_only(item: Item, held: Held) -> None:
    omar, day = client_of(held.people.omar), (item.opened_at + timedelta(days=9)).date()
    post(omar, item, answer="keep", asks="acceptable", ends_on=day.isoformat())
    assert Draft.objects.get().ends_on == day
    assert f'value="{day.isoformat()}"' in omar.get(f"/recertify/{item.pk}/?asks=acceptable").content.decode()
    post(omar, item, answer="revoke", asks="acceptable", ends_on=day.isoformat())
    assert Draft.objects.get().ends_on is None
    refused = post(omar, item, answer="keep", asks="acceptable", ends_on="soon")
    assert refused.status_code == 422
    assert "Choose the day on which the access ends" in refused.content.decode()


@pytest.mark.rule("R4")
def test_ten_of_many_failed_answers_are_named(
    held: Held, stock_under_review: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = drafts.Submitted(question(stock_under_review, Asks.NEEDED), drafts.FAILED)
    monkeypatch.setattr(drafts, "submit", lambda *args, **more: [failed] * 14)
    page = client_of(held.people.jonas).post("/recertify/submit/", follow=True).content.decode()
    assert page.count("This answer failed") == 10
    assert "4 answers more could not be given: what you chose is kept." in page
