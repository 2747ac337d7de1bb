"""Pictures drawn as SVG with attributes only: term bars, segments, weekly bars, and the lines between boxes.

The numbers come in as values; nothing here decides what they mean. Colour is a class, so both themes and print work, and
every meaningful picture has words: a label of its own or adjacent text.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.web.components.state_words import SEGMENTS

WEEKS = 26  # at least so many fit, so that bars and words keep their size
STEP = 12  # one weekly bar and the gap after it, in units of the drawing
BARS_HEIGHT = 40
COLUMN_HEIGHT = 110
#: Fills that are hatched, so that they stand apart without colour.
HATCHED = ("high", "no")


def segments(parts: Sequence[str]) -> SafeString:
    """Draw one segment a record; ``parts`` are keys of ``state_words.SEGMENTS``, and counted in words."""
    counts = Counter(parts)
    description = ", ".join(f"{counts[key]} {word.text}" for key, word in SEGMENTS.items() if counts[key])
    drawn = format_html_join("", '<span class="segment-{}"></span>', ((part,) for part in parts))
    return format_html(
        '<span class="segments" role="img" aria-label="{}">{}</span>', description or "nothing yet", drawn
    )


def bar(percent: float, tone: str = "") -> SafeString:
    """Draw a bar that is ``percent`` (0 to 100) full; it decorates the adjacent words."""
    filled = format_html(
        '<rect class="bar-fill {}" width="{}%" height="6" rx="3"/>', tone, f"{min(max(percent, 0), 100):.4g}"
    )
    ground = SafeString('<rect class="bar-ground" width="100%" height="6" rx="3"/>')
    return format_html('<svg class="bar" height="6" aria-hidden="true">{}{}</svg>', ground, filled)


def elapsed(begins: datetime, ends: datetime, now: datetime) -> float:
    """Return how much of a term is over, in percent."""
    return 100.0 if ends <= begins else min(max((now - begins) / (ends - begins), 0.0), 1.0) * 100


def stack(numbers: Sequence[int], fills: Sequence[str], most: int, *, upright: bool = False) -> SafeString:
    """Draw one bar of a chart from one part a number: left to right, or from the top down.

    Args:
        numbers: the parts.
        fills: the fill of each part, a chart token; ``high`` and ``no`` are hatched (``components/hatches.html``).
        most: the number of a full bar.
        upright: whether it stands; it is as high as its numbers.
    """
    length, start, parts = COLUMN_HEIGHT if upright else 100, 0.0, []
    for number, fill in zip(numbers, fills, strict=True):
        size = max(number / max(most, 1) * length, 1) if number else 0
        place = f'x="12%" width="76%" y="{start:.4g}" height="{size:.4g}"'
        if not upright:
            place = f'x="{start:.4g}%" width="{size:.4g}%" y="1" height="10"'
        drawn = f'fill="url(#hatch-{fill})"' if fill in HATCHED else f'class="fill-{fill}"'
        parts += [f'<rect {drawn} {place} rx="1.5"/>'] if number else []
        start += size
    height = f"{start:.4g}" if upright else "12"
    return SafeString(f'<svg class="stack" width="100%" height="{height}" aria-hidden="true">{"".join(parts)}</svg>')


def weekly_bars(counts: Sequence[int], label: str, first: str = "") -> SafeString:
    """Draw one bar a week, oldest first; an empty week is a stub.

    Args:
        counts: calls a week, usually 26 of them.
        label: the finding in words, for those who don't see the picture.
        first: what stands under the first bar.
    """
    top, bars = max([*counts, 1]), []
    for index, count in enumerate(counts):
        height = max(round(count / top * BARS_HEIGHT), 4) if count else 2
        bars.append({"x": index * STEP + 1, "height": height, "y": BARS_HEIGHT + 4 - height, "is_empty": not count})
    context = {"bars": bars, "width": STEP * max(len(counts), WEEKS), "label": label, "first": first}
    return render_to_string("components/weekly_bars.html", context)


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

    context = {
        "label": label,
        "line": " ".join(f"{x(day)},{y(left)}" for day, left in [(first, total), *points]),
        "first": f"{first.day} {first:%b}",
        "due": f"{due.day} {due:%b}",
        "until": f"{until.day} {until:%b}" if (until - due).days / days > 0.12 else "",
        "due_x": x(due),
        "grace_width": f"{width - float(x(due)):.5g}",
        "ticks": [(left, y(left)) for left in sorted({total, total // 2, 0}, reverse=True)],
    }
    return render_to_string("components/burn_down.html", context)


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
    context = {"curves": curves, "title": title, "description": description}
    return render_to_string("components/links.html", context)
