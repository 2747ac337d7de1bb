"""A conflict rule as the fields of a form, and back (S6). Pure.

A field has the name of its place in an error (`Problem.where`): ``legs 1, any 2, tags``. Numbers may have gaps.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from approvals.conflicts.rule_language.rule import TEXTS
from approvals.conflicts.rule_language.selectors import FLAGS, LISTS

#: The fields of the rule itself. "reason" is the reason of the proposal, so the rule's own is "why".
TOP_FIELDS: Mapping[str, str] = {
    name: "why" if name == "reason" else name for name in (*TEXTS, "rating", "mode", "scope")
}
_PART = re.compile(rf"(legs \d{{1,2}}|needs|without), (?:(name)|any (\d{{1,3}}), ({'|'.join((*LISTS, *FLAGS))}))")
_TRUTH = {"true": True, "false": False}

Fields = Mapping[str, Sequence[str]]


def document_of(fields: Fields) -> dict[str, Any]:
    """Return the document of a filled-in form, as it is: `rule.parse_rule` finds its errors."""
    document: dict[str, Any] = {name: fields[field][-1] for name, field in TOP_FIELDS.items() if fields.get(field)}
    if not document.get("resolve"):
        document.pop("resolve", None)
    names: dict[str, str] = {}
    selectors: dict[str, dict[int, dict[str, Any]]] = {}
    for field, values in fields.items():
        if (part := _PART.fullmatch(field)) is None:
            continue
        leg, is_name, number, name = part.groups()
        if is_name:
            names[leg] = values[-1]
            selectors.setdefault(leg, {})
        else:
            selector = selectors.setdefault(leg, {}).setdefault(int(number), {})
            if (value := _value(name, values)) is not None:
                selector[name] = value
    legs = {
        leg: {"name": names.get(leg, ""), "any": [selector for _, selector in sorted(numbered.items())]}
        for leg, numbered in selectors.items()
    }
    numbered_legs = sorted((leg for leg in legs if leg.startswith("legs ")), key=lambda leg: int(leg.split()[1]))
    document["legs"] = [legs[leg] for leg in numbered_legs]
    return document | {leg: legs[leg] for leg in ("needs", "without") if leg in legs}


def _value(name: str, values: Sequence[str]) -> Any:
    """Return the value of a field; None if nothing is chosen."""
    filled = [value.strip() for value in values if value.strip()]
    if name in FLAGS:
        return _TRUTH.get(filled[-1]) if filled else None
    if name == "resources":
        return [int(value) if value.isdecimal() and len(value) < 16 else value for value in filled] or None
    return list(dict.fromkeys(filled)) or None


def edited(fields: Fields, order: str) -> Fields:
    """Return the fields after a button: ``add legs 2, any 1, outbound`` or ``remove legs 2``. Another order changes nothing."""
    verb, _, place = order.partition(" ")
    if verb == "add":
        return {**fields, place: [""]}
    return {name: values for name, values in fields.items() if verb != "remove" or not name.startswith(f"{place}, ")}
