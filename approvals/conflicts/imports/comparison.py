"""Imported files of conflict rules: reads them, and compares their rules with the rules in force (S6). Pure.

Nothing in a file is followed, fetched or run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.conflicts.imports import matrices
from approvals.conflicts.imports.imported_rules import Imported
from approvals.conflicts.rule_language.rule import Leg, Problem, Rule, read
from inventory.importers.display import shown


@dataclass(frozen=True, slots=True)
class Compared:
    """What an import would do to the rules in force; each rule stands in one of the four.

    Args:
        new: of codes that are not in force.
        changed: each with the rule of its code that is in force and says otherwise.
        same: that stand word for word.
        elsewhere: each with the rule that stands for the same under another code.
    """

    new: tuple[Rule, ...]
    changed: tuple[tuple[Rule, Rule], ...]
    same: tuple[Rule, ...]
    elsewhere: tuple[tuple[Rule, Rule], ...]


def is_packed(data: bytes) -> bool:
    """Whether this is no text but a workbook, an archive or the like."""
    return data.startswith(matrices.BINARY)


def files_read(files: Sequence[tuple[str, bytes]]) -> Imported:
    """Read the matrices in some files.

    Args:
        files: name and bytes of each.

    Returns:
        Rules of different codes, and what could not become one, by file and line.
    """
    found = [matrices.read(name, data) for name, data in files]
    documents: dict[str, dict[str, Any]] = {}
    problems = [problem for one in found for problem in one.problems]
    for document in (document for one in found for document in one.documents):
        before = documents.setdefault(document["code"], document)
        if before is not document and before != document:
            where = f"{document['code']}, {shown(document['title'], 60)}"
            problems.append(Problem(where, "another file has a rule of this code", "Bring the files in one by one."))
    return Imported(tuple(documents.values()), tuple(problems))


def compared(documents: Iterable[Mapping[str, Any]], known: Iterable[Rule]) -> Compared:
    """How rules that were read compare with those in force.

    Args:
        documents: what was read, each of a code of its own.
        known: the rules in force.
    """
    standing = {one.code: one for one in known}
    by_sides = {sides(one): one for one in reversed(standing.values())}
    new, changed, same, elsewhere = [], [], [], []
    for rule in (read(one) for one in documents):
        before, alike = standing.get(rule.code), by_sides.get(sides(rule))
        if before is not None and before.digest == rule.digest:
            same.append(rule)
        elif before is not None:
            changed.append((rule, before))
        elif alike is not None:
            elsewhere.append((rule, alike))
        else:
            new.append(rule)
    return Compared(tuple(new), tuple(changed), tuple(same), tuple(elsewhere))


def sides(rule: Rule) -> tuple[str, frozenset[str], str, str]:
    """What a rule is about, whatever it is called and however bad it is: symmetric, so without an order."""
    without, needs = (_any(leg) if leg is not None else "" for leg in (rule.without, rule.needs))
    return rule.scope, frozenset(_any(leg) for leg in rule.legs), without, needs


def _any(leg: Leg) -> str:
    return json.dumps(sorted(json.dumps(one.to_dict(), sort_keys=True) for one in leg.any))
