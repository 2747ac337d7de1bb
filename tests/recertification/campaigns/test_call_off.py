"""A campaign that is called off while it is being opened: by whom, and that nothing of it touches anything (R2, R6, R9, H1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.models import Grant, GrantState
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.mail import mail_text
from governance.core.models import LedgerEvent, Notice
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import snapshot
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import call_off as transition_call_off
from governance.recertification.items import review_triggers
from governance.recertification.items.jobs import triggered_items
from governance.recertification.models import (
    AnswerKind,
    Asks,
    Campaign,
    CampaignState,
    Item,
    ItemOutcome,
    ItemState,
    Question,
)
from governance.recertification.reminders import transitions as reminder_transitions
from inventory.resources.transitions import incidents
from tests.people import as_actor
from tests.recertification.campaign_steps import FILLER, chunk, filled, ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import JOB, Held, say, sweep_at
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

WHY = "It was meant for test alone."


@pytest.fixture
def now(held: Held, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The day after it came into force, for every page."""
    at = held.company.now + timedelta(days=1)
    monkeypatch.setattr(business_time, "now", lambda: at)
    return at


def half_asked(held: Held, now: datetime) -> Campaign:
    """A campaign of a dozen grants and more, all in it, of which five items are asked."""
    low_grants(held.submission, 15, begins_at=held.company.now)
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    while chunk("freeze", campaign, now, size=10):
        pass
    chunk("assign_questions", campaign, now, size=5)
    return campaign


def call_off(campaign: Campaign, held: Held, now: datetime) -> Campaign:
    """An admin calls it off: not who opened it."""
    return transition_call_off.call_off(campaign, actor=as_actor(held.people.karl), now=now, reason=WHY)


def states() -> list[tuple[Any, ...]]:
    """What reviews could touch of every grant."""
    return list(
        Grant.objects.order_by("pk").values_list("pk", "state", "ends_at", "renew", "suspended_why", "review_on")
    )


@pytest.mark.rule("R2")
def test_only_opener_role_calls_off_before_opening_with_reason(held: Held, now: datetime) -> None:
    n, campaign = held.people, half_asked(held, now)
    for person in (n.jonas, n.omar, n.yuki, n.theo):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            transition_call_off.call_off(campaign, actor=as_actor(person), now=now, reason=WHY)
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        transition_call_off.call_off(campaign, actor=as_actor(n.karl), now=now)
    filled(campaign, now)
    assert campaign.state == CampaignState.OPEN
    with pytest.raises(OutOfTurn, match=r"^STATE: This campaign is open, so this can't"):
        call_off(campaign, held, now)


@pytest.mark.rule("R2", "H1")
@pytest.mark.parametrize("until", ["ordered", "frozen in part", "frozen", "asked in part", "asked"])
def test_call_off_takes_effect_at_any_stage_and_is_recorded(held: Held, now: datetime, until: str) -> None:
    low_grants(held.submission, 15, begins_at=held.company.now)
    campaign, before = ordered(Scope(), by=held.people.sana, now=now), states()
    steps: list[Callable[[], bool]] = [
        lambda: chunk("freeze", campaign, now, size=10),
        lambda: chunk("freeze", campaign, now) and chunk("freeze", campaign, now),
        lambda: chunk("assign_questions", campaign, now, size=5),
        lambda: chunk("assign_questions", campaign, now),
    ]
    for step in steps[: ["ordered", "frozen in part", "frozen", "asked in part", "asked"].index(until)]:
        assert step()
    made = campaign.items.count()
    call_off(campaign, held, now)
    for _ in range(2):
        filled(campaign, now)
    assert campaign.state == CampaignState.CALLED_OFF
    assert set(campaign.items.values_list("state", "outcome")) <= {(ItemState.CLOSED, ItemOutcome.CALLED_OFF)}
    assert campaign.items.count() == made, "nothing more comes into it"
    assert states() == before
    for item in campaign.items.all():
        assert list(item.history.order_by("history_id").values_list("history_type", "outcome")) == [
            ("+", ""),
            ("~", "called_off"),
        ]
    events_of = LedgerEvent.objects.filter(subject_type="recertification.campaign", subject_id=str(campaign.pk))
    called = events_of.get(verb="campaign.called_off")
    assert (called.payload["items"], called.reason.text if called.reason else "") == (made, WHY)
    let_go = events_of.filter(verb="campaign.items_let_go", outcome="done")
    assert sum(event.payload["count"] for event in let_go) == made
    filled(campaign, now + timedelta(days=40))
    assert not sweep_at(now + timedelta(days=40)).keys() & {"escalated", "suspended", "closed"}
    assert states() == before


@pytest.mark.rule("R6", "R9")
def test_called_off_campaign_neither_ends_access_nor_reminds_before_job(held: Held, now: datetime) -> None:
    campaign = half_asked(held, now)
    Item.objects.filter(campaign=campaign).update(deadline=now, grace_until=now + timedelta(hours=1))
    item = Item.objects.filter(campaign=campaign, questions__isnull=False).order_by("pk")[0]
    call_off(campaign, held, now)
    later = now + timedelta(hours=2)
    assert sweep_at(later).keys().isdisjoint({"reminded", "escalated", "suspended", "closed"})
    with pytest.raises(OutOfTurn, match="called off"):
        reminder_transitions.escalate(item, actor=JOB, now=later)
    Item.objects.filter(pk=item.pk).update(state=ItemState.ESCALATED)
    with pytest.raises(OutOfTurn, match="called off"):
        reminder_transitions.suspend_for_silence(Item.objects.get(pk=item.pk), actor=JOB, now=later)
    filled(campaign, later)
    assert not campaign.items.exclude(outcome=ItemOutcome.CALLED_OFF).exists()


@pytest.mark.rule("R9", "H1")
def test_killed_in_the_middle_the_next_run_goes_on(held: Held, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = call_off(half_asked(held, now), held, now)
    made = campaign.items.count()
    assert transition_call_off.let_go.when_due(campaign, actor=FILLER, now=now, size=10)
    whole = snapshot.close_unsettled_items

    def killed(*given: Any, **more: Any) -> Any:
        whole(*given, **more)
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "close_unsettled_items", killed)
        with pytest.raises(SystemExit):
            campaign_jobs.sweep(now)
    assert campaign.items.filter(outcome=ItemOutcome.CALLED_OFF).count() == 10
    filled(campaign, now)
    said = LedgerEvent.objects.filter(verb="campaign.items_let_go", outcome="done").order_by("pk")
    assert [event.payload["count"] for event in said] == [10, made - 10]
    assert not campaign_jobs.sweep(now)


@pytest.mark.rule("R2", "R4")
def test_answers_before_call_off_stand(held: Held, now: datetime) -> None:
    campaign = half_asked(held, now)
    first, second, third = Question.objects.filter(item__campaign=campaign, asks=Asks.NEEDED).order_by("pk")[:3]
    for one, kind in ((first, AnswerKind.REVOKE), (second, AnswerKind.KEEP)):
        for about in one.item.questions.order_by("pk"):
            if kind == AnswerKind.KEEP or about.pk == one.pk:
                say(about, kind, now=now, reason="Looked at.")
    call_off(campaign, held, now)
    filled(campaign, now)
    found = {one.pk: Item.objects.get(pk=one.item_id) for one in (first, second, third)}
    assert (found[first.pk].state, Grant.objects.get(items=found[first.pk]).state) == (
        ItemState.ANSWERED,
        GrantState.SUSPENDED,
    )
    assert found[second.pk].outcome == ItemOutcome.KEPT
    assert found[third.pk].outcome == ItemOutcome.CALLED_OFF
    closes = found[first.pk].closes_at
    assert closes is not None
    assert sweep_at(closes)["closed"] == 1
    assert Item.objects.get(pk=found[first.pk].pk).outcome == ItemOutcome.REVOKED


@pytest.mark.rule("R1", "R2")
def test_events_after_call_off_open_own_reviews(held: Held, now: datetime) -> None:
    n, campaign = held.people, half_asked(held, now)
    incidents.declare_incident(
        held.company.erp,
        actor=as_actor(n.sana),
        now=now,
        reason="Its backups were read.",
        reference="INC-7",
        until=now + timedelta(days=30),
    )
    assert triggered_items.sweep(now)
    joined = Item.objects.filter(campaign=campaign, snapshot__joined__contains=[review_triggers.INCIDENT])
    assert joined.exists()
    about = set(joined.values_list("grant", flat=True))
    call_off(campaign, held, now)
    filled(campaign, now)
    triggered_items.sweep(now)
    again = Item.objects.filter(grant__in=about).exclude(state=ItemState.CLOSED)
    assert set(again.values_list("grant", flat=True)) == about
    assert set(again.values_list("reason", flat=True)) == {review_triggers.INCIDENT}
    assert ordered(Scope(), by=n.sana, now=now, name=campaign.name).state == CampaignState.OPENING


@pytest.mark.rule("R2", "R5")
def test_reviewers_and_opener_are_notified_once(held: Held, now: datetime) -> None:
    n, campaign = held.people, half_asked(held, now)
    asked = set(Question.objects.filter(item__campaign=campaign).values_list("reviewer", flat=True))
    call_off(campaign, held, now)
    told = Notice.objects.filter(event="recertification_called_off")
    assert sorted(told.values_list("recipient", flat=True)) == sorted(asked | {n.sana.pk})
    letter = mail_text.write(told[0], None)
    assert letter.subject == "Called off: Spring clean"
    assert "Karl" in letter.text
    assert WHY not in letter.text, "what somebody wrote stays on the page"


@pytest.mark.rule("R2")
def test_call_off_is_confirmed_and_reason_is_shown(held: Held, now: datetime) -> None:
    n, campaign = held.people, half_asked(held, now)
    path = f"/campaigns/{campaign.pk}/"
    assert "call-off" not in client_of(n.jonas).get(path).content.decode()
    assert client_of(n.jonas).post(f"{path}call-off/", {"reason": WHY}).status_code == 403
    client = client_of(n.karl)
    assert f'href="{path}call-off/"' in client.get(path).content.decode()
    asking = client.get(f"{path}call-off/").content.decode()
    count = campaign.items.count()
    assert f"{count} items close." in asking
    assert client.post(f"{path}call-off/", {"reason": ""}).status_code == 422
    assert client.post(f"{path}call-off/", {"reason": WHY}).status_code == 302
    for person in (n.karl, n.jonas):
        said = client_of(person).get(path).content.decode()
        assert "Called off by Karl" in said
        assert WHY in said
    filled(campaign, now)
    listed = client.get("/campaigns/?show=closed").content.decode()
    assert "Called off" in listed
    assert path not in client.get("/campaigns/").content.decode()
    assert client.get(f"{path}call-off/").status_code == 409
