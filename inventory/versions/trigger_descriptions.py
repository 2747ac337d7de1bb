"""Triggers in words: "every weekday at 08:30". Pure; a notation without a known phrase stays as it is."""

import re

#: Phrase before a detail by trigger type; a schedule has none.
KINDS = {
    "manual": "a person starts it",
    "schedule": "",
    "webhook": "a call to its address",
    "form": "its form",
    "chat": "a chat message",
    "mcp": "a call of an agent",
    "workflow": "another workflow",
    "email": "mail in",
    "event": "when it happens elsewhere",
}
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOCK = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|\?|[0-7](?:[-,][0-7])*)$")
_STEP = re.compile(r"\*/(\d{1,2}) \* \* \* \*$")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def trigger_sentence(kind: str, detail: str = "") -> str:
    """Sentence for a trigger.

    Args:
        kind: type of the trigger.
        detail: detail from the importer.
    """
    if kind == "schedule":
        return "; ".join(_schedule_text(schedule) for schedule in detail.split("; ")) if detail else "a schedule"
    words = KINDS.get(kind, kind)
    if kind == "event":
        detail = _HUMP.sub(" ", detail).replace("_", " ").lower() if detail.isidentifier() else detail
    return f"{words}: {detail}" if detail and words else words or detail


def _schedule_text(schedule: str) -> str:
    """One schedule; a simple cron expression becomes words."""
    if not schedule.startswith("cron "):
        return schedule
    expression = schedule.removeprefix("cron ").strip()
    if (step := _STEP.match(expression)) is not None:
        return "every minute" if step[1] == "1" else f"every {step[1]} minutes"
    clock = _CLOCK.match(expression)
    if clock is None or int(clock[1]) > 59 or int(clock[2]) > 23:
        return f"on a schedule ({schedule})"
    return f"{_days(clock[3])} at {int(clock[2]):02d}:{int(clock[1]):02d}"


def _days(field: str) -> str:
    if field in ("*", "?"):
        return "every day"
    if field in ("1-5", "1,2,3,4,5"):
        return "every weekday"
    names = []
    for part in field.split(","):
        first, _, last = part.partition("-")
        names.append(f"{DAYS[int(first)]} to {DAYS[int(last)]}" if last else DAYS[int(first)])
    return f"every {', '.join(names)}"
