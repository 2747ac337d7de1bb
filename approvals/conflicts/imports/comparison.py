"""Parse imported files of conflict rules and compare them with the rules in force (S6). Pure.

Nothing in a file is followed, fetched or run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.conflicts.imports import matrices
from approvals.conflicts.imports.imported_rules import ImportedRules
from approvals.conflicts.rule_language.rule import Leg, Problem, Rule, parse_rule
from inventory.importers.display import displayed


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of an import, compared with the rules in force. Each rule is in one of four groups.

    Args:
        new: rules with a new code.
        changed: rules with the code of a different rule in force, each with that rule.
        same: rules that are in force unchanged.
        elsewhere: rules that are in force under another code, each with that rule.
    """

    new: tuple[Rule, ...]
    changed: tuple[tuple[Rule, Rule], ...]
    same: tuple[Rule, ...]
    elsewhere: tuple[tuple[Rule, Rule], ...]


def parse_files(files: Sequence[tuple[str, bytes]]) -> ImportedRules:
    """Parse the matrices in some files.

    Args:
        files: name and bytes of each.

    Returns:
        Rules with distinct codes, and errors by file and line.
    """
    imports = [matrices.parse_matrix(name, data) for name, data in files]
    documents: dict[str, dict[str, Any]] = {}
    problems = [problem for imported in imports for problem in imported.problems]
    for document in (document for imported in imports for document in imported.documents):
        before = documents.setdefault(document["code"], document)
        if before is not document and before != document:
            where = f"{document['code']}, {displayed(document['title'], 60)}"
            problems.append(Problem(where, "another file has a rule of this code", "Bring the files in one by one."))
    return ImportedRules(tuple(documents.values()), tuple(problems))


def compare_rules(documents: Iterable[Mapping[str, Any]], in_force: Iterable[Rule]) -> Comparison:
    """Compare parsed rules with the rules in force.

    Args:
        documents: the parsed rules, each with its own code.
        in_force: the rules in force.
    """
    standing = {rule.code: rule for rule in in_force}
    by_sides = {meaning_key(rule): rule for rule in reversed(standing.values())}
    new, changed, same, elsewhere = [], [], [], []
    for rule in (parse_rule(document) for document in documents):
        before, alike = standing.get(rule.code), by_sides.get(meaning_key(rule))
        if before is not None and before.digest == rule.digest:
            same.append(rule)
        elif before is not None:
            changed.append((rule, before))
        elif alike is not None:
            elsewhere.append((rule, alike))
        else:
            new.append(rule)
    return Comparison(tuple(new), tuple(changed), tuple(same), tuple(elsewhere))


def meaning_key(rule: Rule) -> tuple[str, frozenset[str], str, str]:
    """Return the meaning of a rule without its name and rating, independent of the order of its legs."""
    without, needs = (_selectors_key(leg) if leg is not None else "" for leg in (rule.without, rule.needs))
    return rule.scope, frozenset(_selectors_key(leg) for leg in rule.legs), without, needs


def _selectors_key(leg: Leg) -> str:
    return json.dumps(sorted(json.dumps(selector.to_dict(), sort_keys=True) for selector in leg.any))
