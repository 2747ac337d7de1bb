"""How long people usually take to decide, for builders before they submit. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Aggregate, Count, DurationField, ExpressionWrapper, F

from approvals.models import Decision
from governance.core.models import Person

#: The period that counts, and the least number of decisions.
PERIOD, MIN_DECISIONS = timedelta(days=90), 3
HOURS, ABOUT_A_DAY = timedelta(hours=4), timedelta(days=1.5)


class Median(Aggregate):
    """The median of an expression."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def usual_decision_times(people: Iterable[Person], now: datetime) -> Mapping[int, timedelta]:
    """Return the median time from opening to decision in the last 90 days, by person id.

    One query, none without people.

    People with fewer than three decisions are left out. Decisions in earlier rounds, or before a retracted question,
    don't count.
    """
    ids = {person.pk for person in people}
    if not ids:
        return {}
    took = ExpressionWrapper(F("at") - F("approval__opened_at"), output_field=DurationField())
    lately = Decision.objects.filter(person__in=ids, at__gte=now - PERIOD, approval__opened_at__lte=F("at"))
    rows = (
        lately.order_by().values("person").annotate(times=Count("pk"), took=Median(took, output_field=DurationField()))
    )
    return dict(rows.filter(times__gte=MIN_DECISIONS).values_list("person", "took"))


def decision_time_words(people: Iterable[Person], usual_times: Mapping[int, timedelta]) -> str:
    """Return how long the quickest of some people usually takes: "usually about a day"; empty if unknown."""
    took = min((usual_times[person.pk] for person in people if person.pk in usual_times), default=None)
    if took is None:
        return ""
    if took <= HOURS:
        return "usually within hours"
    days = round(took / timedelta(days=1))
    return "usually about a day" if took <= ABOUT_A_DAY else f"usually about {days} days"
