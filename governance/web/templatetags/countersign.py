"""Tags and filters, built in to every template: the marks, words and drawings of the visual language.

They take plain values and draw them. What is shown is decided by the view, how it is drawn by the modules beside this
package; a tag that needs to know the time takes ``now`` from the context.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

from django import template
from django.forms import BoundField
from django.shortcuts import resolve_url
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import get_text_list

from governance.web.components import charts, marks, state_words, times
from governance.web.pages import navigation, page

register = template.Library()

register.simple_tag(marks.any_icon, name="icon")
register.simple_tag(navigation.entry)
register.simple_tag(cache(static))
_DRAWINGS = (
    *(marks.seal, marks.tier, marks.rating, marks.data_class, marks.row_tier, marks.row_data_class, marks.row_level),
    *(marks.level, marks.levels, marks.tag, marks.avatar, marks.person, marks.options),
    *(charts.segments, charts.bar, charts.stack, charts.weekly_bars, charts.burn_down, charts.links),
)
for _drawing in _DRAWINGS:
    register.simple_tag(_drawing)


def _now(context: Context) -> datetime:
    now: Any = context["now"]
    moment: datetime = now() if callable(now) else now
    return moment


@register.simple_tag(takes_context=True)
def sign_in_again(context: Context, code: str) -> SafeString:
    """Draw the link to a new sign-in that leads back here, for a refusal of this code; nothing where that lifts nothing (S5)."""
    request = context.get("request")
    if code != page.SIGN_IN_AGAIN or request is None:
        return marks.NOTHING
    return format_html('<a href="{}">Sign in again</a>', page.sign_in_again(request))


@register.simple_tag
def why(code: str, key: str | int = "") -> SafeString:
    """Draw the link from a refusal to its rule in words. With htmx, the words take its place; ``key`` tells links of one page apart."""
    if not code:
        return marks.NOTHING
    href = reverse("help_rule", args=[code])
    return format_html(
        '<a class="why" id="why-{}" href="{}" hx-get="{}" hx-target="this" hx-swap="outerHTML">Why?'
        '<span class="visually-hidden"> Rule {}</span></a>',
        *(f"{code}-{key}" if key else code, href, href, code),
    )


@register.simple_tag
def state(kind: str, value: str, below: str = "", *, mine: bool = False, holder: str = "", by: str = "") -> SafeString:
    """Draw the word of a state, for instance ``{% state "approval" row.state below="You, today 09:14" %}``.

    Args:
        kind: ``approval``, ``submission``, ``automation``, ``grant``, ``item``, ``resource``, ``identity``, ``notice``,
            ``webhook`` or ``outcome``.
        value: the stored state; ``approval`` also has ``locked``, ``grant`` also ``ends_soon``, ``resource`` also ``orphaned`` and ``accepted``.
        below: who and when.
        mine, holder: the person that an open task waits for.
        by: who brought it there: "Approved by Theo Brandt".
    """
    word = state_words.state_word(kind, value, mine=mine, holder=holder)
    return marks.state(replace(word, text=f"{word.text} by {by}") if by else word, below)


@register.simple_tag
def row_state(kind: str, value: str) -> SafeString:
    """Draw the word of a state as `state` does, for a row of a list (see ``marks.in_row``)."""
    word = state_words.state_word(kind, value)
    return marks.in_row(f"state {word.tone}".rstrip(), word.icon, word.text)


@register.simple_tag(takes_context=True)
def when(context: Context, at: datetime | None) -> SafeString | str:
    """Say an instant as on a calendar: "today 09:21", "Mon 23 Nov 16:32"; a dash for nothing."""
    return times.time_element(at, times.moment_words(at, _now(context))) if at else "–"


@register.simple_tag
def stamp(at: datetime | None) -> SafeString | str:
    """Say an instant in full: "Tue 24 Nov 2026, 15:10"; a dash for nothing."""
    return times.time_element(at, times.stamp_words(at)) if at else "–"


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime | date | None) -> SafeString | str:
    """Say how far an instant or a day is from now: "2 minutes ago", "in 2 days"; "never" for nothing."""
    return times.time_element(at, times.distance_words(at, _now(context))) if at else "never"


@register.simple_tag(takes_context=True)
def age(context: Context, since: datetime) -> SafeString:
    """Say how long something stands there, shortly: "3 h", "6 d"."""
    gap = _now(context) - since
    return times.time_element(since, f"{gap.days} d" if gap.days else f"{gap.seconds // 3600} h")


@register.simple_tag(takes_context=True)
def day(context: Context, on: datetime | date | None, *, near: bool = False, exact: bool = True) -> SafeString | str:
    """Say a day: "today", "Thu 26 Nov", with ``near`` also "in 2 days" when it is within a week; a dash for nothing.

    ``exact=False`` leaves out the hour, for lists of days.
    """
    if on is None:
        return "–"
    now = _now(context)
    that, today = times.day_of(on), times.day_of(now)
    away = (that - today).days
    text = times.distance_words(that, now) if abs(away) <= 1 else times.day_words(that, today)
    if near and 1 < away <= 7:
        text += f", {times.distance_words(that, now)}"
    return times.time_element(on if exact else that, text)


@register.simple_tag(takes_context=True)
def due(
    context: Context, at: datetime | None, verb: str = "", *, full: bool = False, marked: bool = False
) -> SafeString | str:
    """Say a deadline: overdue in red with a clock, within two days in amber, else quietly.

    Args:
        at: the deadline, or None where no clock runs.
        verb: what comes before it, for instance ``"Answer by"``; the deadline starts a sentence without one.
        full: with the hour, and how far away it is.
        marked: in amber however far away it is.
    """
    if at is None:
        return format_html('<span class="quiet">{}</span>', "No clock runs")
    now = _now(context)
    that, today = times.day_of(at), times.day_of(now)
    days = (that - today).days
    if at < now:
        since = f"since {timezone.localtime(at):%H:%M}"
        late = f"Overdue {since if days == 0 else times.counted(-days, 'day')}"
        return times.time_element(at, marks.state(state_words.Word(late, "clock", "no")))
    named = times.moment_words(at, now) if full or days < 2 else times.day_words(that, today)
    if full and 1 < days <= 7:
        named += f", {times.distance_words(that, now)}"
    text = f"{verb} {named}" if verb else named[:1].upper() + named[1:]
    if days > 2 and not marked:
        return times.time_element(at, text)
    return times.time_element(at, marks.state(state_words.Word(text, "clock" if full else "ring", "wait")))


@register.simple_tag(takes_context=True)
def term_bar(context: Context, begins: datetime, ends: datetime, tone: str = "", below: str = "") -> SafeString:
    """Draw a term: start and end above, what is over filled, days left in words below.

    Args:
        begins, ends: the term.
        tone: ``""``, ``"wait"`` (the words turn amber too) or ``"no"``.
        below: other words than the days left.
    """
    now = _now(context)
    first, last, today = times.day_of(begins), times.day_of(ends), times.day_of(now)
    left = (last - today).days
    time_left = below or ("ended" if left < 0 else "ends today" if left == 0 else f"{times.counted(left, 'day')} left")
    return format_html(
        '<span class="term"><span class="term-ends">{}{}</span>{}<span class="term-left {}">{}</span></span>',
        times.time_element(first, f"{first.day} {first:%b}"),
        times.time_element(last, f"{last.day} {last:%b}"),
        charts.bar(charts.elapsed(begins, ends, now), tone=tone),
        tone if tone == "wait" else "",
        time_left,
    )


@register.simple_tag
def resource_icon(kind: str) -> SafeString:
    """Draw the icon of a kind of resource; a plug for one that has none."""
    return marks.icon(state_words.RESOURCE_KINDS.get(kind, state_words.Word("", "plug")).icon)


@register.simple_tag
def resource_word(kind: str) -> str:
    """Say a kind of resource: "MCP server"."""
    return state_words.RESOURCE_KINDS[kind].text


@register.simple_tag
def fan(count: int, *, closing: bool = False) -> SafeString:
    """Draw the lines of a route from one box to ``count`` boxes, or with ``pool_shutdown`` back to one."""
    pairs = [(i, 0, "") if closing else (0, i, "") for i in range(count)]
    return charts.links(count if closing else 1, 1 if closing else count, pairs)


@register.simple_tag
def keys(*names: str) -> SafeString:
    """Draw keys of a keyboard: ``{% keys "j" "k" %}``."""
    return format_html_join(" ", "<kbd>{}</kbd>", ((name,) for name in names))


@register.simple_tag(takes_context=True)
def oob(context: Context) -> str:
    """Mark an element for an out-of-band swap when `page.page` sends it beside a fragment; else nothing."""
    return SafeString(' hx-swap-oob="true"') if context.get("oob") else ""


@register.simple_block_tag
def crumbs(content: str, *above: str) -> str:
    """Draw the way here: ``{% crumbs "people" "People" team.href team.name %}Webhooks{% endcrumbs %}``.

    Args:
        content: label of this page; empty if it is not named.
        above: address, or name of a URL without arguments, and label of each page above. A page without a label is left out.
    """
    pairs = zip(above[::2], above[1::2], strict=True)
    pages = [(resolve_url(address), label) for address, label in pairs if label]
    return render_to_string("components/crumbs.html", {"above": pages, "here": content})


@register.simple_block_tag
def note(content: str, tone: str = "", icon: str = "info", label: str = "") -> SafeString:
    """Draw a tinted box for what changes a decision: ``{% note "wait" icon="warning" %}…{% endnote %}``.

    Args:
        content: bold first clause, then the way out.
        tone: ``no``, ``high``, ``wait``, ``ok``, ``acc`` or empty.
        icon: a symbol of the sprite.
        label: the DOM id, when a control points to the note by ``aria-describedby``.
    """
    name = format_html(' id="{}"', label) if label else ""
    return format_html('<div class="note {}"{}>{}<div>{}</div></div>', tone, name, marks.icon(icon), content)


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, label: str = "", help: str = "", wide: bool = True, optional: bool = True
) -> dict[str, object]:
    """Draw one form field: label, control, help and error, tied by ``aria-describedby``.

    Args:
        bound: the field of a form, for instance ``form.purpose``.
        label, help: instead of the field's own.
        wide: whether the control takes the width there is.
        optional: whether it says so where it may be left empty; the form may say that once for all.
    """
    widget = bound.field.widget
    kind = getattr(widget, "input_type", "select" if "Select" in type(widget).__name__ else "textarea")
    described = [
        f"{bound.auto_id}_{part}"
        for part, there in (("help", help or bound.help_text), ("error", bound.errors))
        if there
    ]
    attrs: dict[str, str | bool] = {
        "class": "check" if kind == "checkbox" else "control" if wide else "control control-narrow",
        "placeholder": False,  # allauth repeats the label there
    }
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    group = kind in ("radio", "checkbox") and hasattr(widget, "choices")
    shown = bound.field.show_hidden_initial  # what the page showed goes with the answer
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attrs) + (bound.as_hidden(only_initial=True) if shown else SafeString()),
        "label": label or bound.label,
        "help": help or bound.help_text,
        "kind": "group" if group else kind,
        "is_optional": optional and not bound.field.required,
        "choices": list(bound) if group else [],
    }


@register.filter
def days(number: int) -> str:
    """Say a number of days: "1 day", "90 days"."""
    return times.counted(number, "day")


@register.filter
def counted(number: int, thing: str) -> str:
    """Say a number of things: ``{{ n|counted:"privilege" }}``, or ``"party,parties"`` when the plural is its own."""
    singular, _, many = thing.partition(",")
    return times.counted(number, singular, many)


@register.filter
def number(value: int | str | None) -> str:
    """Write a number with thousands apart: 18,204; a dash for nothing. A count in words stays: "1,000+"."""
    return "–" if value is None else value if isinstance(value, str) else SafeString(f"{value:,}")


@cache
def _around_key(url_name: str, prefix: str) -> list[str]:
    return reverse(url_name, args=[0]).rsplit("0", 1)


@register.simple_tag
def row_href(url_name: str, key: int) -> SafeString:
    """Write the address of a row's page as ``url`` does. Django's resolver, asked once, takes longer than all else in a row."""
    before, after = _around_key(url_name, get_script_prefix())
    return SafeString(f"{before}{key:d}{after}")


@register.filter
def level_word(value: str) -> str:
    """Say an access level: "Write"."""
    return state_words.LEVELS[value].text


@register.filter
def short_digest(value: str) -> str:
    """Write a digest so that it can be compared by eye: 9f2c41ab…e7."""
    return f"{value[:8]}…{value[-2:]}" if len(value) > 12 else value


@register.filter
def listed(values: Iterable[str]) -> str:
    """Join names as a sentence does: "Omar, Mei and Rita"."""
    return get_text_list([str(value) for value in values], "and")


@register.simple_tag
def strong(sentence: str, name: str | None) -> SafeString:
    """Set the first occurrence of ``name`` in a sentence in bold; the sentence alone when it has none."""
    before, match, after = sentence.partition(name) if name else (sentence, "", "")
    return format_html("{}<b>{}</b>{}", before, match, after) if match else conditional_escape(sentence)


@register.simple_block_tag
def table(content: str, label: str, *columns: str, css: str = "", walked: bool = False) -> SafeString:
    """Draw a table around its rows; it scrolls sideways where it is too wide.

    Args:
        content: the rows.
        label: the name of the scrolling region, for screen readers.
        columns: heads, each optionally with a class: ``"Grants|numbers"``. With ``visually-hidden`` only screen readers get the text. An
            empty head is left out.
        css: more classes of the table.
        walked: whether keys walk the rows.
    """
    heads = format_html_join("", "{}", ((_head(*column.partition("|")[::2]),) for column in columns if column))
    return format_html(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}"><table class="table{}"{}><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        *(label, f" {css}" if css else "", SafeString(" data-rows") if walked else "", heads, content),
    )


def _head(text: str, css: str) -> SafeString:
    if css == "visually-hidden":
        return format_html('<th scope="col"><span class="visually-hidden">{}</span></th>', text)
    return format_html('<th scope="col"{}>{}</th>', format_html(' class="{}"', css) if css else "", text)
