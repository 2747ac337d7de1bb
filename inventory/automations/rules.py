"""Relations to an automation, and duties around stopping, resuming and retiring it (G5, L1)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min

from governance.core.access import Actor, Refusal, Relation, duty
from governance.core.models import Notice, Person, Team
from inventory.models import Automation

#: Days of suspension after which an automation is retired.
LONGEST_DAYS = 90
#: Days before retirement on which notices go out.
NOTICE_DAYS = (14, 1)

LONG_SUSPENSION_NOTICE = "suspended_retires"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class ReaderRelations:
    """Relations of one reader to an automation or a team, loaded once for the many operations of a page."""

    person: Person | None
    relations: frozenset[Relation]


def reader_relations(automation: Automation, actor: Actor, now: datetime) -> ReaderRelations:
    """Load the relations of a reader; the context of operations on an automation that have no loader."""
    person = actor.capacity_of
    return ReaderRelations(person, automation.relations(person, now) if person is not None else frozenset())


def loaded_relations(row: Automation | Team, person: Person, now: datetime, context: object) -> frozenset[Relation]:
    """Relations of a person to an automation or a team; see `access.register_relations`."""
    if isinstance(context, ReaderRelations) and context.person == person:
        return context.relations
    return row.relations(person, now)


@duty("G5")
def not_stopped(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """A stopped automation can't be stopped again."""
    if subject.stopped_by is not None:
        return Refusal("G5", "state", f"{subject.stopped_by.name} stopped it already.")
    return None


@duty("G5")
def require_stopped(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """Only a stop can be lifted, not a suspension by a review."""
    if subject.stopped_by_id is not None:
        return None
    if subject.suspended_by_look_at is not None:
        sentence = "It isn't stopped: a spot check suspended it until stage 1 decides about the change."
        return Refusal("G5", "state", sentence, "Submit the automation again.")
    sentence = "It isn't stopped: its review suspended it, and lifting a stop doesn't change that."
    to_do = "Answer its review while that is open; afterwards submit the automation again."
    return Refusal("G5", "state", sentence, to_do)


@duty("G5")
def other_than_stopper(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """The person who stopped an automation can't lift the stop."""
    rest = "stopped it, so two other people lift the stop."
    stoppers = {subject.stopped_by_id, subject.stopped_for_id}
    return _refuse_people(actor, stoppers, rest, "Ask an owner and the team's lead.")


@duty("G5")
def other_than_requester(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """Lifting a stop needs two people."""
    rest = "asked to lift it, so a second person lifts it."
    requesters = {subject.resume_asked_by_id, subject.resume_asked_for_id}
    return _refuse_people(actor, requesters, rest, "Ask another owner or the team's lead.")


def _refuse_people(actor: Actor, people: Collection[int | None], rest: str, to_do: str) -> Refusal | None:
    """Refuse some people and their delegates; ``rest`` follows the name in the sentence."""
    for person in actor.people:
        if person.pk in people:
            name = "You" if person == actor.person else f"{person.name}, whose delegate you are,"
            return Refusal("G5", "duty", f"{name} {rest}", to_do)
    return None


@duty("G5")
def no_request(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """A stop has one open request to lift it."""
    if subject.resume_asked_by is not None:
        name = subject.resume_asked_by.name
        return Refusal("G5", "state", f"{name} asked to lift it already.", "A second person lifts it.")
    return None


@duty("G5")
def requested(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """A stop is lifted only after a request."""
    if subject.resume_asked_by is not None:
        return None
    sentence = "It has no request to lift the stop yet: two people are needed."
    return Refusal("G5", "state", sentence, "Ask to lift it first.")


# --- retirement after a long suspension ---------------------------------------------------------------------------------


def thread_of(automation: Automation) -> str:
    """Thread of the notices of this suspension."""
    since = automation.suspended_at.strftime("%Y%m%d%H%M") if automation.suspended_at is not None else ""
    return f"suspended:{automation.pk}:{since}"


def retires_at(automation: Automation) -> datetime | None:
    """Instant of the retirement: after the suspension days and the notice period. None before the first notice."""
    notices = Notice.objects.filter(event=LONG_SUSPENSION_NOTICE, thread=thread_of(automation))
    noticed_at: datetime | None = notices.aggregate(first=Min("created_at"))["first"]
    if automation.suspended_at is None or noticed_at is None:
        return None
    return max(automation.suspended_at + LONGEST_DAYS * DAY, noticed_at + NOTICE_DAYS[0] * DAY)


@duty("L1")
def long_suspension(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """A long suspension ends in retirement after its notices."""
    at, sentence = retires_at(subject), "Its suspension or its notice period is too short for retirement."
    return None if at is not None and now >= at else Refusal("L1", "state", sentence)
