"""Pictures drawn as SVG with attributes only: term bars, segments, weekly bars, and the lines between boxes.

The numbers come in as values; nothing here decides what they mean. Colour is a class, so both themes and print work, and
every meaningful picture has words: a label of its own or adjacent text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.web.components.state_words import SEGMENTS

WEEKS = 26  # at least so many fit, so that bars and words keep their size
STEP = 12  # one weekly bar and the gap after it, in units of the drawing
BARS_HEIGHT = 40
LEGEND_HEIGHT = 18


def segments(parts: Sequence[str], label: str = "") -> SafeString:
    """Draw one segment a record; ``parts`` are keys of ``words.SEGMENTS``. The label is counted from them if not given."""
    counts = Counter(parts)
    description = label or ", ".join(f"{counts[key]} {words}" for key, words in SEGMENTS.items() if counts[key])
    drawn = format_html_join("", '<span class="segment-{}"></span>', ((part,) for part in parts))
    return format_html(
        '<span class="segments" role="img" aria-label="{}">{}</span>', description or "nothing yet", drawn
    )


def bar(percent: float, label: str = "", tone: str = "") -> SafeString:
    """Draw a bar that is ``percent`` (0 to 100) full; without a label it decorates the adjacent words."""
    filled = format_html(
        '<rect class="bar-fill {}" width="{}%" height="6" rx="3"/>', tone, f"{min(max(percent, 0), 100):.4g}"
    )
    ground = SafeString('<rect class="bar-ground" width="100%" height="6" rx="3"/>')
    if label:
        return format_html('<svg class="bar" height="6" role="img" aria-label="{}">{}{}</svg>', label, ground, filled)
    return format_html('<svg class="bar" height="6" aria-hidden="true">{}{}</svg>', ground, filled)


def elapsed(begins: datetime | date, ends: datetime | date, now: datetime) -> float:
    """Return how much of a term is over, in percent; days and instants may be mixed."""
    start, end, at = _ordinal(begins), _ordinal(ends), _ordinal(now)
    return 100.0 if end <= start else min(max((at - start) / (end - start), 0.0), 1.0) * 100


def _ordinal(value: datetime | date) -> float:
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return local.toordinal() + (local.hour * 60 + local.minute) / 1440
    return float(value.toordinal())


def weekly_bars(counts: Sequence[int], label: str, first: str = "", last: str = "now") -> SafeString:
    """Draw one bar a week, oldest first; an empty week is a stub.

    Args:
        counts: calls a week, usually 26 of them.
        label: the finding in words, for those who don't see the picture.
        first, last: what stands under the first and the last bar.
    """
    width, top = STEP * max(len(counts), WEEKS), max([*counts, 1])
    drawn = []
    for index, count in enumerate(counts):
        height = max(round(count / top * BARS_HEIGHT), 4) if count else 2
        drawn.append((index * STEP + 1, BARS_HEIGHT + 4 - height, STEP - 4, height, "week" if count else "week-none"))
    rects = format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" rx="1.5" class="{}"/>', drawn)
    return format_html(
        '<svg class="weeks" viewBox="0 0 {} {}" role="img" aria-label="{}"><path class="weeks-line" d="M0 {}H{}"/>{}'
        '<text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        width,
        BARS_HEIGHT + LEGEND_HEIGHT + 4,
        label,
        BARS_HEIGHT + 4.5,
        width,
        rects,
        BARS_HEIGHT + LEGEND_HEIGHT,
        first,
        width,
        BARS_HEIGHT + LEGEND_HEIGHT,
        last,
    )


def burn_down(
    points: Sequence[tuple[date, int]], label: str, *, first: date, due: date, until: date, total: int
) -> SafeString:
    """Draw the open items at the end of each day, with the ideal line, the deadline and the grace period.

    Args:
        points: (day, how much is left), the first day first.
        label: the finding in words, for those who don't see the picture.
        first, due, until: when it began, by when it is to be done, until when what is late still counts.
        total: how much there was.
    """
    width, height, top = 640, 200, 12
    days, most = max((until - first).days, 1), max(total, 1)

    def x(day: date) -> str:
        return f"{min(max((day - first).days, 0), days) / days * width:.5g}"

    def y(left: int) -> str:
        return f"{top + (height - top) * (1 - left / most):.5g}"

    line = " ".join(f"{x(day)},{y(left)}" for day, left in [(first, total), *points])
    is_late = (until - due).days
    words = [
        (0, height + 16, "start", f"{first.day} {first:%b}"),
        (x(due), height + 16, "middle", f"due {due.day} {due:%b}"),
        *([(width, height + 16, "end", f"{until.day} {until:%b}")] if is_late / days > 0.12 else []),
    ]
    return format_html(
        '<svg class="burn" viewBox="-4 0 {} {}" role="img" aria-label="{}"><rect class="burn-grace" x="{}" y="{}" width="{}" height="{}"/>'
        '<path class="burn-line" d="M0 {}H{}"/><path class="burn-plan" d="M0 {}L{} {}"/><path class="burn-due" d="M{} {}V{}"/>'
        '<polyline class="burn-left" points="{}"/>{}</svg>',
        width + 8,
        height + 24,
        label,
        *(x(due), top, f"{width - float(x(due)):.5g}", height - top),
        *(height, width, y(total), x(due), height, x(due), top, height),
        line,
        format_html_join("", '<text x="{}" y="{}" text-anchor="{}">{}</text>', words),
    )


def links(
    left: int, right: int, pairs: Iterable[tuple[int, int, str]], title: str = "", description: str = ""
) -> SafeString:
    """Draw curves from ``left`` boxes of one height to ``right`` boxes of one height, stretched to fit; decoration without a title.

    Args:
        left, right: how many boxes stand on each side, evenly spread over the same height.
        pairs: (index on the left, index on the right, class of the line such as ``"write"`` or ``"suspended"`` or ``""``).
        title, description: what the lines say, for those who don't see them.
    """
    curves = []
    for start, end, kind in pairs:
        y1, y2 = (start + 0.5) / left * 240, (end + 0.5) / right * 240
        curves.append((kind, f"M0 {y1:.5g}C30 {y1:.5g} 30 {y2:.5g} 60 {y2:.5g}"))
    heading = format_html("<title>{}</title><desc>{}</desc>", title, description) if title else ""
    return format_html(
        '<svg class="links" viewBox="0 0 60 240" preserveAspectRatio="none" {}>{}{}</svg>',
        SafeString('role="img"') if title else SafeString('aria-hidden="true"'),
        heading,
        format_html_join("", '<path class="link {}" d="{}"/>', curves),
    )
