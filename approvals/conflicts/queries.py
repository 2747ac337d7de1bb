"""The conflict rules in force, parsed (S6). Read-only: a change is a proposal that two people sign (S8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.conflicts.rule_language.rule import Rule, parse_rule
from approvals.models import ConflictRule

#: Parsed rules by the digest of their document. Each document is parsed once for each process.
_PARSED: dict[str, Rule] = {}
#: Columns of a rule in force; its parsed document has the rest.
SHOWN_COLUMNS = ("code", "number", "digest", "title", "is_given_up")


@dataclass(frozen=True)
class StoredRule:
    """One stored version of a rule, with its parsed form.

    Args:
        version: the row, with some of its columns.
        rule: the parsed document.
    """

    version: ConflictRule
    rule: Rule


def in_force(now: datetime) -> tuple[StoredRule, ...]:
    """Return all rules in force at the instant ``now``, by code.

    One query, and one more for documents that are not cached.
    """
    newest = ConflictRule.objects.newest_effective(now).only(*SHOWN_COLUMNS)
    return _parse_versions([version for version in newest if not version.is_given_up])


def rules_with_members(now: datetime) -> tuple[StoredRule, ...]:
    """Return the rules in force, and the rules that return when a temporary version ends. Their members are stored."""
    return _parse_versions(list(ConflictRule.objects.to_keep_weighed(now).defer("document")))


def _parse_versions(versions: Sequence[ConflictRule]) -> tuple[StoredRule, ...]:
    unknown = [version.pk for version in versions if version.digest not in _PARSED]
    for digest, document in ConflictRule.objects.filter(pk__in=unknown).values_list("digest", "document"):
        _PARSED[digest] = parse_rule(document)
    return tuple(StoredRule(version, _PARSED[version.digest]) for version in versions)


def parse_version(version: ConflictRule) -> StoredRule:
    """Return the parsed form of a stored version."""
    if version.digest not in _PARSED:
        _PARSED[version.digest] = parse_rule(version.document)
    return StoredRule(version, _PARSED[version.digest])


def build_version(rule: Rule, **columns: Any) -> ConflictRule:
    """Return an unsaved version of a rule, without its document."""
    names = ("code", "digest", "title", "process", "rating", "mode", "scope")
    return ConflictRule(**{name: getattr(rule, name) for name in names}, **columns)
