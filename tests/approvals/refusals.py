"""What an attempt leaves behind when it is refused: the exception, the ledger's event, the timeline, and nothing else."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from approvals.models import Approval, Decision, Grant, Seat, Submission
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import ERRORS, Refusal, Refused
from governance.core.engine.transition import Transition
from governance.core.models import LedgerEvent, Person
from tests import scenarios

#: A number that stands alone, and not in a rule's code.
NUMBER = re.compile(r"(?<![\w-])\d+\b")


def _standing(submission: Submission) -> tuple[Any, ...]:
    """Everything that a decision could have changed."""
    return (
        list(Approval.objects.filter(submission=submission).order_by("pk").values_list("pk", "state", "round")),
        list(Decision.objects.filter(approval__submission=submission).order_by("pk").values_list("pk", flat=True)),
        list(Grant.objects.filter(automation=submission.automation).order_by("pk").values_list("pk", "state")),
        Submission.objects.get(pk=submission.pk).state,
    )


def refused(
    verb: Transition[Approval],
    record: Approval,
    actor: Actor,
    code: str,
    *,
    now: datetime,
    kind: str = "duty",
    **more: Any,
) -> Refusal:
    """Try to decide a record and be refused.

    Args:
        verb: approve, reject or ask_for_changes.
        record: what is tried on.
        actor: who tries.
        code: the refusal's code.
        now: business time.
        kind: the refusal's kind, which chooses the exception.
        more: further arguments of the verb.

    Returns:
        The refusal; that it was raised, stands in the ledger and on the timelines, and changed nothing, is asserted.
    """
    before, last = _standing(record.submission), LedgerEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    expected = verb.refusal(Approval.objects.get(pk=record.pk), actor=actor, now=now)
    with pytest.raises(Refused) as caught:
        verb(record, actor=actor, now=now, reason="Let me.", shown_digest=scenarios.shown(record), **more)
    refusal = caught.value.refusal
    assert (refusal.code, refusal.kind) == (code, kind), refusal
    assert type(caught.value) is ERRORS[refusal.kind]
    assert expected == refusal, "the page shows the same refusal"
    (event,) = LedgerEvent.objects.filter(pk__gt=last)
    acting = (str(actor.person.opaque_id) if actor.person else actor.job, actor.for_id)
    assert (event.outcome, event.code, event.verb) == ("refused", code, verb.event)
    assert (event.actor_id, event.for_id) == acting
    assert f"approvals.submission:{record.submission_id}" in event.about
    assert f"inventory.automation:{record.submission.automation_id}" in event.about
    assert _standing(record.submission) == before
    return refusal


def database_refuses(words: str) -> AbstractContextManager[Any]:
    """Raw SQL inside is refused by the database; the test's transaction goes on.

    Args:
        words: of the refusal, or the name of the constraint; ``#`` stands for any number.
    """
    return _Savepoint(words)


class _Savepoint:
    def __init__(self, words: str) -> None:
        self.words = words

    def __enter__(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        self.atomic.__exit__(kind, error, trace)
        assert error is not None, "the database took it"
        assert isinstance(error, IntegrityError), repr(error)
        assert self.words in str(error) or self.words in NUMBER.sub("#", str(error)), error
        return True


def sql(statement: str, *arguments: Any) -> None:
    """Run one statement as the application's own role."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


def name_candidate(record: Approval, person: Person) -> Seat:
    """Somebody with access to the database names a person a candidate; returns the seat."""
    seat = record.seats.all()[0]
    sql(
        "INSERT INTO approvals_candidate (seat_id, person_id, \"order\", basis, at) VALUES (%s, %s, 9, 'owner', now())"
        " ON CONFLICT DO NOTHING",
        seat.pk,
        person.pk,
    )
    return seat


def insert_decision(
    record: Approval,
    person: Person,
    *,
    now: datetime,
    for_person: Person | None = None,
    seat: Seat | None = None,
    outcome: str = "approve",
    round_: int | None = None,
    barred: list[int] | None = None,
) -> None:
    """Write a decision by SQL, past every rule in Python; the seat is the record's first unless given."""
    sql(
        "INSERT INTO approvals_decision (approval_id, seat_id, person_id, for_person_id, barred, round, again, outcome, level,"
        " shown_digest, high, at) VALUES (%s, %s, %s, %s, %s, %s, 0, %s, '', '', false, %s)",
        record.pk,
        (seat or record.seats.all()[0]).pk,
        person.pk,
        for_person.pk if for_person else None,
        barred or [],
        record.round if round_ is None else round_,
        outcome,
        now,
    )
