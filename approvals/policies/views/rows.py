"""A policy for readers: a table by tier, and other settings by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from approvals.models import GrantUsage
from approvals.policies import diff
from approvals.policies.checks import TIERS
from governance.web.components import times

Shape = dict[str, Any]

UNUSED_DAYS = ("events", "unused_days")
SIGNED_BY = {"lead": "team lead", "owner": "resource owner", "security": "security"}
#: Rows of the table: label, path of the part, unit.
BY_TIER = (
    ("Signatures on the app", ("seats", "app"), ""),
    ("Signatures on a privilege", ("seats", "privilege"), ""),
    ("Signatures on a credential", ("seats", "credential"), ""),
    ("Longest term of a grant", ("longest_term",), "day"),
    ("Up for review after", ("review_after",), "day"),
    ("Due after", ("due_working_days",), "working day"),
    ("Expires after", ("expires_working_days",), "working day"),
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
    parts_by_tier = {path[0] for _, path, _ in BY_TIER} | {"two_owners"}
    not_measured = "" if GrantUsage.objects.exists() else "; not measured in this installation yet"
    return [
        {
            "label": diff.label_of(path),
            "text": diff.words_of(path, value) + (not_measured if path == UNUSED_DAYS else ""),
        }
        for path, value in diff.leaves(document)
        if path[0] not in parts_by_tier
    ]
