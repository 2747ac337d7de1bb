"""Outcomes of an item as a table: the answer of each side, and whether the automation's owner is still there (R4, R6, R8, A9).

No answer and nobody to ask differ: silence removes access, but not if there is nobody to ask.
"""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest

from approvals.models import GrantState
from approvals.submissions import jobs as terms
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items import reviewers
from governance.recertification.items.transitions import silence as reminder_transitions
from governance.recertification.models import AnswerKind, Asks, Campaign, Item, ItemOutcome, ItemState
from tests.appointments import record_leaver
from tests.people import as_actor
from tests.recertification.campaign_steps import filled, ordered
from tests.recertification.review_steps import JOB, Held, keep_to_its_end, question, submit_answer
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def privilege(c: Company) -> Scope:
    """One privilege alone: reading the ERP."""
    return Scope(tier="standard", resource=c.erp.pk, data_class=c.erp.data_class)


def in_campaign(c: Company) -> Campaign:
    """A campaign about one privilege, opened by Sana and filled."""
    now = c.now + DAY
    return filled(ordered(privilege(c), by=c.people.sana, now=now), now)


def owner_left(c: Company) -> Campaign:
    """The same campaign after Jonas, the business owner, left."""
    now = c.now + DAY
    record_leaver(c.people.jonas, actor=as_actor(c.people.ines), now=now, reason="He moved on.")
    item_jobs.reassign_due(now, JOB)
    return Campaign.objects.latest("pk")


IN_CAMPAIGN = starting_point("stock_in_force", in_campaign)
OWNER_LEFT = starting_point(IN_CAMPAIGN, owner_left)

KEEP, REVOKE, TO_ITS_END, SILENT = AnswerKind.KEEP, AnswerKind.REVOKE, "keep to its end", None
KEPT, REVOKED = ItemOutcome.KEPT, ItemOutcome.REVOKED

#: needed, acceptable, is the owner there: the outcome, and how the grant stands at the end.
TABLE = [
    (KEEP, KEEP, True, KEPT, GrantState.ENDED),  # by its successor
    (KEEP, REVOKE, True, REVOKED, GrantState.ENDED),
    (KEEP, TO_ITS_END, True, KEPT, GrantState.ACTIVE),
    (KEEP, SILENT, True, REVOKED, GrantState.ENDED),
    (REVOKE, KEEP, True, REVOKED, GrantState.ENDED),
    (REVOKE, SILENT, True, REVOKED, GrantState.ENDED),
    (TO_ITS_END, TO_ITS_END, True, KEPT, GrantState.ACTIVE),
    (TO_ITS_END, REVOKE, True, REVOKED, GrantState.ENDED),
    (TO_ITS_END, KEEP, True, KEPT, GrantState.ACTIVE),
    (TO_ITS_END, SILENT, True, REVOKED, GrantState.ENDED),
    (SILENT, KEEP, True, REVOKED, GrantState.ENDED),
    (SILENT, REVOKE, True, REVOKED, GrantState.ENDED),
    (SILENT, TO_ITS_END, True, REVOKED, GrantState.ENDED),
    (SILENT, SILENT, True, REVOKED, GrantState.ENDED),
    # who left is replaced by the next on the escalation chain, whose word counts as theirs did (R8)
    (KEEP, KEEP, False, KEPT, GrantState.ENDED),
    (KEEP, SILENT, False, REVOKED, GrantState.ENDED),
    (SILENT, KEEP, False, REVOKED, GrantState.ENDED),
    (REVOKE, KEEP, False, REVOKED, GrantState.ENDED),
    (SILENT, SILENT, False, REVOKED, GrantState.ENDED),
]


@pytest.mark.rule("R4", "R6", "R8")
@pytest.mark.parametrize(
    ("needed", "acceptable", "outcome", "state"),
    [
        pytest.param(needed, acceptable, *expected, marks=IN_CAMPAIGN if is_there else OWNER_LEFT)
        for needed, acceptable, is_there, *expected in TABLE
    ],
)
def test_answers_and_silence_give_documented_outcome(
    held: Held,
    start: Campaign,
    needed: AnswerKind | str | None,
    acceptable: AnswerKind | str | None,
    outcome: ItemOutcome,
    state: GrantState,
) -> None:
    now = held.company.now + DAY
    item = start.items.get(grant=held.grant())
    for asks, kind in ((Asks.NEEDED, needed), (Asks.ACCEPTABLE, acceptable)):
        pending = question(item, asks)
        if kind is not None and pending.state == "open":  # the first may have settled it
            assert pending.reviewer.is_here
            if kind == TO_ITS_END:
                keep_to_its_end(pending, now=now)
            else:
                submit_answer(pending, AnswerKind(kind), now=now, reason="Because.")
    second_round(item)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, outcome)
    assert item.grant is not None
    item.grant.refresh_from_db()
    assert item.grant.state == state
    assert hasattr(item.grant, "successor") == (needed == acceptable == KEEP)


def second_round(item: Item) -> None:
    """Time passes, and nobody says anything more: handed on at the deadline, suspended after the grace, ended."""
    for at in (item.deadline, item.grace_until, item.grace_until + timedelta(days=6)):
        item_jobs.sweep(at + timedelta(minutes=1))


@IN_CAMPAIGN
@pytest.mark.rule("R6")
def test_second_round_asks_unanswered_questions_only(held: Held, start: Campaign) -> None:
    now, campaign = held.company.now + DAY, start
    item = campaign.items.get(grant=held.grant())
    needed, acceptable = (item.questions.get(asks=asks) for asks in (Asks.NEEDED, Asks.ACCEPTABLE))
    submit_answer(needed, KEEP, now=now)
    was = needed.reviewer, acceptable.reviewer
    item_jobs.sweep(campaign.deadline)
    needed.refresh_from_db()
    acceptable.refresh_from_db()
    assert needed.reviewer == was[0]
    assert acceptable.reviewer != was[1]
    assert acceptable.answered_at is None
    submit_answer(acceptable, KEEP, now=campaign.deadline + timedelta(hours=1))
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, KEPT)


def without_reviewer(c: Company) -> Item:
    """The item of the same privilege after its two rounds, in which there was nobody to ask for the resource."""
    now = c.now + DAY
    campaign = ordered(privilege(c), by=c.people.sana, now=now)
    with mock.patch.object(reviewers, "acceptable_chain", return_value=[]):
        item = filled(campaign, now).items.get()
        second_round(item)
    return Item.objects.select_related("grant").get(pk=item.pk)


@starting_point("stock_in_force", without_reviewer)
@pytest.mark.rule("A9", "R6")
@pytest.mark.parametrize("answer", [KEEP, REVOKE, SILENT])
def test_silence_has_no_effect_before_reviewer_exists(start: Item, answer: AnswerKind | None) -> None:
    item = start
    assert (item.state, item.nobody, item.suspended_at) == (ItemState.OPEN, True, None)
    assert item.grant is not None
    assert item.grant.state == GrantState.ACTIVE
    later = item.grace_until + timedelta(days=7)
    item_jobs.sweep(later)
    item.refresh_from_db()
    assert not item.nobody
    if answer is not None:
        for pending in (question(item, asks) for asks in Asks):
            if question(item, Asks(pending.asks)).state == "open":
                submit_answer(pending, answer, now=later, reason="Because.")
    second_round(item)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, KEPT if answer == KEEP else REVOKED)


@pytest.mark.rule("A9")
def test_never_reviewed_access_ends_with_term(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    now = held.company.now + DAY
    monkeypatch.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
    campaign = filled(ordered(privilege(held.company), by=held.people.sana, now=now), now)
    item = campaign.items.get(grant=held.grant())
    assert item.grant is not None
    assert reminder_transitions.escalate.refusal(item, actor=JOB, now=campaign.deadline) is not None
    end = item.grant.ends_at + timedelta(minutes=1)
    terms.sweep(end)
    item_jobs.sweep(end)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.SUPERSEDED)
