"""The facts on which a recommendation rests, read from what is in the database; what the card says of them, and what an answer keeps (R3, R7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from approvals.models import Conflict, ConflictRule, ConflictState, Grant, GrantUsage
from governance.core.clock import current_time
from governance.recertification.items import queries as item_queries
from governance.recertification.items import recommendation
from governance.recertification.items.recommendation import Advice, Facts, recommend
from governance.recertification.models import Answer, AnswerKind, Asks, Item
from inventory.models import Automation, Credential, Lifetime, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.recertification.review_steps import Held, opened, question, submit_answer, under_review
from tests.signed_in_client import client_of
from tests.trigger_bypass import given

pytestmark = pytest.mark.database


@pytest.fixture
def item(stock_under_review: Item, monkeypatch: pytest.MonkeyPatch) -> Item:
    """An open item about a grant on Omar's ERP, on the day on which it opened."""
    monkeypatch.setattr(current_time, "now", lambda: stock_under_review.opened_at)
    return stock_under_review


def facts(item: Item) -> Facts:
    again = Item.objects.get(pk=item.pk)
    item_queries.load_subjects([again])
    return item_queries.load_facts([again], item.opened_at)[item.pk]


def measured(grant: Grant, now: datetime, *, days: int, last: int | None, calls: int = 1, refused: int = 0) -> None:
    """So many days of use up to today; calls on each day until the last one."""
    GrantUsage.objects.bulk_create(
        GrantUsage(
            grant=grant,
            day=(now - timedelta(days=ago)).date(),
            allowed=calls if last is not None and ago >= last else 0,
            refused=refused if ago == 0 else 0,
            last_at=now - timedelta(days=ago) if last is not None and ago >= last else None,
        )
        for ago in range(days)
    )


def other_source(item: Item, held: Held) -> None:
    old = held.automation.approved_version
    made = Version.objects.create(
        automation=held.automation,
        number=old.number + 1,
        source_digest="sha256:other",
        manifest_digest="sha256:other",
        binding_digest=old.binding_digest,
        manifest=old.manifest,
        created_at=item.opened_at,
    )
    Automation.objects.filter(pk=held.automation.pk).update(approved_version=made)


def newer_version(item: Item, held: Held) -> None:
    other_source(item, held)
    old = Version.objects.filter(automation=held.automation).order_by("number")[0]
    Automation.objects.filter(pk=held.automation.pk).update(approved_version=old)


def in_conflict(item: Item, held: Held, *, mode: str = "record") -> None:
    rule = ConflictRule.objects.exclude(scope="chain").filter(mode=mode).order_by("pk")[0]
    Conflict.objects.create(
        rule=rule,
        code=rule.code,
        scope=rule.scope,
        subject=held.automation.pk,
        automations=[held.automation.pk],
        grants=[item.grant_id],
        keys=["1/x"],
        state=ConflictState.OPEN,
        opened_at=item.opened_at,
    )


def classed_higher(item: Item, held: Held) -> None:
    given(held.company.erp, data_class="restricted")


def owned_by_another(item: Item, held: Held) -> None:
    Automation.objects.filter(pk=held.automation.pk).update(business_owner=held.people.mei)


def kept_by_another(item: Item, held: Held) -> None:
    given(held.company.erp, accepted_at=item.opened_at)


def secret(item: Item, held: Held) -> None:
    on = Grant.objects.get(pk=item.grant_id).credential_id
    made = item.opened_at - timedelta(days=200)
    Credential.objects.filter(pk=on).update(lifetime=Lifetime.STATIC, issued_at=made)


def suspended(item: Item, held: Held) -> None:
    Automation.objects.filter(pk=held.automation.pk).update(state="suspended")


#: What happens, and what of the facts is another thing then.
HAPPENED: list[tuple[Callable[[Item, Held], object], dict[str, object]]] = [
    (
        lambda i, h: measured(i.grant, i.opened_at, days=120, last=70, calls=2, refused=4),
        {"measured": True, "idle": 70, "was_used": True, "calls_30": 0, "usual_30": 33, "refused_90": 4},
    ),
    (lambda i, h: measured(i.grant, i.opened_at, days=80, last=None), {"measured": True, "idle": 79}),
    (other_source, {"other_source": True}),
    (newer_version, {"newer_version": 2}),
    (owned_by_another, {"other_owner": True}),
    (kept_by_another, {"other_keeper": True}),
    (classed_higher, {"class_is": "restricted"}),
    (secret, {"static": True, "secret_age": 200}),
    (suspended, {"suspended": True}),
    (lambda i, h: Grant.objects.filter(pk=i.grant_id).update(raised_to="high"), {"raised": "high"}),
]


@pytest.mark.rule("R3")
@pytest.mark.parametrize(("happens", "other"), HAPPENED, ids=range(len(HAPPENED)))
def test_each_fact_is_read_independently(
    happens: Callable[[Item, Held], object], other: dict[str, object], item: Item, held: Held
) -> None:
    before = facts(item)
    happens(item, held)
    after = facts(item)
    changed = {name for name in Facts.__dataclass_fields__ if getattr(after, name) != getattr(before, name)}
    if "measured" in other:
        other = {"was_used": False, **other}
        assert (max(after.weeks), len(after.weeks)) == (0 if after.idle == 79 else 14, recommendation.WEEKS)
        changed -= {"calls_90", "weeks"}
    assert {name: getattr(after, name) for name in other} == other
    assert changed <= set(other)


@pytest.mark.rule("R3", "S6")
@pytest.mark.parametrize("mode", ["record", "enforce"])
def test_an_open_conflict_is_read_with_whether_its_rule_refuses_it(mode: str, item: Item, held: Held) -> None:
    in_conflict(item, held, mode=mode)
    (conflict,) = facts(item).conflicts
    assert (conflict.enforced, conflict.waived_until) == (mode == "enforce", None)
    page = client_of(held.people.omar).get(f"/recertify/{item.pk}/").content.decode()
    assert f'href="/conflicts/{conflict.key}/"' in page
    assert "No drift, no conflict" not in page


@pytest.mark.rule("R3")
def test_teams_other_holders_are_counted(item: Item, held: Held) -> None:
    assert facts(item).peers == 0

    def edit(export: dict[str, Any]) -> None:
        export["id"] = "another-report"

    other = scenarios.submitted(held.company, stock_report.version(held.company, edit))
    scenarios.decide_all(held.company, other)
    item_facts = facts(item)
    assert (item_facts.peers, item_facts.peers_widest, item_facts.peers_only_read) == (1, item_facts.targets, False)


@pytest.mark.rule("R3", "G2")
def test_earlier_answers_count_and_are_shown(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = held.automation.grants.filter(kind="credential").order_by("pk")[0]
    item = under_review(grant)
    for asks in Asks:
        submit_answer(question(item, asks), AnswerKind.KEEP, now=item.opened_at, reason="Still used.")
    later = under_review(Grant.objects.get(predecessor=grant))
    item_queries.load_subjects([later])
    item_facts = item_queries.load_facts([later], later.opened_at)[later.pk]
    assert (item_facts.kept, len(item_facts.earlier), item_facts.held_since) == (1, 2, grant.begins_at)
    monkeypatch.setattr(current_time, "now", lambda: later.opened_at)
    page = client_of(held.people.omar).get(f"/recertify/{later.pk}/").content.decode()
    assert "It was kept in 1 review before." in page
    assert f'href="/recertify/{item.pk}/?asks=' in page
    assert escape("Still used.") in page


@pytest.mark.rule("R3")
def test_an_automation_is_recommended_from_facts_of_its_own(held: Held) -> None:
    automation = held.automation
    item = opened(automation, held.company.now + timedelta(days=170))
    item_queries.load_subjects([item])
    item_facts = item_queries.load_facts([item], item.opened_at)[item.pk]
    assert (item_facts.of_automation, item_facts.holds_nothing) == (True, False)
    assert recommend(item_facts).advice == Advice.LOOK


@pytest.mark.rule("R3")
def test_the_card_recommends_with_reasons_and_marks_no_answer_with_it(item: Item, held: Held) -> None:
    measured(item.grant, item.opened_at, days=120, last=95)
    page = client_of(held.people.omar).get(f"/recertify/{item.pk}/").content.decode()
    for words in (
        "We would revoke it",
        "a suggestion, nothing is chosen",
        "It was last used 95 days ago.",
        "No drift, no conflict",
        "Comments from its approval",
        "owner Jonas Weil",
    ):
        assert escape(words) in page, words
    buttons = re.findall(r"<button[^>]*name=\"answer\"[^>]*>", page)
    assert len(buttons) == 4
    assert len({re.sub(r'answer-\w+|value="\w+"|"\d"', "", button) for button in buttons}) == 1, "all five are alike"
    assert f'href="/review/{item.grant.approval.submission_id}/"' in page
    assert f'href="/automations/{held.automation.pk}/"' in page


@pytest.mark.rule("R3")
def test_the_items_page_and_ones_own_list_ask_no_more_than_before_there_was_a_recommendation(
    item: Item, held: Held
) -> None:
    measured(item.grant, item.opened_at, days=30, last=0)
    omar = client_of(held.people.omar)
    # one of them reads who took part in asking for it (S1)
    for path, most in (("/recertify/", 15), (f"/recertify/{item.pk}/?asks=acceptable", 15)):
        omar.get(path)  # a session's first page reads more
        with CaptureQueriesContext(connection) as queries:
            omar.get(path)
        assert len(queries) <= most, path


@pytest.mark.rule("R3")
def test_known_of_twenty_items_is_asked_as_of_one(held: Held) -> None:
    grants = [held.grant(), *(held.low_grant() for _ in range(1))]
    items = [under_review(grant) for grant in grants]
    counts = []
    for some in (items[:1], items):
        again = list(Item.objects.filter(pk__in=[item.pk for item in some]))
        with CaptureQueriesContext(connection) as queries:
            item_queries.load_subjects(again)
            item_queries.load_facts(again, items[0].opened_at)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.rule("R3", "R7")
def test_answer_stores_recommendation_and_facts_shown(item: Item, held: Held) -> None:
    measured(item.grant, item.opened_at, days=120, last=95)
    omar = client_of(held.people.omar)
    page = omar.get(f"/recertify/{item.pk}/").content.decode()
    stamp = re.search(r'name="shown" value="([^"]+)"', page).group(1)
    fields = {"asks": "acceptable", "answer": "keep", "shown": stamp, "looked": "2"}
    GrantUsage.objects.all().delete()  # what is recommended by the time that it is submitted is another thing
    omar.post(f"/recertify/{item.pk}/answer/", fields)
    omar.post("/recertify/submit/")
    kept = Answer.objects.get()
    assert (kept.recommended, kept.answer, kept.looked) == (Advice.REVOKE, "keep", 2)
    assert kept.seconds is not None


@pytest.mark.rule("R7")
@pytest.mark.parametrize(
    ("stamp", "looked"),
    [("", ""), ("forged", "many"), ("WzEsICJrZWVwIl0:1:forged", "-1")],
    ids=["none", "words", "forged"],
)
def test_answers_outside_card_are_unmeasured(stamp: str, looked: str, item: Item, held: Held) -> None:
    omar = client_of(held.people.omar)
    omar.post(
        f"/recertify/{item.pk}/answer/", {"asks": "acceptable", "answer": "keep", "shown": stamp, "looked": looked}
    )
    omar.post("/recertify/submit/")
    answer = Answer.objects.get()
    assert (answer.seconds, answer.recommended, answer.looked) == (None, "", None)
