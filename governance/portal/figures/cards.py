"""Cards of the dashboard: numbers for a chart and its table, with the lists that they count.

``charts.csv`` has a line for each row of a chart: the words of its figures, its fill, its list and filters. A line without a fill is a
number of the card's sentence. Titles, sentences and links are in ``portal/figures/card_words.html``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from django.urls import reverse

from governance.core.texts.csv_tables import read_rows
from governance.portal.figures.queries import Figures, Scope

#: Series of a chart: the last word of a figure, its fill and its label.
SERIES = {
    "tiers": (("high", "high", "High"), ("standard", "standard", "Standard"), ("low", "low", "Low")),
    "answers": (("answered", "ok", "Settled"), ("open", "rest", "Open")),
    "reviews": (("reviewed", "std", "Under review"), ("unreviewed", "wait", "No review open")),
    "kinds": (
        ("approvals", "no", "Approvals"),
        ("recertifications", "std", "Recertifications"),
        ("removals", "wait", "Access to remove"),
    ),
}
LINES = read_rows(__file__, "charts.csv")
#: Most teams of a chart.
MOST_TEAMS = 6


@dataclass(frozen=True)
class Row:
    """One row of a chart: its numbers with their fills, its list, and a list for each number (both may be empty)."""

    label: str
    numbers: tuple[int, ...]
    fills: tuple[str, ...]
    href: str = ""
    hrefs: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Sum of the numbers."""
        return sum(self.numbers)

    @property
    def cells(self) -> list[tuple[int, str]]:
        """Each number with its list, or an empty address."""
        return list(zip(self.numbers, self.hrefs or [""] * len(self.numbers), strict=True))


@dataclass(frozen=True)
class Card:
    """One card: the rows of its chart, the legend (empty if each row has one number), and the numbers of its sentence."""

    key: str
    rows: list[Row]
    legend: list[tuple[str, str]]
    facts: dict[str, int]

    @property
    def most(self) -> int:
        """The largest sum of a row: a full bar."""
        return max([row.total for row in self.rows], default=0)

    @property
    def total(self) -> int:
        """Sum over all rows."""
        return sum(row.total for row in self.rows)

    @property
    def sums(self) -> list[int]:
        """Sums over all rows, by fill."""
        return [sum(numbers) for numbers in zip(*(row.numbers for row in self.rows), strict=True)]


def make_cards(figures: Figures, scope: Scope) -> Iterator[Card]:
    """Make the cards of one scope, in the order of the table."""
    for key, of_card in groupby(LINES, itemgetter("card")):
        lines = list(of_card)
        rows = [_row(line, figures, scope) for line in lines if line["fill"]]
        series = SERIES.get(lines[0]["fill"], ())
        if key == "overdue" and scope.team is None:
            series, rows = SERIES["kinds"], _rows_of_teams(figures)
        elif key == "automations":
            rows = [row for row in rows if row.total] or rows[:1]
        facts = {line["label"]: figures.total(line["figure"]) for line in lines if not line["fill"]}
        yield Card(key, rows, [(fill, label) for _, fill, label in series], facts)


def _row(line: dict[str, str], figures: Figures, scope: Scope) -> Row:
    filters = "&".join(filter(None, (line["filters"], scope.filters)))
    href = f"{reverse(line['list'])}?{filters}" if line["list"] else ""
    series = SERIES.get(line["fill"], (("", line["fill"], ""),))
    words = [word for word, _, _ in series]
    numbers = tuple(figures.total(f"{line['figure']} {word}") for word in words)
    filtered = {"tiers": "risk", "answers": "show"}.get(line["fill"], "")
    hrefs = tuple(f"{href}&{filtered}={word}" for word in words) if href and filtered else ()
    return Row(line["label"], numbers, tuple(fill for _, fill, _ in series), href, hrefs)


def _rows_of_teams(figures: Figures) -> list[Row]:
    """The teams with most overdue tasks, each with the address of its own dashboard."""
    kinds, fills = [word for word, _, _ in SERIES["kinds"]], tuple(fill for _, fill, _ in SERIES["kinds"])
    rows = [
        Row(name, tuple(late.get(kind, 0) for kind in kinds), fills, f"{reverse('dashboard')}?team={team}")
        for (team, name), late in figures.teams.items()
    ]
    return sorted(filter(lambda row: row.total, rows), key=lambda row: (-row.total, row.label))[:MOST_TEAMS]
