"""A campaign of 4,000 items opens, reminds, is answered, escalates, suspends and closes while what works on it is killed at random (R2, R6, R9).

The clock is moved from one due day to the next; which part dies when is drawn, and the seed of the draw is printed, so that a run can be repeated.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from django.utils import timezone

from approvals.grants import circuit_breaker
from approvals.models import BatchState, HeldBatch
from governance.core.clock import current_time, demo_clock
from governance.core.ledger import ledger_export, sealing
from governance.recertification.campaigns.scope import Scope
from governance.recertification.models import CampaignState, ItemOutcome, ItemState, Question
from tests import run_lengths
from tests.environment import Environment
from tests.processes import Mailbox, stop_background
from tests.recertification.due_grants import nudged_until
from tests.soak.large_campaign import Large, held_for_long, large
from tests.soak.process_kills import Blows, keep_commits, lost_claims

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]

MANY = run_lengths.run_length(60, soak=4_000)

#: Drawn by the clock unless it is given: `CAMPAIGN_SEED=… make soak ARGS="-k campaign"`.
SEED = int(os.environ.get("CAMPAIGN_SEED") or time.time())

#: What works on it.
JOBS = ("recertification.fill", "recertification.sweep", "approvals.sweep", "controls.send_notices")

#: What can die, each so often.
PARTS, EACH = ("worker", "connection", "broker", "cut", "beat"), 5

#: Real seconds in which so many come on from one blow to the next.
PATIENCE = 120 + MANY // 8


class Course:
    """The way of the campaigns from one end to the other, with blows on it.

    Args:
        all_of_it: the campaigns.
        blows: what can die.
        request: the test's, for saying how far it is.
        chance: draws what dies when.
    """

    def __init__(self, all_of_it: Large, blows: Blows, request: pytest.FixtureRequest, chance: Random) -> None:
        self.large, self.blows, self.request, self.chance = all_of_it, blows, request, chance
        self.ahead = [*PARTS] * EACH
        chance.shuffle(self.ahead)
        self.look = lost_claims()
        self.struck, self.amid, self.released = Counter[str](), 0, 0

    def strike(self) -> None:
        """The next drawn process dies."""
        name = self.ahead.pop()
        getattr(self.blows, name)()
        self.struck[name] += 1

    def until_done(self, what: str, left: Callable[[], int], blows: int) -> None:
        """Wait until nothing of something is left, and strike so often while it becomes less.

        Args:
            what: completes "waited for …".
            left: how much of it there is.
            blows: how many.
        """
        whole = left()
        at = sorted((self.chance.uniform(0.05, 0.9) * whole for _ in range(blows)), reverse=True)

        def is_down_to(share: float) -> bool:
            self.look()
            self.blows.prove_that_the_others_live()
            now = left()
            run_lengths.going(
                self.request, f"seed {SEED}: {what}, {now:,} of {whole:,} left, {self.struck.total()} blows"
            )
            return now <= share

        for share in at:
            self.wait(lambda share=share: is_down_to(share), f"{what}: down to {share:,.0f}")
            self.amid += left() > 0
            self.strike()
        self.wait(lambda: is_down_to(0), f"{what}: all of it")

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait with nudges, as beat gives them."""
        nudged_until(condition, what, seconds=PATIENCE, jobs=JOBS)

    # --- the stations -------------------------------------------------------------------------------------------------

    def opens(self) -> None:
        """Both are ordered and filled; the second joins what is in the first."""
        people = self.large.held.people
        for number, (name, scope, by) in enumerate(
            (("Held for long", held_for_long(current_time.now()), people.sana), ("Everything", Scope(), people.ines))
        ):
            self.large.order(name, scope, by)
            expected = self.large.campaigns[number].expected

            def left(number: int = number, expected: int = expected) -> int:
                """Items that are not in it or not asked, and one for the opening itself."""
                campaign = self.large.campaigns[number]
                campaign.refresh_from_db()
                there = campaign.items.filter(pk__lte=campaign.asked_to).count() + campaign.joinings.count()
                return expected - there + (campaign.state == CampaignState.OPENING)

            self.until_done(f"opening “{name}”", left, blows=3)

    def reminds(self) -> None:
        """Half-way everybody is reminded of everything."""
        demo_clock.move(timedelta(days=7))
        now, waiting = current_time.now(), Question.objects.unanswered().filter(item__in=self.large.items())
        self.until_done("reminders", waiting.filter(remind_at__lte=now).count, blows=2)

    def is_answered(self) -> None:
        """A quarter is answered, many at once, and something dies between two batches."""
        self.large.choose()
        keys = sorted(self.large.chosen)
        size = len(keys) // 3 + 1
        for start in range(0, len(keys), size):
            self.large.answer(keys[start : start + size])
            run_lengths.going(self.request, f"seed {SEED}: {start + size:,} of {len(keys):,} items answered")
            self.strike()

    def escalates(self) -> None:
        """The deadline passes: what was not answered is the next one's; what was revoked ends, held by the brake or not."""
        demo_clock.move(self.large.campaigns[0].deadline + timedelta(hours=20) - current_time.now())
        due = self.large.items().filter(state=ItemState.OPEN, nobody=False, deadline__lte=current_time.now())
        self.until_done("escalating", due.count, blows=3)

    def suspends(self) -> None:
        """The grace period passes: unanswered grants are no longer in force; their notices go out at once."""
        demo_clock.move(self.large.campaigns[0].grace_until + timedelta(hours=1) - current_time.now())
        now, due = current_time.now(), self.large.items().filter(state=ItemState.ESCALATED, suspended_at=None)
        self.until_done("suspending", due.filter(grace_until__lte=now).count, blows=3)
        self.large.prove_that_silence_keeps_nothing(now)
        self.until_done("mails", self.large.unsent().count, blows=2)

    def closes(self) -> None:
        """Five days on it ends; too much at once is held, and released, or lapses and is held again a day later (G6)."""
        demo_clock.move(timedelta(days=6))
        self.wait(self.is_held, "the brake to hold the close")
        self.large.prove_that_silence_keeps_nothing(current_time.now())

        def left() -> int:
            if self.is_held():
                self.released += self.large.release()
            return self.large.unclosed().count()

        self.until_done("closing", left, blows=4)
        self.wait(lambda: {self.large.state_of(0), self.large.state_of(1)} == {CampaignState.CLOSED}, "both to close")

    def is_held(self) -> bool:
        """Whether something waits for security and an admin; what has lapsed comes again a day later, and that day passes here."""
        if HeldBatch.objects.filter(state=BatchState.OPEN).exists():
            return self.large.answerable().exists()
        lapsed = HeldBatch.objects.filter(state=BatchState.LAPSED).order_by("-ended_at").first()
        if lapsed is not None and lapsed.ended_at is not None:
            comes_again = lapsed.ended_at + circuit_breaker.REST_PERIODS[BatchState.LAPSED] + timedelta(minutes=1)
            demo_clock.move(max(timedelta(), comes_again - current_time.now()))
        return False

    def tells_the_rest(self, mailbox: Mailbox) -> None:
        """What waits for a digest goes in the days' that follow; then worker and beat stop, since each day brings something to tell."""
        for _ in range(2):
            demo_clock.move(timedelta(days=1))
            self.wait(lambda: (self.look(), self.large.unsent().count() == 0)[1], "every mail to go")
        stop_background()
        self.large.tell_the_rest(mailbox)


@pytest.mark.rule("R2", "R5", "R6", "R9", "G6", "H2")
def test_campaign_of_4000_completes_once_despite_kills(
    surroundings: Environment, redis: str, committed: None, mailbox: Mailbox, request: pytest.FixtureRequest
) -> None:
    if surroundings.redis is None:
        pytest.skip("the broker of REDIS_URL is not ours to kill")
    keep_commits(surroundings)
    chance = Random(SEED)
    all_of_it = large(MANY, chance, mailbox)
    blows = Blows(surroundings, request.getfixturevalue("worker"), request.getfixturevalue("beat"))
    course = Course(all_of_it, blows, request, chance)
    course.opens()
    course.reminds()
    course.is_answered()
    course.escalates()
    course.suspends()
    course.closes()
    course.tells_the_rest(mailbox)
    all_of_it.prove()
    mails = all_of_it.prove_mails(mailbox, course.struck.total())
    sealing.seal_all(at=timezone.now())
    assert ledger_export.verify_database().problems == []
    outcomes = Counter(all_of_it.items().values_list("outcome", flat=True))
    came_to = ", ".join(
        f"{ItemOutcome(outcome).label.lower()} {count:,}" for outcome, count in sorted(outcomes.items())
    )
    struck = ", ".join(f"{name} {course.struck[name]}" for name in PARTS)
    run_lengths.did(
        request,
        f"seed {SEED}: {MANY + 4:,} items of two campaigns ({came_to}), {mails:,} mails; blows: {struck},"
        f" {course.amid} of them amid a step; {course.released} batches released",
    )
