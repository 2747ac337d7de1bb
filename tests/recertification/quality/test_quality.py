"""How a campaign was answered: each flag where it applies and where it just does not, shown to few and ranking nobody (R7)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from governance.core.texts import free_text
from governance.recertification.items import context as item_context
from governance.recertification.items import due_reviews
from governance.recertification.models import Answer, AnswerKind, Asks, Campaign, Item, Question
from governance.recertification.quality import queries as quality_queries
from inventory.models import Automation
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import JOB, Held, opened, opens_at, question
from tests.signed_in_client import client_of

K = AnswerKind
#: Items of the campaign of these tests.
ITEMS = 12


@pytest.fixture
def campaign(held: Held, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """Twelve open items of Jonas's, of standard risk as they are said to be."""
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    grants = low_grants(held.submission, ITEMS, begins_at=held.company.now)
    now = opens_at(grants[0])
    made = due_reviews.campaign_of("standard", now, JOB)
    when = {"opened_at": now, "deadline": now + timedelta(days=9), "grace_until": now + timedelta(days=20)}
    items = Item.objects.bulk_create(
        Item(campaign=made, reason="review date", grant=grant, snapshot={"tier": "standard"}, **when)
        for grant in grants
    )
    Question.objects.bulk_create(
        Question(item=item, asks=Asks.NEEDED, reviewer=held.people.jonas, asked_at=now, escalation_chain=[])
        for item in items
    )
    return made


def answered(campaign: Campaign, held: Held, count: int = ITEMS, **each: Any) -> None:
    """So many answers in one batch; a value that is callable is called with the answer's number."""
    batch = uuid.uuid4()
    usual = {
        "answer": lambda n: K.REVOKE if n == 0 else K.KEEP,
        "seconds": 30,
        "looked": 1,
        "recommended": "",
        "reason": lambda n: free_text.keep(f"Reason {n}."),
        "late": False,
    }
    fields = {**usual, **each}
    for number, open_question in enumerate(Question.objects.filter(item__campaign=campaign).order_by("pk")[:count]):
        given = {name: value(number) if callable(value) else value for name, value in fields.items()}
        late = given.pop("late")
        at = (
            open_question.item.deadline - timedelta(hours=3)
            if late
            else open_question.item.opened_at + timedelta(days=1)
        )
        Answer.objects.create(question=open_question, person=held.people.jonas, batch=batch, at=at, **given)


FLAGS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("quick", {"seconds": 4}, {"seconds": 5}, "Half of 12 answers took no more than 4 seconds each."),
    ("quick", {"seconds": lambda n: 1 if n < 5 else None}, {"seconds": lambda n: 1 if n < 4 else None}, "5 answers"),
    (
        "alike",
        {"reason": lambda n: free_text.keep("Fine.")},
        {
            "reason": lambda n: (
                free_text.keep("Fine." if n else "Fine!") if n != 3 else free_text.keep("Used on Mondays.")
            )
        },
        "11 of more than low risk were kept, all with the same words.",
    ),
    ("alike", {"reason": None}, {"reason": None, "count": 10}, "none with a word on it"),
    ("all_kept", {"answer": K.KEEP}, {"answer": K.KEEP, "count": 9}, "All 12 were kept."),
    (
        "last_minute",
        {"late": lambda n: n < 10},
        {"late": lambda n: n < 9},
        "10 were answered within a day of their deadline.",
    ),
    (
        "against",
        {
            "recommended": lambda n: "revoke" if n == 2 else "",
            "reason": lambda n: None if n == 2 else free_text.keep(str(n)),
        },
        {"recommended": "revoke"},
        "1 answer went against what was recommended, without a reason.",
    ),
    ("unopened", {"looked": 0}, {"looked": lambda n: int(n == 7)}, "Of 12, nothing that stands behind any was opened."),
    ("unopened", {"looked": lambda n: 0 if n < 5 else None}, {"looked": lambda n: 0 if n < 4 else None}, "Of 5,"),
]


@pytest.mark.rule("R7")
@pytest.mark.parametrize(("key", "applies", "not_quite", "sentence"), FLAGS, ids=[row[0] for row in FLAGS])
def test_flag_applies_exactly_at_limit(
    key: str, applies: dict[str, Any], not_quite: dict[str, Any], sentence: str, campaign: Campaign, held: Held
) -> None:
    answered(campaign, held, **applies)
    (batch,) = quality_queries.flagged_batches(campaign, 2)
    assert batch["reviewer"] == "Jonas Weil"
    assert set(batch["flags"]) == {key}
    assert sentence in batch["flags"][key]


@pytest.mark.rule("R7")
@pytest.mark.parametrize("not_quite", [row[2] for row in FLAGS], ids=[row[0] for row in FLAGS])
def test_unremarkable_reviewer_is_not_shown(not_quite: dict[str, Any], campaign: Campaign, held: Held) -> None:
    answered(campaign, held, **not_quite)
    assert quality_queries.flagged_batches(campaign, 1) == []


@pytest.mark.rule("R7")
def test_unmeasured_time_is_no_flag(campaign: Campaign, held: Held) -> None:
    answered(campaign, held, seconds=None, looked=None)
    assert quality_queries.flagged_batches(campaign, 1) == []


@pytest.mark.rule("R7")
def test_bulk_answers_of_low_risk_may_have_one_reason(campaign: Campaign, held: Held) -> None:
    Item.objects.filter(campaign=campaign).update(snapshot={"tier": "low"})
    answered(campaign, held, reason=lambda n: free_text.keep("As every quarter."))
    assert quality_queries.flagged_batches(campaign, 1) == []


@pytest.mark.rule("R7")
def test_first_batches_are_shown_in_order(campaign: Campaign, held: Held) -> None:
    for seconds in (1, 2, 3):
        answered(campaign, held, seconds=seconds)
    shown = quality_queries.flagged_batches(campaign, 2)
    assert shown == quality_queries.flagged_batches(campaign, 3)[:2]
    assert len(shown) == 2


@pytest.mark.rule("R7")
def test_quality_query_count_is_constant(campaign: Campaign, held: Held) -> None:
    counts = []
    for batches in (1, 9):
        for _ in range(batches):
            answered(campaign, held, seconds=1)
        with CaptureQueriesContext(connection) as queries:
            quality_queries.flagged_batches(campaign, 50)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.rule("R7")
def test_flags_are_visible_to_security_and_auditors_only(campaign: Campaign, held: Held) -> None:
    n = held.people
    answered(campaign, held, seconds=1)
    where = f"/campaigns/{campaign.pk}/quality/"
    for nobody in (n.jonas, n.omar, n.theo, n.ines, n.nadia):
        page = client_of(nobody).get(where)
        assert page.status_code == 403
        assert b"Half of" not in page.content
    for reader in (n.sana, n.yuki):
        page = client_of(reader).get(where).content.decode()
        for words in (
            "Half of 12 answers",
            "12 answers of Jonas Weil",
            "nobody is ranked",
            "Export as evidence",
        ):
            assert escape(words) in page, words


@pytest.fixture
def low(campaign: Campaign) -> list[Question]:
    Item.objects.filter(campaign=campaign).update(snapshot={"tier": "low"})
    return list(Question.objects.filter(item__campaign=campaign).order_by("pk"))


@pytest.fixture
def at_opening(low: list[Question], monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    from governance.core.clock import current_time

    opened_at = low[0].item.opened_at
    monkeypatch.setattr(current_time, "now", lambda: opened_at)
    return lambda: None


WHERE = "/recertify/together/"


@pytest.mark.rule("R7")
def test_several_of_low_risk_get_one_answer_and_one_reason_and_a_record_of_their_own_each(
    low: list[Question], at_opening: object, held: Held
) -> None:
    jonas = client_of(held.people.jonas)
    page = jonas.get(WHERE).content.decode()
    assert page.count('name="question"') == ITEMS
    assert "checked" not in page, "nothing is preselected"
    ticked = {"question": [str(question.pk) for question in low[:5]], "answer": "keep", "reason": "As every quarter."}
    answer = jonas.post(WHERE, ticked, follow=True)
    assert "Chosen for 5 items." in answer.content.decode()
    assert not Answer.objects.exists()
    jonas.post("/recertify/submit/")
    answers = list(Answer.objects.select_related("reason"))
    assert {answer.question_id for answer in answers} == {question.pk for question in low[:5]}
    assert {(answer.answer, str(answer.reason)) for answer in answers} == {("keep", "As every quarter.")}
    assert len({answer.batch for answer in answers}) == 1


@pytest.mark.rule("R7")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": " "}, "Give a reason"),
        ({"reason": "\u200b"}, "Give a reason"),
        ({"answer": ""}, "Choose “Keep” or “Revoke” for all items."),
        ({"answer": "dont_know"}, "Choose “Keep” or “Revoke” for all items."),
        ({"question": []}, "Tick at least one item."),
        ({"question": ["NaN", "0"]}, "Tick at least one item."),
    ],
)
def test_bulk_answer_needs_reason_answer_and_items(
    change: dict[str, Any], words: str, low: list[Question], at_opening: object, held: Held
) -> None:
    form = {"question": [str(low[0].pk)], "answer": "keep", "reason": "As every quarter.", **change}
    answer = client_of(held.people.jonas).post(WHERE, form)
    assert answer.status_code == 422
    assert escape(words) in answer.content.decode()


@pytest.mark.rule("R7", "S4")
def test_riskier_and_foreign_items_are_excluded_from_bulk(
    stock_under_review: Item, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.core.clock import current_time
    from governance.recertification.models import Draft

    monkeypatch.setattr(current_time, "now", lambda: stock_under_review.opened_at)
    needed = question(stock_under_review, Asks.NEEDED)
    form = {"question": [str(needed.pk)], "answer": "keep", "reason": "As every quarter."}
    page = client_of(held.people.jonas).post(WHERE, form, follow=True).content.decode()
    assert escape("It is standard risk. Answer it on its own page.") in page
    assert client_of(held.people.omar).post(WHERE, form).status_code == 422
    assert not Draft.objects.exists()


@pytest.mark.rule("R7")
def test_an_automation_is_not_among_them_and_not_answered_together_either(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.core.clock import current_time
    from governance.recertification.models import Draft

    item = opened(held.automation, opens_at(held.grant()))
    Automation.objects.filter(pk=held.automation.pk).update(tier="low")
    monkeypatch.setattr(current_time, "now", lambda: item.opened_at)
    needed = question(item, Asks.NEEDED)
    jonas = client_of(held.people.jonas)
    assert f'value="{needed.pk}"' not in jonas.get(WHERE).content.decode()
    form = {"question": [str(needed.pk)], "answer": "revoke", "reason": "As every quarter."}
    page = jonas.post(WHERE, form, follow=True).content.decode()
    assert "It is an automation. Answer it on its own page." in page
    assert not Draft.objects.exists()
