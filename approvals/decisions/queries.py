"""How long people take to decide, as they did lately: what a builder can expect before submitting, beside what they may take at most. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Aggregate, Count, DurationField, ExpressionWrapper, F

from approvals.models import Decision
from governance.core.models import Person

#: How far back is looked, and how many decisions say something.
LATELY, FEWEST = timedelta(days=90), 3
HOURS, A_DAY = timedelta(hours=4), timedelta(days=1.5)


class Median(Aggregate):
    """The value of which half are smaller."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def usual(people: Iterable[Person], now: datetime) -> Mapping[int, timedelta]:
    """From when a record was opened to their decision, the median of the last 90 days, by the person's id: one query, none for nobody.

    Whoever decided fewer than three times is left out: that says nothing. Nor does what was decided before the record opened as it is open
    now: in an earlier round, or before a question that was taken back.
    """
    ids = {person.pk for person in people}
    if not ids:
        return {}
    took = ExpressionWrapper(F("at") - F("approval__opened_at"), output_field=DurationField())
    lately = Decision.objects.filter(person__in=ids, at__gte=now - LATELY, approval__opened_at__lte=F("at"))
    rows = (
        lately.order_by().values("person").annotate(times=Count("pk"), took=Median(took, output_field=DurationField()))
    )
    return dict(rows.filter(times__gte=FEWEST).values_list("person", "took"))


def words(people: Iterable[Person], known: Mapping[int, timedelta]) -> str:
    """How long the quickest of some people usually takes: "usually about a day"; empty where nothing is known."""
    took = min((known[person.pk] for person in people if person.pk in known), default=None)
    if took is None:
        return ""
    if took <= HOURS:
        return "usually within hours"
    days = round(took / timedelta(days=1))
    return "usually about a day" if took <= A_DAY else f"usually about {days} days"
