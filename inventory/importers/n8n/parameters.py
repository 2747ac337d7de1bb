"""Parameters of n8n nodes in a manifest: targets, addresses, schedules. Computed parts stay unnamed."""

import re
from collections.abc import Container, Iterator
from typing import Any

from inventory.importers.display import display_label, displayed, is_expression, without_expressions
from inventory.importers.facts import facts

_DOCUMENT = re.compile(
    r"https://(?:docs|drive)\.google\.com/[^?#{}]{0,80}?/?(?:d|folders)/([\w-]{10,80})(?:[/?#].{0,400})?"
)
#: Most characters of a target that are kept. Its owner decides about every part, so the limit is wide.
_LONGEST_TARGET = 2_000
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_FALLBACK_TARGETS = tuple(facts("n8n")["fallback_targets"].split())


def text_of(value: Any) -> str:
    """Text of a parameter: itself, or the value of a resource locator (``__rl``)."""
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool) or value is None:
        return ""
    return str(value) if isinstance(value, (str, int, float)) else ""


def label_of(value: Any) -> str:
    """Label that the editor cached for a resource locator's value."""
    label = value.get("cachedResultName") if isinstance(value, dict) else None
    return label if isinstance(label, str) and not is_expression(label) else ""


def target_part(value: Any, limit: int = 200) -> str:
    """Parameter as part of a target: literal text, with placeholders for computed parts.

    A Google document is its id, whether chosen by list, id or address.
    """
    if isinstance(value, list):
        return displayed(", ".join(dict.fromkeys(filter(None, (target_part(each, limit) for each in value)))), limit)
    text = without_expressions(text_of(value))
    document = _DOCUMENT.fullmatch(text) if text.startswith("https://") else None
    return displayed(document.group(1) if document else text, limit)


def target_of(parameters: dict[str, Any], alternatives: tuple[str, ...]) -> tuple[str, str]:
    """(target, label for people) of a node: the first alternative with a value.

    Args:
        parameters: of the node.
        alternatives: parameter names; ``a/b`` and ``a.b`` join two, ``options.x`` and ``filter.x`` look inside.
    """
    for alternative in alternatives or _FALLBACK_TARGETS:
        separator = "/" if "/" in alternative else "."
        holder, _, member = alternative.partition(".")
        if holder in ("options", "filter"):
            inside = parameters.get(holder)
            values = [inside.get(member)] if isinstance(inside, dict) else []
        else:
            values = [parameters.get(name) for name in alternative.split(separator)]
        parts = [target_part(value, _LONGEST_TARGET) for value in values]
        if not parts or not parts[-1]:
            continue
        target = separator.join(each for each in parts if each)
        labels = [display_label(label_of(value)) or each for value, each in zip(values, parts, strict=True) if each]
        name = separator.join(labels)
        return target, "" if name == target else display_label(name)
    return "", ""


def schedule_of(connector: str, parameters: dict[str, Any]) -> str:
    """Times of a schedule: ``cron 30 8 * * 1-5``, ``every week on Monday at 07:15``; several joined by ``; ``."""
    if connector == "interval":
        return displayed(_every(text_of(parameters.get("unit")) or "seconds", parameters.get("interval", 1)))
    if connector == "cron":
        times = parameters.get("triggerTimes")
        items = times.get("item") if isinstance(times, dict) else None
        return displayed("; ".join(_old_cron(item) for item in _objects(items)))
    rule = parameters.get("rule")
    intervals = rule.get("interval") if isinstance(rule, dict) else None
    return displayed("; ".join(_interval(each) for each in _objects(intervals)) or _interval({}))


def _interval(rule: dict[str, Any]) -> str:
    field = text_of(rule.get("field")) or "days"
    if field == "cronExpression":
        return f"cron {target_part(rule.get('expression'))}"
    defaults = {"seconds": 30, "minutes": 5}
    every = _every(field, rule.get(f"{field}Interval", defaults.get(field, 1)))
    at = f"at {_two(rule.get('triggerAtHour'))}:{_two(rule.get('triggerAtMinute'))}"
    if field == "weeks":
        days = rule.get("triggerAtDay", [0])
        named = [_DAYS[day] for day in days if type(day) is int and 0 <= day < 7] if isinstance(days, list) else []
        return f"{every} on {', '.join(named)} {at}" if named else f"{every} {at}"
    if field == "months":
        return f"{every} on day {target_part(rule.get('triggerAtDayOfMonth')) or '1'} {at}"
    return f"{every} {at}" if field == "days" else every


def _old_cron(item: dict[str, Any]) -> str:
    mode = text_of(item.get("mode")) or "everyDay"
    if mode == "custom":
        return f"cron {target_part(item.get('cronExpression'))}"
    at = f"at {_two(item.get('hour'))}:{_two(item.get('minute'))}"
    unit = mode.removeprefix("every").lower()
    if mode == "everyX":
        return _every(text_of(item.get("unit")) or "hours", item.get("value", 2))
    if unit in ("minute", "hour"):
        return f"every {unit}"
    return f"every {unit} {at}" + (f", weekday {target_part(item.get('weekday'))}" if unit == "week" else "")


def _every(unit: str, count: Any) -> str:
    number = target_part(count)
    return f"every {unit.removesuffix('s')}" if number in ("", "1") else f"every {number} {unit}"


def _two(value: Any) -> str:
    return f"{value:02d}" if type(value) is int and 0 <= value < 100 else (target_part(value) or "00")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts_in(value: Any, *, without: Container[str] = ()) -> Iterator[str]:
    """Texts in a tree of parameters, except members of these names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts_in(each, without=without) if key not in without else ()
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each, without=without)
