"""A policy for readers: a table by tier, other settings by name, and the changes between two versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.models import GrantUsage, PolicyVersion
from approvals.policies.checks import TIERS
from approvals.policies.diff import Change
from governance.web.components import times

Shape = dict[str, Any]

SIGNED_BY = {"lead": "team lead", "owner": "resource owner", "security": "security"}
#: Rows of the table: label, path of the part, unit.
BY_TIER = (
    ("Signatures on the app", ("seats", "app"), ""),
    ("Signatures on a privilege", ("seats", "privilege"), ""),
    ("Signatures on a credential", ("seats", "credential"), ""),
    ("Longest term of a grant", ("longest_term",), "day"),
    ("Up for review after", ("review_after",), "day"),
    ("Due after", ("due_working_days",), "working day"),
    ("Expires as rejected after", ("expires_working_days",), "working day"),
    ("A sign-in no older than", ("fresh_sign_in_minutes",), "minute"),
)


def by_tier(document: Mapping[str, Any]) -> list[Shape]:
    """Return settings that depend on the tier: a label and cells for low, standard and high."""
    rows = [
        {"label": label, "cells": [_cell(_part(document, path).get(tier), unit) for tier in TIERS]}
        for label, path, unit in BY_TIER
    ]
    owners = ["yes" if tier in document["two_owners"] else "–" for tier in TIERS]
    rows.append({"label": "Two different owners", "cells": owners})
    return rows


def _part(document: Mapping[str, Any], path: Iterable[str]) -> Mapping[str, Any]:
    part = document
    for name in path:
        part = part[name]
    return part


def _cell(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return " and ".join(SIGNED_BY[label] for label in value)
    return times.counted(value, unit)


def facts(document: Mapping[str, Any]) -> list[Shape]:
    """Return settings that do not depend on the tier, for ``components/facts.html``."""
    not_measured = "" if GrantUsage.objects.exists() else "; not measured in this installation yet"
    light, sampling, signals, proposals = (
        document[name] for name in ("light_path", "sampling", "signals", "proposals")
    )
    conflicts, waivers, events, brake = (document[name] for name in ("conflicts", "waivers", "events", "brake"))
    many = times.counted
    label_texts = [
        ("What makes it high", _high(document["tiers"]["high"])),
        ("What may be low", _low(document["tiers"]["low"])),
        ("At least, by kind", _at_least(document["tiers"]["at_least"])),
        ("Light path", f"{many(light['grants'], 'grant')} for one builder in {many(light['days'], 'day')}"),
        (
            "Looked at afterwards",
            f"one in {sampling['one_in']}, within {many(sampling['working_days'], 'working day')}",
        ),
        ("Signals", _signals(signals)),
        ("A builder answers within", many(document["builder_working_days"], "working day")),
        ("An earlier refusal counts for", many(document["resubmission_days"], "day")),
        ("Tightened by one person", f"for {many(proposals['at_once_hours'], 'hour')} without a second signature"),
        ("A proposal lapses after", many(proposals["open_days"], "day")),
        ("A conflict in what is held is resolved within", _by_rating(conflicts)),
        ("A waiver lasts at most", f"{many(waivers['days'], 'day')}, {waivers['in_a_row']} in a row"),
        ("Unused is", f"not called in {many(events['unused_days'], 'day')}{not_measured}"),
        ("What was reviewed is left alone for", many(events["quiet_days"], "day")),
        ("What a review suspended ends after", many(document["correction_days"], "day")),
        ("What ended is taken away elsewhere within", many(document["revocation_hours"], "hour")),
        (
            "The brake",
            f"over {brake['share']} % of what is live, or {many(brake['grants'], 'grant')}, within an hour: held for {many(brake['hours'], 'hour')}",
        ),
    ]
    return [{"label": label, "text": text} for label, text in label_texts]


def _high(high: Mapping[str, Any]) -> str:
    rules = [f"{word} access" for word in high["levels"]] + [
        f"{data_class} data" for data_class in high["data_classes"]
    ]
    rules += [f"more than reading {word} data" for word in high["non_read_on"]]
    if high["non_read_chosen_by_model"]:
        rules.append("more than reading, chosen by a model")
    else:
        harms = {"outbound": "carries data out", "irreversible": "can’t be undone"}
        rules += [
            f"more than reading, chosen by a model, that {harms[word]}" for word in high["non_read_chosen_by_model_if"]
        ]
    rules += [f"unreadable code in {word}" for word in high["opaque_code_in"]]
    if high["open_entry_with_non_read"]:
        rules.append("more than reading, started by anybody")
    return "; ".join(rules) or "nothing"


def _low(low: Mapping[str, Any]) -> str:
    if not low["levels"] or not low["data_classes"]:
        return "nothing"
    return f"reading {' and '.join(low['data_classes'])} data, with nothing about it open"


def _by_rating(days: Mapping[str, int]) -> str:
    return ", ".join(f"{rating}: {times.counted(number, 'day')}" for rating, number in days.items())


def _at_least(at_least: Mapping[str, str]) -> str:
    return ", ".join(f"{kind.replace('_', ' ')}: {tier}" for kind, tier in at_least.items()) or "nothing"


def _signals(signals: Mapping[str, int]) -> str:
    days = times.counted(signals["days"], "day")
    return f"more than {signals['mutual']} for each other, or over {signals['share']} % of a builder’s, in {days}"


def signatures(version: PolicyVersion) -> str:
    """Say who signed a version."""
    if version.number == 1:
        return "came with the product"
    if version.restores_id is not None:
        return f"version {version.restores.number} again" if version.restores is not None else ""
    proposed = version.proposed_by.name if version.proposed_by is not None else ""
    if version.approved_by is None:
        return f"{proposed} alone, until it is countersigned"
    return f"{proposed} and {version.approved_by.name}"


def change_rows(changes: Sequence[Change]) -> list[Shape]:
    """Return the changes with their direction."""
    return [
        {
            "label": change.label,
            "before": change.before,
            "after": change.after,
            "tone": "" if change.is_either else "ok" if change.tightens else "high",
            "word": "Takes\u00a0two" if change.is_either else "Tightens" if change.tightens else "Loosens",
        }
        for change in changes
    ]
