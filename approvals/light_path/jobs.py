"""Jobs of spot checks: draw them, pass them on, remind, and end overdue ones (A12, A13, R9)."""

from datetime import datetime

from django.db import transaction

from approvals.assignment.context import load_context
from approvals.decisions.jobs import deadline_reminder
from approvals.inbox.queries.approvals import SPOT_CHECK_RELATIONS
from approvals.light_path import rules
from approvals.light_path.transitions.spot_checks import draw, lapse_sample, mail_context, pass_on_sample
from approvals.models import Sample, SampleState
from governance.core.access import Actor
from governance.core.jobs import job_runs
from governance.core.notices import outbox


def draw_spot_checks(now: datetime, actor: Actor) -> int:
    """Draw from everything that is in force and sealed. Return the number of decided draws."""
    waiting = Sample.objects.filter(state=SampleState.WAITING)
    return draw.sweep(waiting, actor=actor, now=now)


def pass_on_due(now: datetime, actor: Actor) -> int:
    """Ask new reviewers where nobody who was asked may look any more. Return the number of spot checks."""

    def act(sample: Sample) -> bool:
        free = {person.pk for person in rules.reviewers_of(sample, load_context(sample, now))}
        if not free or free & set(sample.asked):
            return False
        return pass_on_sample.when_due(sample, actor=actor, now=now)

    return job_runs.sweep(Sample.objects.filter(state=SampleState.OPEN, due_at__gt=now), act, job=actor.job)


def lapse_due(now: datetime, actor: Actor) -> int:
    """Suspend where no one looked in time. Return the number of spot checks."""
    due = Sample.objects.filter(state=SampleState.OPEN, due_at__lte=now)
    return lapse_sample.sweep(due, actor=actor, now=now)


def remind(now: datetime) -> int:
    """Remind the reviewers, half-way and a day before the deadline. Return the number of notices."""
    sent = 0
    waiting = Sample.objects.filter(state=SampleState.OPEN, due_at__gt=now).select_related(
        "submission__automation__team", "submission__version", "before", "submission__policy", *SPOT_CHECK_RELATIONS
    )
    for sample in waiting.order_by("pk"):
        assert sample.due_at is not None  # the query filters on it
        assert sample.drawn_at is not None
        if not (word := deadline_reminder(sample.drawn_at, sample.due_at, now)):
            continue
        with transaction.atomic():
            people = rules.reviewers_of(sample, load_context(sample, now))
            thread, facts = f"sample:{sample.pk}", {**mail_context(sample), "word": word}
            sent += outbox.notify(people, "sample_due", thread=thread, key=word, now=now, context=facts)
    return sent
