"""What becomes of an item, as a table: what is said by each side, and whether the owner of the automation is still there (R4, R6, R8, A9).

No answer and nobody to ask are different things: silence takes away, and of what nobody can be asked nothing is taken away by silence.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.models import GrantState
from governance.recertification import sweeps, transitions
from governance.recertification.models import AnswerKind, Asks, Item, ItemOutcome, ItemState
from governance.recertification.scope import Scope
from tests.appointing import record_leaver
from tests.people import as_actor
from tests.recertification.campaigns import filled, ordered
from tests.recertification.reviews import JOB, Held, question, say

pytestmark = pytest.mark.django_db

KEEP, REVOKE, LAPSE, SILENT = AnswerKind.KEEP, AnswerKind.REVOKE, AnswerKind.DO_NOT_RENEW, None
KEPT, REVOKED, NOT_RENEWED = ItemOutcome.KEPT, ItemOutcome.REVOKED, ItemOutcome.NOT_RENEWED

#: needed, acceptable, is the owner there: the outcome, and how the grant stands at the end.
TABLE = [
    (KEEP, KEEP, True, KEPT, GrantState.ENDED),  # by its successor
    (KEEP, REVOKE, True, REVOKED, GrantState.ENDED),
    (KEEP, LAPSE, True, NOT_RENEWED, GrantState.ACTIVE),
    (KEEP, SILENT, True, REVOKED, GrantState.ENDED),
    (REVOKE, KEEP, True, REVOKED, GrantState.ENDED),
    (REVOKE, SILENT, True, REVOKED, GrantState.ENDED),
    (LAPSE, LAPSE, True, NOT_RENEWED, GrantState.ACTIVE),
    (LAPSE, REVOKE, True, REVOKED, GrantState.ENDED),
    (LAPSE, KEEP, True, NOT_RENEWED, GrantState.ACTIVE),
    (LAPSE, SILENT, True, REVOKED, GrantState.ENDED),
    (SILENT, KEEP, True, REVOKED, GrantState.ENDED),
    (SILENT, REVOKE, True, REVOKED, GrantState.ENDED),
    (SILENT, LAPSE, True, REVOKED, GrantState.ENDED),
    (SILENT, SILENT, True, REVOKED, GrantState.ENDED),
    # who left is replaced by the next on the ladder, whose word counts as theirs did (R8)
    (KEEP, KEEP, False, KEPT, GrantState.ENDED),
    (KEEP, SILENT, False, REVOKED, GrantState.ENDED),
    (SILENT, KEEP, False, REVOKED, GrantState.ENDED),
    (REVOKE, KEEP, False, REVOKED, GrantState.ENDED),
    (SILENT, SILENT, False, REVOKED, GrantState.ENDED),
]


@pytest.mark.rule("R4", "R6", "R8")
@pytest.mark.parametrize(("needed", "acceptable", "is_there", "outcome", "state"), TABLE)
def test_what_is_said_and_what_is_not_comes_to(
    held: Held,
    needed: AnswerKind | None,
    acceptable: AnswerKind | None,
    is_there: bool,
    outcome: ItemOutcome,
    state: GrantState,
) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(tier="standard"), by=held.people.sana, now=now), now)
    item = campaign.items.get(grant=held.grant())
    if not is_there:
        record_leaver(held.people.jonas, actor=as_actor(held.people.ines), now=now, reason="He moved on.")
        sweeps.reassign_due(now, JOB)
    for asks, said in ((Asks.NEEDED, needed), (Asks.ACCEPTABLE, acceptable)):
        asked = question(item, asks)
        if said is not None and asked.state == "open":  # the first may have settled it
            assert asked.reviewer.is_here
            say(asked, said, now=now, reason="Because.")
    second_round(item)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, outcome)
    assert item.grant is not None
    item.grant.refresh_from_db()
    assert item.grant.state == state
    assert hasattr(item.grant, "successor") == (outcome == KEPT)


def second_round(item: Item) -> None:
    """Time passes, and nobody says anything more: handed on at the deadline, suspended after the grace, ended."""
    for at in (item.deadline, item.grace_until, item.grace_until + timedelta(days=6)):
        sweeps.sweep(at + timedelta(minutes=1))


@pytest.mark.rule("R6")
def test_the_second_round_asks_only_what_is_unanswered(held: Held) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(tier="standard"), by=held.people.sana, now=now), now)
    item = campaign.items.get(grant=held.grant())
    needed, acceptable = (item.questions.get(asks=asks) for asks in (Asks.NEEDED, Asks.ACCEPTABLE))
    say(needed, KEEP, now=now)
    was = needed.reviewer, acceptable.reviewer
    sweeps.sweep(campaign.deadline)
    needed.refresh_from_db()
    acceptable.refresh_from_db()
    assert needed.reviewer == was[0]
    assert acceptable.reviewer != was[1]
    assert acceptable.answered_at is None
    say(acceptable, KEEP, now=campaign.deadline + timedelta(hours=1))
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, KEPT)


@pytest.mark.rule("A9", "R6")
@pytest.mark.parametrize("answer", [KEEP, REVOKE, SILENT])
def test_of_what_nobody_could_be_asked_silence_takes_nothing_until_somebody_is(
    held: Held, answer: AnswerKind | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.recertification import reviewers

    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(tier="standard"), by=held.people.sana, now=now)
    with monkeypatch.context() as patched:
        patched.setattr(reviewers, "who_accepts", lambda resource, bench: [])
        filled(campaign, now)
        item = campaign.items.get(grant=held.grant())
        second_round(item)
        item.refresh_from_db()
        assert (item.state, item.nobody, item.suspended_at) == (ItemState.OPEN, True, None)
        assert item.grant is not None
        item.grant.refresh_from_db()
        assert item.grant.state == GrantState.ACTIVE
    later = item.grace_until + timedelta(days=7)
    sweeps.sweep(later)
    item.refresh_from_db()
    assert not item.nobody
    if answer is not None:
        for asked in (question(item, asks) for asks in Asks):
            if question(item, Asks(asked.asks)).state == "open":
                say(asked, answer, now=later, reason="Because.")
    second_round(item)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, KEPT if answer == KEEP else REVOKED)


@pytest.mark.rule("A9")
def test_what_nobody_is_ever_asked_about_ends_with_its_term(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    from approvals import sweeps as terms
    from governance.recertification import reviewers

    now = held.company.now + timedelta(days=1)
    monkeypatch.setattr(reviewers, "who_accepts", lambda resource, bench: [])
    campaign = filled(ordered(Scope(tier="standard"), by=held.people.sana, now=now), now)
    item = campaign.items.get(grant=held.grant())
    assert item.grant is not None
    assert transitions.escalate.refusal(item, actor=JOB, now=campaign.deadline) is not None
    end = item.grant.ends_at + timedelta(minutes=1)
    terms.sweep(end)
    sweeps.sweep(end)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.SUPERSEDED)
