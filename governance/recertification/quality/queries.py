"""Review quality of a campaign: signs of rubber-stamping, and removed access (R7).

People are not ranked. The page lists submitted batches by time with their flags, and decides nothing. The database
computes it over all answers with a few queries for any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    Aggregate,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Min,
    Q,
    Sum,
    Value,
)
from django.db.models.fields import CharField
from django.db.models.functions import MD5, Cast, Concat
from django.db.models.query import QuerySet

from governance.core.texts.number_words import counted
from governance.recertification.items.due_dates import ITEM_RELATIONS
from governance.recertification.models import SETTLING, Answer, AnswerKind, Campaign, Item, ItemOutcome, Question

#: Fewest answers of a batch to compare, and fewest measured ones.
MANY, MEASURED = 10, 5
#: Median seconds for an answer, below which nobody can have read the card.
SECONDS = 5
#: Time before the deadline in which an answer counts as last-minute.
LAST_MINUTE = timedelta(days=1)
#: Most batches to show, and most items to check again.
SHOWN, DRAWN = 50, 20


class Median(Aggregate):
    """Median of an expression."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True)
class FlaggedBatch:
    """One batch with its flags.

    Args:
        batch: id of the batch.
        person: name of the reviewer.
        at: time of submission.
        number: number of its answers in this campaign.
        said: sentences by the keys of its flags.
    """

    batch: UUID
    person: str
    at: datetime
    number: int
    said: Mapping[str, str]


@dataclass(frozen=True)
class Quality:
    """Review quality of a campaign.

    Args:
        flagged: flagged batches by time, at most `SHOWN`.
        more: number of further batches.
        again: items from those batches to check again.
        answers: number of answers by kind.
        median: median seconds for an answer; None if not measured.
        measured: number of measured answers.
        followed, not_followed: answers that follow the recommendation, or not.
        asked: number of questions; ``answered`` of them are answered.
        days: median days to an answer.
        taken: number of revoked grants, by tier.
    """

    flagged: tuple[FlaggedBatch, ...]
    more: int
    again: tuple[Item, ...]
    answers: Mapping[str, int]
    median: float | None
    measured: int
    followed: int
    not_followed: int
    asked: int
    answered: int
    days: float | None
    taken: Mapping[str, int]

    @property
    def removed(self) -> int:
        """Number of revoked grants."""
        return sum(self.taken.values())

    @property
    def advised(self) -> int:
        """Number of answers with a recommendation."""
        return self.followed + self.not_followed


def load_quality(campaign: Campaign) -> Quality:
    """Compute a campaign's review quality until now."""
    answered = Answer.objects.filter(question__item__campaign=campaign, superseded_by__isnull=True)
    flagged = [
        FlaggedBatch(row["batch"], row["person__name"], row["first_at"], row["number"], flags)
        for row in _batches(answered).iterator()
        if (flags := _flags(row))
    ]
    answers = dict(answered.order_by().values_list("answer").annotate(number=Count("*")))
    summed = answered.aggregate(
        median=Median("seconds"),
        measured=Count("seconds"),
        followed=Count("pk", filter=_advised(follows=True)),
        not_followed=Count("pk", filter=_advised(follows=False)),
    )
    waited = Question.objects.filter(item__campaign=campaign).aggregate(
        asked=Count("*"),
        answered=Count("answered_at"),
        waited=Median(F("answered_at") - F("asked_at"), output_field=DurationField()),
    )
    removed = Item.objects.filter(campaign=campaign, outcome=ItemOutcome.REVOKED)
    removed_by_tier = removed.order_by().values_list("snapshot__tier").annotate(number=Count("*"))
    return Quality(
        flagged=tuple(flagged[:SHOWN]),
        more=max(0, len(flagged) - SHOWN),
        again=_items_to_check(campaign, [batch.batch for batch in flagged[:SHOWN]]),
        answers=answers,
        **summed,
        asked=waited["asked"],
        answered=waited["answered"],
        days=waited["waited"] / timedelta(days=1) if waited["waited"] is not None else None,
        taken={str(tier): number for tier, number in removed_by_tier},
    )


def _advised(*, follows: bool) -> Q:
    """Condition: the answer follows its recommendation, or differs from it."""
    same = Q(answer=F("recommended"))
    return Q(recommended__in=SETTLING, answer__in=SETTLING) & (same if follows else ~same)


def _batches(answers: QuerySet[Answer]) -> QuerySet[Answer, Any]:
    """Figures of each batch, by time."""
    keep = Q(answer=AnswerKind.KEEP)
    by_itself = keep & ~Q(question__item__snapshot__tier="low")
    late_from = ExpressionWrapper(F("question__item__deadline") - Value(LAST_MINUTE), output_field=DateTimeField())
    return (
        answers.filter(answer__in=SETTLING)
        .order_by()
        .values("batch", "person__name")
        .annotate(
            first_at=Min("at"),
            number=Count("pk"),
            measured=Count("seconds"),
            median=Median("seconds"),
            kept=Count("pk", filter=keep),
            kept_by_itself=Count("pk", filter=by_itself),
            reasons=Count("reason__text", distinct=True, filter=by_itself),
            late=Count("pk", filter=Q(at__gte=late_from)),
            against=Count("pk", filter=_advised(follows=False) & Q(reason__isnull=True)),
            looks_measured=Count("looked"),
            looks=Sum("looked", default=0),
        )
        .order_by("first_at", "batch")
    )


def _flags(row: Mapping[str, Any]) -> dict[str, str]:
    """Sentences by the key of each sign of weak review, in the order of display."""
    flags = {}
    if row["measured"] >= MEASURED and row["median"] < SECONDS:
        answers, seconds = counted(row["measured"], "answer"), counted(round(row["median"]), "second")
        flags["quick"] = f"Half of {answers} took no more than {seconds} each."
    if row["kept_by_itself"] >= MANY and row["reasons"] <= 1:
        words = "all with the same words" if row["reasons"] else "none with a word on it"
        flags["alike"] = f"{row['kept_by_itself']} of more than low risk were kept, {words}."
    if row["number"] >= MANY and row["kept"] == row["number"]:
        flags["all_kept"] = f"All {row['number']} were kept."
    if row["late"] >= MANY:
        flags["last_minute"] = f"{row['late']} were answered within a day of their deadline."
    if row["against"]:
        against = counted(row["against"], "answer")
        flags["against"] = f"{against} went against what was recommended, without a reason."
    if row["looks_measured"] >= MEASURED and not row["looks"]:
        flags["unopened"] = f"Of {row['looks_measured']}, nothing that stands behind any was opened."
    return flags


def _items_to_check(campaign: Campaign, batches: list[UUID]) -> tuple[Item, ...]:
    """Draw some kept items of flagged batches, by a hash of batch and question: the same each time."""
    if not batches:
        return ()
    drawn = MD5(Concat(Cast("batch", CharField()), Cast("question", CharField())))
    kept = Answer.objects.filter(question__item__campaign=campaign, batch__in=batches, answer=AnswerKind.KEEP)
    keys = kept.filter(superseded_by__isnull=True).order_by(drawn).values_list("question__item", flat=True)[:DRAWN]
    return tuple(Item.objects.filter(pk__in=list(keys)).select_related(*ITEM_RELATIONS).order_by("pk"))
