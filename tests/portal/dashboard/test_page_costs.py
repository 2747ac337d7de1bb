"""Costs of home, Approvals and review page: neither rows nor comments add a query."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.models import Approval, Comment, Submission
from governance.core.texts import free_text
from governance.portal.dashboard import queries
from governance.recertification.items import cards
from governance.recertification.models import Campaign, Draft, Item, Question
from inventory.imports import manual_description
from inventory.models import Entitlement
from tests import run_lengths, scenarios
from tests.inventory.automations.test_register_pages import cost
from tests.manual_descriptions import registered
from tests.people import Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

#: How many privileges each of many things waits with: a query for each of them would show.
MANY = run_lengths.run_length(3, soak=8)


@pytest.fixture
def company(northwind: Northwind) -> Company:
    """Northwind with its resources."""
    return scenarios.company(northwind)


def submitted_script(company: Company, name: str, number: int) -> Submission:
    """A script that asks for so many privileges on what Omar owns, submitted by Rita."""
    n = company.people
    held = [
        Entitlement.objects.get_or_create(
            resource=(company.erp, company.slack)[place % 2],
            code=f"x:read:{place}",
            defaults={"words": f"Read {place}", "level": "read"},
        )[0]
        for place in range(number)
    ]
    manifest = manual_description.describe_manually(
        name=name,
        kind="script",
        platform="cron",
        privileges=[
            manual_description.DescribedPrivilege(entitlement, "read", f"#{place}")
            for place, entitlement in enumerate(held)
        ],
    )
    fields = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Reads."}
    version: Any = registered(n.finance_ops, actor=as_actor(n.rita), now=n.now, manifest=manifest, fields=fields)
    return scenarios.submitted(company, version)


def remarks(submission: Submission, company: Company) -> None:
    """A comment on each approval, by different people."""
    n = company.people
    text = free_text.keep("Which rows?")
    assert text is not None
    for record, who in zip(submission.approvals.order_by("pk"), (n.omar, n.mei, n.theo) * 9, strict=False):
        Comment.objects.create(submission=submission, approval=record, by=who, at=n.now, text=text, is_objection=True)


def open_one(submission: Submission) -> Approval:
    """Some stage-2 record that is open."""
    return submission.approvals.filter(stage=2, state="open").order_by("pk")[0]


def review(submission: Submission, opened: int | None = None) -> str:
    """The address of a review page, with one row open."""
    return reverse("review", args=[submission.pk]) + (f"?open={opened}" if opened else "")


@pytest.mark.full("draws a large review for four readers in two stages, to count queries")
def test_a_review_costs_the_same_for_two_records_as_for_twelve(company: Company) -> None:
    n = company.people
    small, large = submitted_script(company, "Small", 2), submitted_script(company, "Large", 12)
    remarks(large, company)
    for stage in (1, 2):
        for reader in (n.theo, n.omar, n.rita, n.sana):
            who = client_of(reader)
            few, _ = cost(who, review(small))
            many, size = cost(who, review(large))
            # Nobody but the timeline names an admin or somebody who left: their names are one query more.
            assert many <= min(few + 1, 25), (reader.name, stage)
            assert size <= 60_000, (reader.name, stage)
        if stage == 1:
            scenarios.decide_app(company, small)
            scenarios.decide_app(company, large)
    costs = [cost(client_of(n.omar), review(submission, open_one(submission).pk))[0] for submission in (small, large)]
    assert costs[0] == costs[1] <= 24


def test_a_review_of_high_risk_before_stage_1_takes_no_more_queries(company: Company) -> None:
    submission = scenarios.submitted(company)
    for reader in (company.people.sana, company.people.theo, company.people.rita):
        who = client_of(reader)
        cost(who, review(submission))
        assert cost(who, review(submission))[0] <= 25, reader.name


def questions(company: Company, submission: Submission) -> None:
    """Each grant of a submission is under review, and Jonas and Omar are asked."""
    n = company.people
    campaign, _ = Campaign.objects.get_or_create(
        name="Review",
        kind="adhoc",
        tier="standard",
        defaults={
            "snapshot_at": n.now,
            "deadline": n.now + timedelta(days=9),
            "grace_until": n.now + timedelta(days=19),
        },
    )
    for grant in scenarios.grants_of(submission):
        item = Item.objects.create(
            campaign=campaign,
            grant=grant,
            reason="scheduled",
            opened_at=n.now,
            deadline=campaign.deadline,
            grace_until=campaign.grace_until,
        )
        Question.objects.create(item=item, asks="needed", reviewer=n.jonas, asked_at=n.now)
        Question.objects.create(item=item, asks="acceptable", reviewer=n.omar, asked_at=n.now)


def under_review(company: Company, word: str, number: int) -> None:
    """A live automation with so many grants, each of which Jonas and Omar are asked about."""
    questions(company, scenarios.decide_all(company, submitted_script(company, f"{word} live", number)))


def everything(company: Company, word: str, number: int, *, grants: int) -> None:
    """One automation each: before stage 1, before stage 2, sent back with a question, partly refused, live and under review."""
    n = company.people
    submitted_script(company, f"{word} stage 1", number)
    scenarios.decide_app(company, submitted_script(company, f"{word} stage 2", number))
    sent_back = submitted_script(company, f"{word} sent back", number)
    scenarios.decide_app(company, sent_back)
    for record in sent_back.approvals.filter(stage=2):
        decide.ask_for_changes(
            record, actor=as_actor(n.omar), now=n.now, reason="Why?", shown_digest=scenarios.shown(record)
        )
    refused = submitted_script(company, f"{word} refused", number)
    scenarios.decide_app(company, refused)
    for place, record in enumerate(refused.approvals.filter(stage=2).order_by("pk")):
        (scenarios.approve if place else scenarios.reject)(record, n.omar, now=n.now)
    under_review(company, word, grants)


@pytest.mark.full("brings in three of everything, to count queries")
def test_home_and_desk_cost_the_same_for_few_things_as_for_many(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    everything(company, "First", 1, grants=1)
    pages = [(reader, path) for reader in (n.omar, n.rita, n.jonas) for path in ("home", "approvals")]
    few = {(reader, path): cost(client_of(reader), reverse(path))[0] for reader, path in pages}
    everything(company, "Second", MANY, grants=8)
    for (reader, path), number in few.items():
        many, size = cost(client_of(reader), reverse(path))
        assert many == number, (reader.name, path)
        assert many <= 15, (reader.name, path)
        assert size <= 60_000, (reader.name, path)
    monkeypatch.setattr(queries, "MOST", 2)
    home, desk = (client_of(n.omar).get(reverse(path)).context for path in ("home", "approvals"))
    group = next(group for group in home["groups"] if group.key == "recertifications")
    assert (group.count, len(group.shown_tasks)) == (3, 2), "cards, not items"
    for page in (home, desk):  # home counts for itself, elsewhere the counter is asked
        assert {destination.key: destination.count for destination in page["chrome"].destinations}["recertify"] == 3


@pytest.mark.full("opens twenty reviews, to count queries")
def test_a_long_list_of_recertifications_shows_the_most_urgent_counts_all_and_costs_no_more(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R3, R5: the next page follows, and a draft is never out of sight of its count."""
    monkeypatch.setattr(cards, "SHOWN", 2)
    n, path = company.people, reverse("recert_mine")
    under_review(company, "First", 2)
    few = cost(client_of(n.omar), path)[0]
    assert few <= 15
    under_review(company, "Second", 9)
    many = cost(client_of(n.omar), path)[0]
    assert many == few
    under_review(company, "Third", 9)
    assert cost(client_of(n.omar), path)[0] == many
    shown = client_of(n.omar).get(path).context
    waiting = shown["waiting"]
    assert (len(waiting.cards), waiting.count, len(shown["parts"])) == (2, 6, 2)
    first = Question.objects.filter(reviewer=n.omar, item__grant__automation__name="First live").order_by("pk")
    for question in first:
        Draft.objects.create(question=question, person=n.omar, answer="keep", saved_at=n.now)
    page = client_of(n.omar).get(path)
    waiting = page.context["waiting"]
    assert (waiting.drafted_count, waiting.left_count, waiting.answer_count) == (2, 4, 2)
    assert "2 of 6 cards answered" in page.content.decode()
    assert "Submit 2 answers" in page.content.decode()
    names = []
    for _ in range(3):
        names += [card.automation_name for card in page.context["waiting"].cards]
        page = client_of(n.omar).get(path, {"after": page.context["waiting"].next_place})
    assert (len(names), names[4:]) == (6, ["First live"] * 2), "answered cards come last"


@pytest.mark.full("approves forty privileges")
@pytest.mark.rule("R3")
def test_forty_items_of_an_owner_take_at_most_fifteen_answers(company: Company) -> None:
    n, path = company.people, reverse("recert_mine")
    for number in range(5):
        under_review(company, f"Automation {number}", 8)
    omar = client_of(n.omar)
    items = Question.objects.filter(reviewer=n.omar).count()
    presses = 0
    while (shown := omar.get(path).context)["waiting"].left_count:
        rows = shown["card"]["rows"]
        form = {"asks": "acceptable", "answer": "keep", "question": [row.question.pk for row, ticked in rows if ticked]}
        omar.post(reverse("recert_card", args=[shown["item"].pk]), form)
        presses += 1
        assert presses <= 15
    assert items == Draft.objects.filter(person=n.omar).count() >= 40
