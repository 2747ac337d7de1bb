"""Review quality of a campaign: signs of rubber-stamping, and removed access (R7).

People are not ranked. The page lists submitted batches by time with their flags, and decides nothing. The database
computes it over all answers with a few queries for any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
class Flag:
    """A sign of weak review; ``says(row)`` returns its sentence, or an empty text."""

    key: str
    says: Callable[[Mapping[str, Any]], str]


def _quick(row: Mapping[str, Any]) -> str:
    if row["measured"] < MEASURED or row["median"] >= SECONDS:
        return ""
    return f"Half of {counted(row['measured'], 'answer')} took no more than {counted(round(row['median']), 'second')} each."


def _same_words(row: Mapping[str, Any]) -> str:
    if row["kept_by_itself"] < MANY or row["reasons"] > 1:
        return ""
    words = "all with the same words" if row["reasons"] else "none with a word on it"
    return f"{row['kept_by_itself']} of more than low risk were kept, {words}."


def _all_kept(row: Mapping[str, Any]) -> str:
    return f"All {row['number']} were kept." if row["number"] >= MANY and row["kept"] == row["number"] else ""


def _last_minute(row: Mapping[str, Any]) -> str:
    return f"{row['late']} were answered within a day of their deadline." if row["late"] >= MANY else ""


def _against_advice(row: Mapping[str, Any]) -> str:
    if not row["against"]:
        return ""
    return f"{counted(row['against'], 'answer')} went against what was recommended, without a reason."


def _unopened(row: Mapping[str, Any]) -> str:
    if row["looks_measured"] < MEASURED or row["looks"]:
        return ""
    return f"Of {row['looks_measured']}, nothing that stands behind any was opened."


#: In the order of display.
FLAGS = (
    Flag("quick", _quick),
    Flag("alike", _same_words),
    Flag("all_kept", _all_kept),
    Flag("last_minute", _last_minute),
    Flag("against", _against_advice),
    Flag("unopened", _unopened),
)


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
    rows = list(_batches(answered)[: SHOWN + 1])
    flagged = [_flagged(row) for row in rows]
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
        again=_items_to_check(campaign, [batch.batch for batch in flagged]),
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
    """Batches with flags, by time."""
    keep = Q(answer=AnswerKind.KEEP)
    by_itself = keep & ~Q(question__item__snapshot__tier="low")
    late_from = ExpressionWrapper(F("question__item__deadline") - Value(LAST_MINUTE), output_field=DateTimeField())
    rows = (
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
    )
    remarkable = (
        Q(measured__gte=MEASURED, median__lt=SECONDS)
        | Q(kept_by_itself__gte=MANY, reasons__lte=1)
        | Q(number__gte=MANY, kept=F("number"))
        | Q(late__gte=MANY)
        | Q(against__gt=0)
        | Q(looks_measured__gte=MEASURED, looks=0)
    )
    return rows.filter(remarkable).order_by("first_at", "batch")


def _flagged(row: Mapping[str, Any]) -> FlaggedBatch:
    sentences = {flag.key: words for flag in FLAGS if (words := flag.says(row))}
    return FlaggedBatch(row["batch"], row["person__name"], row["first_at"], row["number"], sentences)


def _items_to_check(campaign: Campaign, batches: list[UUID]) -> tuple[Item, ...]:
    """Draw some kept items of flagged batches, by a hash of batch and question: the same each time."""
    if not batches:
        return ()
    drawn = MD5(Concat(Cast("batch", CharField()), Cast("question", CharField())))
    kept = Answer.objects.filter(question__item__campaign=campaign, batch__in=batches, answer=AnswerKind.KEEP)
    keys = kept.filter(superseded_by__isnull=True).order_by(drawn).values_list("question__item", flat=True)[:DRAWN]
    return tuple(Item.objects.filter(pk__in=list(keys)).select_related(*ITEM_RELATIONS).order_by("pk"))
