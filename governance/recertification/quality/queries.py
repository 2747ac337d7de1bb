"""How a campaign was answered, and what it achieved (R7): what looks like rubber-stamping, in words, and what was taken away.

Nobody is ranked: what is shown is a batch that somebody submitted, in the order of time, and what is remarkable about it. It decides
nothing. Computed by the database over all answers of the campaign at once, so that it costs the same few queries however many there are.
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
from governance.recertification.models import SETTLING, Answer, AnswerKind, Campaign, Item, ItemOutcome, Question

#: Answers in one batch from which on it says something that they are alike, and that few were measured.
MANY, MEASURED = 10, 5
#: Seconds within which half of the answers of a batch were given, so that nobody can have read what was shown.
SECONDS = 5
#: How long before its deadline an answer is one of the last minute.
LAST_MINUTE = timedelta(days=1)
#: Batches that are shown, and items that are drawn to be looked at again.
SHOWN, DRAWN = 50, 20


class Median(Aggregate):
    """The middle of some numbers."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True)
class Flag:
    """Something remarkable about a batch; ``says(row)`` answers its sentence, or nothing."""

    key: str
    says: Callable[[Mapping[str, Any]], str]


def _quick(row: Mapping[str, Any]) -> str:
    if row["measured"] < MEASURED or row["median"] >= SECONDS:
        return ""
    return f"Half of {counted(row['measured'], 'answer')} took no more than {counted(round(row['median']), 'second')} each."


def _alike(row: Mapping[str, Any]) -> str:
    if row["kept_by_itself"] < MANY or row["reasons"] > 1:
        return ""
    words = "all with the same words" if row["reasons"] else "none with a word on it"
    return f"{row['kept_by_itself']} of more than low risk were kept, {words}."


def _all_kept(row: Mapping[str, Any]) -> str:
    return f"All {row['number']} were kept." if row["number"] >= MANY and row["kept"] == row["number"] else ""


def _last_minute(row: Mapping[str, Any]) -> str:
    return f"{row['late']} were answered within a day of their deadline." if row["late"] >= MANY else ""


def _against(row: Mapping[str, Any]) -> str:
    if not row["against"]:
        return ""
    return f"{counted(row['against'], 'answer')} went against what was recommended, without a reason."


def _unopened(row: Mapping[str, Any]) -> str:
    if row["looks_measured"] < MEASURED or row["looks"]:
        return ""
    return f"Of {row['looks_measured']}, nothing that stands behind any was opened."


#: In the order in which they are said.
FLAGS = (
    Flag("quick", _quick),
    Flag("alike", _alike),
    Flag("all_kept", _all_kept),
    Flag("last_minute", _last_minute),
    Flag("against", _against),
    Flag("unopened", _unopened),
)


@dataclass(frozen=True)
class Flagged:
    """One batch with what is remarkable about it.

    Args:
        batch: as the answers name it.
        person: who submitted it.
        at: when.
        number: how many answers it has in this campaign.
        said: the flags that it has, by their keys, each with its sentence.
    """

    batch: UUID
    person: str
    at: datetime
    number: int
    said: Mapping[str, str]


@dataclass(frozen=True)
class Quality:
    """How a campaign was answered.

    Args:
        flagged: batches with something remarkable, at most `SHOWN`, in the order of time; ``more`` are left out.
        more: how many batches there are beside them.
        again: items to look at again, drawn from those batches.
        answers: how many answers of each kind there are, by its value.
        median: seconds that half of the answers took at most; None where none was measured.
        measured: how many were measured.
        followed, not_followed: answers that were, and were not, what was recommended.
        asked: how many questions were asked; ``answered`` of them are.
        days: days from being asked until half of those answered were.
        taken: grants that were taken away or not renewed, by tier.
    """

    flagged: tuple[Flagged, ...]
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


def of(campaign: Campaign) -> Quality:
    """How a campaign was answered, until now."""
    said = Answer.objects.filter(question__item__campaign=campaign, superseded_by__isnull=True)
    rows = list(_batches(said)[: SHOWN + 1])
    flagged = [_flagged(row) for row in rows]
    answers = dict(said.order_by().values_list("answer").annotate(number=Count("*")))
    summed = said.aggregate(
        median=Median("seconds"),
        measured=Count("seconds"),
        followed=Count("pk", filter=_advised(follows=True)),
        not_followed=Count("pk", filter=_advised(follows=False)),
    )
    asked = Question.objects.filter(item__campaign=campaign).aggregate(
        asked=Count("*"),
        answered=Count("answered_at"),
        waited=Median(F("answered_at") - F("asked_at"), output_field=DurationField()),
    )
    away = Item.objects.filter(campaign=campaign, outcome__in=(ItemOutcome.REVOKED, ItemOutcome.NOT_RENEWED))
    taken = away.order_by().values_list("snapshot__tier").annotate(number=Count("*"))
    return Quality(
        flagged=tuple(flagged[:SHOWN]),
        more=max(0, len(flagged) - SHOWN),
        again=_again(campaign, [one.batch for one in flagged]),
        answers=answers,
        **summed,
        asked=asked["asked"],
        answered=asked["answered"],
        days=asked["waited"] / timedelta(days=1) if asked["waited"] is not None else None,
        taken={str(tier): number for tier, number in taken},
    )


def _advised(*, follows: bool) -> Q:
    """Answers to which another answer, or the same, was recommended."""
    same = Q(answer=F("recommended"))
    return Q(recommended__in=SETTLING, answer__in=SETTLING) & (same if follows else ~same)


def _batches(said: QuerySet[Answer]) -> QuerySet[Answer, Any]:
    """Batches of answers with something remarkable, in the order of time."""
    keep = Q(answer=AnswerKind.KEEP)
    by_itself = keep & ~Q(question__item__snapshot__tier="low")
    late_from = ExpressionWrapper(F("question__item__deadline") - Value(LAST_MINUTE), output_field=DateTimeField())
    rows = (
        said.filter(answer__in=SETTLING)
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


def _flagged(row: Mapping[str, Any]) -> Flagged:
    said = {flag.key: words for flag in FLAGS if (words := flag.says(row))}
    return Flagged(row["batch"], row["person__name"], row["first_at"], row["number"], said)


def _again(campaign: Campaign, batches: list[UUID]) -> tuple[Item, ...]:
    """Some of the items that were kept in flagged batches: drawn by their batch, whose number nobody chooses, and the same each time."""
    if not batches:
        return ()
    drawn = MD5(Concat(Cast("batch", CharField()), Cast("question", CharField())))
    kept = Answer.objects.filter(question__item__campaign=campaign, batch__in=batches, answer=AnswerKind.KEEP)
    keys = kept.filter(superseded_by__isnull=True).order_by(drawn).values_list("question__item", flat=True)[:DRAWN]
    about = (
        "grant__approval__privilege__entitlement__resource",
        "grant__automation",
        "grant__credential",
        "automation",
    )
    return tuple(Item.objects.filter(pk__in=list(keys)).select_related(*about).order_by("pk"))
