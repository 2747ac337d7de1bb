"""Icons and small marks as safe HTML: level, tier, data class, state, tag, person.

Each mark has a shape and a word, so that colour says nothing alone. Shapes are symbols of ``static/icons.svg``, used by
reference: a page carries a few dozen bytes a mark and no markup has a style of its own.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.web.components import state_words
from governance.web.components.state_words import Word

NOTHING = SafeString("")

#: A page draws the same few marks a hundred times, and each is its arguments' alone: it is drawn once and kept.
drawn_once = lru_cache(maxsize=1024, typed=True)


@lru_cache(maxsize=1)
def _sprite() -> str:
    """Where the sprite is served; a page names it a hundred times."""
    return static("icons.svg")


@drawn_once
def icon(name: str, size: str = "", label: str = "", css: str = "") -> SafeString:
    """Draw a symbol of the sprite.

    Args:
        name: the symbol's id, for instance ``"eye"``.
        size: ``"xs"`` 12, ``"s"`` 14, ``""`` 16 or ``"l"`` 20 pixels.
        label: the text for a screen reader; empty if adjacent text says the same.
        css: another class, for marks that are filled instead of drawn.
    """
    kind = css or "icon"
    classes = f"{kind} {kind}-{size}" if size else kind
    href = f"{_sprite()}#{name}"
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', classes, label, href)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, href)


def seal(signed: str = "none", size: str = "", label: str = "") -> SafeString:
    """Draw the seal: ``signed`` is ``none``, ``left`` (the app), ``right`` (what it may touch) or ``full``."""
    return icon(f"seal-{signed}", size, label, css="seal")


@drawn_once
def any_icon(name: str, size: str = "", label: str = "") -> SafeString:
    """Draw ``name`` whether it is a seal, a filled mark or a drawn icon."""
    prefix = name.partition("-")[0]
    return icon(name, size, label, css={"seal": "seal", "tier": "bars", "data": "squares"}.get(prefix, ""))


@drawn_once
def in_row(classes: str, name: str, text: str) -> SafeString:
    """Draw a mark whose icon the style sheet ``row-marks.css`` draws: a third of the markup, for lists of fifty rows."""
    return format_html('<span class="{} mark m-{}">{}</span>', classes, name, text)


@drawn_once
def row_tier(value: str) -> SafeString:
    """Draw a risk tier as `tier` does, for a row of a list."""
    word = state_words.TIERS[value]
    return in_row("tier tier-high" if value == "high" else "tier", word.icon, word.text)


@drawn_once
def row_data_class(value: str) -> SafeString:
    """Draw a data class as `data_class` does, for a row of a list."""
    word = state_words.DATA_CLASSES[value]
    return in_row("data-class", word.icon, word.text)


@drawn_once
def row_level(value: str) -> SafeString:
    """Draw an access level as `level` does, for a row of a list; a screen reader hears its word."""
    word = state_words.LEVELS[value]
    hidden = format_html('<span class="visually-hidden">{}</span>', word.text)
    return format_html('<span class="level level-{} mark m-{}">{}</span>', value, word.icon, hidden)


@drawn_once
def tier(value: str, *, boxed: bool = False) -> SafeString:
    """Draw a risk tier (T1): rising bars and the word; only High has colour. Boxed beside titles, bare in rows."""
    word = state_words.TIERS[value]
    classes = f"tier{' tier-high' if value == 'high' else ''}{' tier-boxed' if boxed else ''}"
    return format_html('<span class="{}">{}{}</span>', classes, any_icon(word.icon), word.text)


@drawn_once
def rating(value: str) -> SafeString:
    """Draw how bad a conflict would be (S6) as a tier is drawn."""
    word = state_words.RATINGS[value]
    classes = "tier tier-high" if value == "high" else "tier"
    return format_html('<span class="{}">{}{} risk</span>', classes, any_icon(word.icon), word.text)


@drawn_once
def data_class(value: str | None) -> SafeString:
    """Draw a data class (I3): one to four filled squares and the word. ``None`` reads as restricted and says so."""
    if value:
        word = state_words.DATA_CLASSES[value]
        return format_html('<span class="data-class">{}{}</span>', any_icon(word.icon), word.text)
    word = state_words.DATA_CLASS_UNSET
    not_set = format_html('<span>{} <span class="quiet nowrap">not set</span></span>', word.text)
    return format_html('<span class="data-class data-class-unset">{}{}</span>', any_icon(word.icon), not_set)


@drawn_once
def level(value: str, *, small: bool = False, worded: bool = True) -> SafeString:
    """Draw an access level (I4): an icon whose weight grows with power, with its word under it.

    Args:
        value: a key of ``words.LEVELS``.
        small: 22 pixels, for several in a row of the Approvals page.
        worded: whether the word stands visibly under the icon; else only a screen reader hears it.
    """
    word = state_words.LEVELS[value]
    box = format_html(
        '<span class="level level-{}{}">{}{}</span>',
        value,
        " level-small" if small else "",
        icon(word.icon, "s" if small else ""),
        NOTHING if worded and not small else format_html('<span class="visually-hidden">{}</span>', word.text),
    )
    if small or not worded:
        return box
    return format_html('<span class="level-stack">{}<span class="level-word">{}</span></span>', box, word.text)


def levels(values: Iterable[str]) -> SafeString:
    """Draw several levels side by side, small."""
    return format_html(
        '<span class="levels">{}</span>', format_html_join("", "{}", ((level(v, small=True),) for v in values))
    )


def state(word: Word, below: str = "") -> SafeString:
    """Draw a state word: icon, word, tone, and under it who and when."""
    mark = format_html('<span class="state {}">{}{}</span>', word.tone, any_icon(word.icon), word.text)
    return format_html('{}<span class="state-below">{}</span>', mark, below) if below else mark


@drawn_once
def tag(text: str, tone: str = "", name: str = "") -> SafeString:
    """Draw a tag: one to four words on a tint, an icon before them where it helps."""
    return format_html('<span class="tag {}">{}{}</span>', tone, icon(name, "s") if name else NOTHING, text)


def initials(name: str) -> str:
    """Return at most two capitals: of the first and last word of a name, leaving particles such as "de" out."""
    parts = [part for part in name.split() if part[:1].isupper()] or name.split()
    return (parts[0][:1] + (parts[-1][:1] if len(parts) > 1 else "")).upper() if parts else "?"


@drawn_once
def _option(value: str, label: str, *, selected: bool = False) -> SafeString:
    return format_html('<option value="{}"{}>{}</option>', value, SafeString(" selected" * selected), label)


def options(choices: Iterable[Mapping[str, Any]]) -> SafeString:
    """Draw the options of a select, each with its value, label and whether it is selected. A filter has hundreds, such as teams."""
    return SafeString("".join(_option(**choice) for choice in choices))


@drawn_once
def avatar(name: str, *, me: bool = False, small: bool = False) -> SafeString:
    """Draw a person's initials in a circle; a decoration, so the name has to be adjacent."""
    classes = f"avatar{' avatar-me' if me else ''}{' avatar-small' if small else ''}"
    return format_html('<span class="{}" aria-hidden="true">{}</span>', classes, initials(name))


def person(name: str, *, href: str = "", role: str = "", me: bool = False) -> SafeString:
    """Draw a person: initials, name (a link when ``href``), and the capacity in which they stand here.

    Args:
        name: the person's name.
        href: their page, or empty.
        role: the capacity.
        me: whether it is the reader.
    """
    shown = format_html('<a href="{}">{}</a>', href, name) if href else name
    capacity = format_html(' <span class="quiet">{}</span>', role) if role else NOTHING
    return format_html(
        '<span class="person">{}<span>{}{}</span></span>', avatar(name, me=me, small=True), shown, capacity
    )
