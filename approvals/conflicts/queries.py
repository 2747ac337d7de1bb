"""The conflict rules in force, read and typed (S6). Read-only: changing one is a proposal that two people sign (S8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models.functions import JSONObject

from approvals.conflicts import default_rules
from approvals.conflicts.rule_language.rule import Rule, read
from approvals.models import ConflictRule
from governance.core.database import compiled_queries

#: Rules by the digest of their document, which says all of them: each is read once a process, however many pages ask.
_READ: dict[str, Rule] = {}
#: How many may be known before it is begun anew.
MOST = 5_000


@dataclass(frozen=True)
class Standing:
    """One rule in force.

    Args:
        version: the row that it was read from; its document is not.
        rule: what that says.
    """

    version: ConflictRule
    rule: Rule


def in_force(now: datetime) -> tuple[Standing, ...]:
    """All rules that count at the instant ``now``, by their codes: one query, and one more for documents that are not known yet."""
    return _typed(list(ConflictRule.objects.in_force(now).defer("document")))


def to_keep_weighed(now: datetime) -> tuple[Standing, ...]:
    """Those, and what comes back by itself where one of them acts only until an hour: what fills the legs of all these is worked out."""
    return _typed(list(ConflictRule.objects.to_keep_weighed(now).defer("document")))


#: What a page reads of each rule with another row, so as to ask no query for them.
COLUMNS = ("id", "code", "number", "digest", "title", "process", "rating", "mode", "scope")


def with_a_row() -> ArraySubquery:
    """All rules in force at `compiled.NOW`, as an annotation of any row: `of_a_row` reads it."""
    said = JSONObject(**{name: name for name in COLUMNS})
    return ArraySubquery(ConflictRule.objects.in_force(compiled_queries.NOW).values(said=said))


def of_a_row(said: Sequence[Mapping[str, Any]]) -> tuple[Standing, ...]:
    """The rules that `with_a_row` has read."""
    return _typed([ConflictRule(**one) for one in said])


def _typed(versions: Sequence[ConflictRule]) -> tuple[Standing, ...]:
    unknown = [one.pk for one in versions if one.digest not in _READ]
    if unknown:
        if len(_READ) + len(unknown) > MOST:
            _READ.clear()
            unknown = [one.pk for one in versions]
        for digest, document in ConflictRule.objects.filter(pk__in=unknown).values_list("digest", "document"):
            _READ[digest] = read(document)
    return tuple(Standing(version, _READ[version.digest]) for version in versions)


def of(version: ConflictRule) -> Standing:
    """The typed form of a stored version."""
    if version.digest not in _READ:
        _READ[version.digest] = read(version.document)
    return Standing(version, _READ[version.digest])


def newer(version: ConflictRule) -> Rule | None:
    """What this release ships for a rule that stands as an earlier release shipped it; None where nothing else ships, or people changed it."""
    if not version.ships:
        return None
    return next(
        (one for one in default_rules.shipped() if one.code == version.code and one.digest != version.digest), None
    )
