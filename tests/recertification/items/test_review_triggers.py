"""What happens to what is held brings its review forward, once for each cause, and nags nobody (R1, R2, R5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.models import Grant, GrantUsage
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import LedgerEvent, Notice
from governance.core.people.transitions import people as people_transitions
from governance.recertification.items import due_reviews, review_triggers
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import risk_increase
from governance.recertification.items.transitions.open_item import note_event
from governance.recertification.models import AnswerKind, Asks, Item, ItemState
from inventory.models import Automation, Incident
from inventory.resources.transitions import incidents
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.people import as_actor
from tests.recertification.items.test_risk_increase import raise_class
from tests.recertification.review_steps import JOB, Held, question, submit_answer, under_review

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R1")]

DAY = timedelta(days=1)
#: What the policy that ships says.
UNUSED_DAYS, QUIET_DAYS = 60, 30
#: When it has been in force for a while and nothing comes up by itself.
LATER = timedelta(days=70)


@pytest.fixture
def at(held: Held) -> datetime:
    """Seventy days after it came into force."""
    return held.company.now + LATER


def new_reviews(at: datetime) -> list[tuple[str, str]]:
    """What the job asks about that it did not ask about before: why, and about what."""
    earlier = set(Item.objects.values_list("pk", flat=True))
    item_jobs.sweep_events(at)
    new = Item.objects.exclude(pk__in=earlier).order_by("pk")
    return [(item.reason, item.grant.key if item.grant else "automation") for item in new]


def use(grant: Grant, at: datetime, *, days: int = UNUSED_DAYS, calls: int = 0, missing: int = 0) -> None:
    """So many days of figures up to yesterday, with so many calls a day; the latest ones may be missing."""
    GrantUsage.objects.bulk_create(
        GrantUsage(grant=grant, day=(at - ago * DAY).date(), allowed=calls)
        for ago in range(1 + missing, days + missing + 1)
    )


def declared(held: Held, at: datetime) -> Incident:
    """Omar declares an incident on Slack, for a week."""
    c = held.company
    return incidents.declare_incident(
        c.slack, actor=as_actor(c.people.omar), now=at, reason="A leak.", reference="INC-1", until=at + 7 * DAY
    )


def kept(held: Held, at: datetime) -> Grant:
    """The grant on Slack after its review renewed it, by what fell due at ``at``."""
    item = Item.objects.exclude(state=ItemState.CLOSED).get(grant__entitlement__resource=held.company.slack)
    for asks in Asks:
        submit_answer(question(item, asks), AnswerKind.KEEP, now=at)
    return Grant.objects.get(predecessor=item.grant)


# --- what opens nothing ------------------------------------------------------------------------------------------------


def test_no_event_opens_nothing(held: Held, at: datetime) -> None:
    assert new_reviews(at) == []


def test_unmeasured_access_is_not_unused(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    assert new_reviews(at) == []  # no figures at all
    use(grant, at, days=UNUSED_DAYS - 1)
    assert new_reviews(at) == []  # a day too few
    assert new_reviews(at + 10 * DAY) == []  # and nothing was measured since: days without figures don't count


@pytest.mark.parametrize("days", [0, 59])
def test_one_call_in_sixty_days_is_use(held: Held, at: datetime, days: int) -> None:
    grant = held.grant(on=held.company.slack)
    use(grant, at)
    GrantUsage.objects.filter(grant=grant, day=(at - (days + 1) * DAY).date()).update(allowed=1)
    assert new_reviews(at) == []


def test_a_version_that_was_just_brought_in_or_that_was_submitted_is_no_drift(held: Held, at: datetime) -> None:
    version = stock_report.version(held.company, stock_report.one_more_channel)
    assert new_reviews(version.created_at + 6 * DAY) == []
    scenarios.submitted(held.company, version, by=held.people.rita)
    assert new_reviews(version.created_at + 8 * DAY) == []


def test_ended_incident_opens_nothing(held: Held, at: datetime) -> None:
    incidents.end_incident(declared(held, at), actor=as_actor(held.people.omar), now=at, reason="It was a test.")
    assert new_reviews(at) == []
    declared(held, at)
    assert new_reviews(at + 7 * DAY) == []


# --- what opens a review -----------------------------------------------------------------------------------------------


def test_sixty_measured_days_without_a_call_open_one_review(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    use(grant, at, missing=3)
    assert new_reviews(at) == [("unused", grant.key)]
    item = Item.objects.get()
    assert item.reason_words == "It was measured all the while, and not used once."
    assert item.deadline < grant.ends_at
    use(grant, at + DAY, days=1)
    assert new_reviews(at + DAY) == []


def test_access_is_unused_again_only_after_use(held: Held, at: datetime) -> None:
    first = held.grant(on=held.company.slack)
    use(first, at)
    new_reviews(at)
    grant = kept(held, at)
    later = at + (QUIET_DAYS + 1) * DAY  # unused all the while, as who kept it knew
    use(grant, later, days=QUIET_DAYS)
    assert new_reviews(later) == []
    GrantUsage.objects.create(grant=grant, day=later.date(), allowed=1)
    again = later + (UNUSED_DAYS + review_triggers.MISSING_DAYS + 1) * DAY
    use(grant, again)
    assert new_reviews(again) == [("unused", grant.key)]


@pytest.mark.rule("R8")
@pytest.mark.parametrize("who", ["jonas", "piet"])
def test_leaving_automation_owner_opens_review(held: Held, at: datetime, who: str) -> None:
    Automation.objects.filter(pk=held.automation.pk).update(technical_owner=held.people.piet)
    record_leaver(getattr(held.people, who), actor=as_actor(held.people.ines), now=at, reason="Gone.")
    assert new_reviews(at) == [("owner left", "automation")]
    assert new_reviews(at + DAY) == []
    assert Item.objects.get().questions.get().reviewer.is_here


@pytest.mark.rule("R8")
def test_leaving_resource_owner_opens_review_for_deputy(held: Held, at: datetime) -> None:
    record_leaver(held.people.omar, actor=as_actor(held.people.ines), now=at, reason="Gone.")
    assert {why for why, _ in new_reviews(at)} == {"owner left"}
    assert Item.objects.count() == Grant.objects.live(at).count()
    acceptable = Item.objects.get(grant=held.grant(on=held.company.slack)).questions.get(asks=Asks.ACCEPTABLE)
    assert acceptable.reviewer == held.people.amara


def test_unsubmitted_change_opens_review_after_a_week(held: Held, at: datetime) -> None:
    version = stock_report.version(held.company, stock_report.one_more_channel)
    week = version.created_at + 8 * DAY
    assert new_reviews(week) == [("drift", "automation")]
    assert new_reviews(week + DAY) == []


def test_an_incident_has_everything_on_the_resource_reviewed_within_two_working_days(held: Held, at: datetime) -> None:
    c = held.company
    declared(held, at)
    on_slack = {grant.key for grant in Grant.objects.filter(entitlement__resource=c.slack)}
    on_slack |= {grant.key for grant in Grant.objects.filter(credential__opens=c.slack)}
    assert on_slack
    assert {key for why, key in new_reviews(at) if why == "incident"} == on_slack
    item = Item.objects.filter(grant=held.grant(on=c.slack)).get()
    assert item.deadline <= at + 5 * DAY
    assert item.deadline < item.grace_until < item.grant.ends_at
    assert new_reviews(at + DAY) == []


# --- what is open is joined --------------------------------------------------------------------------------------------


@pytest.mark.rule("R2", "R5")
def test_an_open_review_is_joined_and_its_deadline_comes_forward_never_back(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    item = under_review(grant)
    now, deadline = item.opened_at + DAY, item.deadline
    use(grant, now)
    item_jobs.sweep_events(now)
    item.refresh_from_db()
    assert (item.snapshot["joined"], item.deadline) == (["unused"], deadline)  # later by itself: it stays
    declared(held, now)
    item_jobs.sweep_events(now)
    item.refresh_from_db()
    assert item.snapshot["joined"] == ["unused", "incident"]
    assert item.deadline < deadline
    assert Item.objects.filter(grant=grant).count() == 1
    notice_count = Notice.objects.filter(event="recertification_joined").count()
    item_jobs.sweep_events(now + timedelta(hours=1))
    assert Notice.objects.filter(event="recertification_joined").count() == notice_count
    assert LedgerEvent.objects.filter(verb="item.joined", subject_id=str(item.pk)).count() == 2


@pytest.mark.rule("R2")
def test_the_same_cause_joins_once_also_where_two_jobs_find_it(held: Held, at: datetime) -> None:
    item = under_review(held.grant(on=held.company.slack))
    cause = {"because": review_triggers.UNUSED, "cause": "unused since 2026-01-01"}
    assert note_event.when_due(item, actor=JOB, now=item.opened_at, **cause)
    assert not note_event.when_due(item, actor=JOB, now=item.opened_at, **cause)


# --- what was reviewed lately is left in peace -------------------------------------------------------------------------


def test_recent_review_delays_event_review(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    use(grant, at)
    new_reviews(at)
    grant = kept(held, at)
    record_leaver(held.people.omar, actor=as_actor(held.people.ines), now=at + DAY, reason="Gone.")
    assert grant.key not in {key for _, key in new_reviews(at + DAY)}
    assert grant.key not in {key for _, key in new_reviews(at + (QUIET_DAYS - 1) * DAY)}
    assert ("owner left", grant.key) in new_reviews(at + QUIET_DAYS * DAY)


def test_incident_opens_review_despite_recent_one(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    use(grant, at)
    new_reviews(at)
    grant = kept(held, at)
    declared(held, at + 2 * DAY)
    assert ("incident", grant.key) in new_reviews(at + 2 * DAY)


@pytest.mark.rule("R1", "R4")
def test_incident_reviews_ending_access_without_renewal(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    Grant.objects.filter(pk=grant.pk).update(renew=False)
    use(grant, at)
    assert ("unused", grant.key) not in new_reviews(at)
    declared(held, at)
    assert ("incident", grant.key) in new_reviews(at)
    item = Item.objects.get(grant=grant)
    with pytest.raises(OutOfTurn, match="named the day"):
        submit_answer(question(item, Asks.NEEDED), AnswerKind.KEEP, now=at)
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=at)
    assert grant not in Grant.objects.live(at)


@pytest.mark.rule("R1", "T4")
def test_a_risk_that_rises_waits_too(held: Held, at: datetime) -> None:
    use(held.grant(on=held.company.slack), at)
    new_reviews(at)
    grant = kept(held, at)
    raise_class(held, now=at + DAY)
    due_reviews.open_due(at + DAY, JOB)
    assert not Item.objects.filter(grant=grant).exists()
    due_reviews.open_due(at + (QUIET_DAYS + 1) * DAY, JOB)
    assert Item.objects.get(grant=grant).reason == risk_increase.RISEN


# --- who is notified without a reviewer --------------------------------------------------------------------------------


@pytest.mark.rule("R8", "A9")
def test_security_is_notified_weekly_of_missing_reviewers(
    held: Held, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_jobs.reviewers, "missing_without_reviewer", lambda context, bench: ["acceptable"])
    declared(held, at)
    assert new_reviews(at) == []
    assert new_reviews(at + timedelta(hours=1)) == []
    notices = Notice.objects.filter(
        event="recertification_unasked", thread=f"unasked:grant:{held.grant(on=held.company.slack).pk}"
    )
    assert {notice.recipient for notice in notices} == {held.people.sana, held.people.viktor}
    assert notices.all().count() == 2
    assert new_reviews(at + 7 * DAY - timedelta(hours=1)) == []
    assert notices.all().count() == 4


# --- what it costs -----------------------------------------------------------------------------------------------------


def test_looking_asks_as_many_questions_however_much_is_held(held: Held, at: datetime) -> None:
    declared(held, at)
    stock_report.version(held.company, stock_report.one_more_channel)
    use(held.grant(on=held.company.erp), at)

    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            review_triggers.find_triggers(at)
        return len(queries)

    few = query_count()
    for grant in Grant.objects.live(at).exclude(pk=held.grant(on=held.company.erp).pk):
        use(grant, at)
    assert query_count() == few


@pytest.mark.parametrize(
    "verb", [people_transitions.record_leaver, people_transitions.leave, incidents.declare_incident]
)
def test_leavers_and_incidents_are_checked_at_once(verb: Any) -> None:
    assert risk_increase.HANDLERS[verb.event] is risk_increase.follow_event
