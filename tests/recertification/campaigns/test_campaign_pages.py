"""The pages of campaigns: who sees what, the preview, the progress, the burn-down, the calendar and its file (R1, R2, R5)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.core.clock import current_time
from governance.recertification.campaigns.scope import Scope
from governance.recertification.models import AnswerKind, Asks, Campaign, CampaignState, Item
from governance.web.components.charts import burn_down
from tests.recertification.campaign_steps import chunk, day, filled, ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, question, submit_answer
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(held: Held, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The day after it came into force, for every page."""
    at = held.company.now + timedelta(days=1)
    monkeypatch.setattr(current_time, "now", lambda: at)
    return at


def text(client: Client, path: str) -> str:
    """What a page says, without its tags."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.rule("R2", "S5")
def test_unauthorised_person_gets_no_form_and_opens_nothing(held: Held, now: datetime) -> None:
    for person in (held.people.yuki, held.people.omar, held.people.rita):
        client = client_of(person)
        assert client.get("/campaigns/new/").status_code == 403
        posted = client.post("/campaigns/new/", {"name": "X", "reason": "Y", "until": day(now).isoformat()})
        assert posted.status_code == 403
        incomplete = client.post("/campaigns/new/", {"name": ""})
        assert incomplete.status_code == 403
        assert b"preview-title" not in incomplete.content
        assert held.people.jonas.name.encode() not in incomplete.content
    assert not Campaign.objects.exists()


@pytest.mark.rule("R2")
def test_preview_shows_items(held: Held, now: datetime) -> None:
    low_grants(held.submission, 30, begins_at=held.company.now)
    page = text(client_of(held.people.sana), "/campaigns/new/?about=both")
    assert "34 grants" in page
    assert "1 automation " in page
    campaign = filled(ordered(Scope(about="both"), by=held.people.sana, now=now), now)
    assert campaign.items.count() == 35 == campaign.expected
    again = text(client_of(held.people.sana), "/campaigns/new/?about=both")
    assert "35 already under review" in again


@pytest.mark.rule("R2")
def test_list_is_filtered_by_team_and_by_deadline(held: Held, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now, name="All grants"), now)
    sana, team = client_of(held.people.sana), held.submission.automation.team_id
    names = {f"?team={team}": True, f"?team={held.people.marketing.pk}": False, "?show=overdue": False}
    assert {query: "All grants" in text(sana, f"/campaigns/{query}") for query in names} == names
    assert "All grants" not in text(client_of(held.people.tom), f"/campaigns/?team={team}")
    monkeypatch.setattr(current_time, "now", lambda: campaign.deadline)
    assert "All grants" in text(client_of(held.people.sana), f"/campaigns/?show=overdue&team={team}")


@pytest.mark.rule("R2")
def test_the_pages_ask_no_more_however_much_there_is(held: Held, now: datetime) -> None:
    sana = client_of(held.people.sana)
    preview, paths = "/campaigns/new/?about=both", ["/campaigns/", "/campaigns/calendar/?whose=all"]
    few_to_review = _queries(sana, preview)
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    paths.append(campaign.href)
    few = [_queries(sana, path) for path in paths]
    low_grants(held.submission, 60, begins_at=held.company.now)
    assert _queries(sana, preview) == few_to_review
    filled(ordered(Scope(tier="low"), by=held.people.sana, now=now, name="Low ones"), now)
    Item.objects.filter(campaign__name="Low ones").update(campaign=campaign)
    assert [_queries(sana, path) for path in paths] == few


def _queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.rule("R2")
def test_campaign_opens_from_filter(held: Held, now: datetime) -> None:
    sana = client_of(held.people.sana)
    filters = text(sana, "/campaigns/new/").partition("Preview")[0]
    assert ("optional" in filters, filters.count("Empty fields do not narrow it.")) == (False, 1)
    late = sana.get(f"/campaigns/new/?until={(now + timedelta(days=90)).date()}")
    assert b"at most 60 days" in late.content
    form = {"about": "grants", "tier": "standard", "until": day(now).isoformat()}
    empty = sana.post("/campaigns/new/", {**form, "name": "Standard ones", "reason": ""})
    assert empty.status_code == 422
    assert b"Standard ones" in empty.content
    made = sana.post("/campaigns/new/", {**form, "name": "Standard ones", "reason": "An audit asks for it."})
    campaign = Campaign.objects.get()
    assert (made.status_code, made["Location"]) == (302, campaign.href)
    while_opening = text(sana, campaign.href)
    assert "You can leave this page: it goes on." in while_opening
    while chunk("freeze", campaign, now):
        pass
    part = sana.get(campaign.href, headers={"HX-Request": "true", "HX-Target": "progress"}).content.decode()
    assert f"{campaign.items.count()} in it, 0 asked" in part
    filled(campaign, now)
    over = sana.get(campaign.href, headers={"HX-Request": "true", "HX-Target": "progress"})
    assert over["HX-Refresh"] == "true"
    page = text(sana, campaign.href)
    for words in (
        "An audit asks for it.",
        "of standard risk",
        "What silence does",
        "suspended",
        "removed, and can’t come back",
    ):
        assert words in page
    assert "Jonas Weil" in page


@pytest.mark.rule("R2")
def test_reviewer_sees_own_part_only(held: Held, now: datetime) -> None:
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    assert client_of(held.people.nadia).get(campaign.href).status_code == 404
    assert "Spring clean" not in text(client_of(held.people.nadia), "/campaigns/")
    whole = campaign.items.count()
    for person in (held.people.sana, held.people.ines, held.people.yuki):
        assert f"Items {whole}" in text(client_of(person), campaign.href)
    of_omar = campaign.items.filter(grant__entitlement__resource__owner=held.people.omar)
    assert 0 < of_omar.count() < whole
    amara = campaign.items.filter(questions__reviewer=held.people.amara)
    theirs = text(client_of(held.people.omar), campaign.href)
    mine = campaign.items.filter(questions__reviewer=held.people.omar) | of_omar
    assert f"Items that concern you {mine.distinct().count()}" in theirs
    assert not amara.exists()
    assert "Spring clean" in text(client_of(held.people.omar), "/campaigns/")


@pytest.mark.rule("R6")
def test_past_the_deadline_it_is_the_second_round(held: Held, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    from governance.recertification.items import jobs as item_jobs

    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    item = campaign.items.filter(snapshot__tier="standard")[0]
    submit_answer(question(item, Asks.NEEDED), AnswerKind.REVOKE, now=now, reason="No more.")
    late = campaign.deadline + timedelta(hours=1)
    item_jobs.sweep(late)
    monkeypatch.setattr(current_time, "now", lambda: late)
    page = text(client_of(held.people.sana), campaign.href)
    assert "Second round: the deadline has passed" in page
    assert "Removed access" in page
    assert f"Past the deadline {campaign.items.filter(state='escalated').count()}" in page


@pytest.mark.rule("R2", "R4")
def test_revoke_leaves_the_other_reviewer_no_longer_asked(held: Held, now: datetime) -> None:
    campaign = filled(ordered(Scope(tier="standard"), by=held.people.sana, now=now), now)
    item = campaign.items.filter(grant__isnull=False)[0]
    asked = question(item, Asks.NEEDED).reviewer
    asked_count = asked.questions.filter(item__campaign=campaign).count()
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=now, reason="No more.")
    sana = client_of(held.people.sana)
    page = text(sana, campaign.href)
    assert f"{asked.name} 0 of {asked_count} 1 no longer asked" in page
    waiting = campaign.items.filter(questions__answered_at__isnull=True, state="open").count()
    total = campaign.items.filter(questions__isnull=False).count()
    assert f"{waiting} of {total} questions left" in page
    assert "answered the review of" in page
    row = next(row for row in sana.get("/campaigns/").context["rows"] if row["campaign"] == campaign)
    assert (row["done"], row["total"]) == (1, campaign.items.count())
    for where in (f"/automations/{held.automation.pk}/recertifications/", f"/recertify/{item.pk}/?asks=acceptable"):
        assert f"{asked.name} is no longer asked" in text(sana, where)
    assert "you are no longer asked" in text(client_of(asked), f"/recertify/{item.pk}/?asks=acceptable")


@pytest.mark.rule("R2")
def test_campaign_closes_after_last_item(held: Held, now: datetime) -> None:
    from governance.recertification.items import jobs as item_jobs

    campaign = filled(ordered(Scope(tier="standard"), by=held.people.sana, now=now), now)
    for item in campaign.items.all():
        for open_question in item.questions.all():
            submit_answer(open_question, AnswerKind.KEEP, now=now)
    item_jobs.sweep(now)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.CLOSED
    sana = client_of(held.people.sana)
    assert "Kept" in text(sana, campaign.href)
    assert "Spring clean" in text(sana, "/campaigns/?show=closed")
    assert "Spring clean" not in text(sana, "/campaigns/")


@pytest.mark.rule("R1")
def test_calendar_shows_openings_by_week(held: Held, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = held.grant()
    opens = grant.ends_at - timedelta(days=21)
    monkeypatch.setattr(current_time, "now", lambda: opens - timedelta(days=20))
    client = client_of(held.people.jonas)
    page = client.get("/campaigns/calendar/")
    rows = {row["week"].first: row for row in page.context["rows"]} if page.context else {}
    monday = opens.date() - timedelta(days=opens.date().weekday())
    if rows:
        assert rows[monday]["week"].opens["standard"] >= 1
    assert client.get("/campaigns/calendar/?whose=all").status_code == 200
    nobody = text(client_of(held.people.nadia), "/campaigns/calendar/")
    assert "No reviews in the next three months." in nobody
    assert "Everybody" not in nobody


@pytest.mark.rule("R2")
def test_the_burn_down_is_drawn_with_attributes_alone() -> None:
    first = date(2026, 11, 2)
    points = [(first + timedelta(days=n), 10 - n) for n in range(4)]
    drawn = burn_down(
        points, "7 left", first=first, due=first + timedelta(days=7), until=first + timedelta(days=14), total=10
    )
    assert 'aria-label="7 left"' in drawn
    assert "style=" not in drawn
    assert re.findall(r'text-anchor="end">(\d+)<', drawn) == ["10", "5", "0"], "its y axis has numbers"
    assert drawn.count("<text") == 6
