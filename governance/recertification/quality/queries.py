"""Review quality of a campaign: batches of answers with signs of rubber-stamping (R7).

People are not ranked. The page lists submitted batches by time with their flags, and decides nothing. The database
computes the figures of all batches with one query.
"""

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db.models import Aggregate, Count, DateTimeField, ExpressionWrapper, F, FloatField, Min, Q, Sum, Value
from django.db.models.query import QuerySet

from governance.core.texts.number_words import counted
from governance.recertification.models import SETTLING, Answer, AnswerKind, Campaign

#: Fewest answers of a batch to compare, and fewest measured ones.
MANY, MEASURED = 10, 5
#: Median seconds for an answer, below which nobody can have read the card.
SECONDS = 5
#: Time before the deadline in which an answer counts as last-minute.
LAST_MINUTE = timedelta(days=1)


class Median(Aggregate):
    """Median of an expression."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def flagged_batches(campaign: Campaign, most: int) -> list[dict[str, Any]]:
    """The first batches of a campaign with a sign of weak review, by time. One query.

    Each has the reviewer's name, the time of its first answer, the number of its answers in this campaign, and its
    flags: sentences by their keys.
    """
    rows = ({**row, "flags": _flags(row)} for row in _batches(campaign).iterator())
    return list(islice((row for row in rows if row["flags"]), most))


def _batches(campaign: Campaign) -> QuerySet[Answer, Any]:
    """Figures of each batch, by time."""
    keep = Q(answer=AnswerKind.KEEP)
    by_itself = keep & ~Q(question__item__snapshot__tier="low")
    late_from = ExpressionWrapper(F("question__item__deadline") - Value(LAST_MINUTE), output_field=DateTimeField())
    against = Q(recommended__in=SETTLING, reason__isnull=True) & ~Q(answer=F("recommended"))
    return (
        Answer.objects.filter(question__item__campaign=campaign, superseded_by__isnull=True, answer__in=SETTLING)
        .order_by()
        .values("batch", reviewer=F("person__name"))
        .annotate(
            first_at=Min("at"),
            number=Count("pk"),
            measured=Count("seconds"),
            median=Median("seconds"),
            kept=Count("pk", filter=keep),
            kept_by_itself=Count("pk", filter=by_itself),
            reasons=Count("reason__text", distinct=True, filter=by_itself),
            late=Count("pk", filter=Q(at__gte=late_from)),
            against=Count("pk", filter=against),
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
