"""What one automation would hold, against every rule: for previews, submissions, decisions and direct changes (S6).

It asks the rules in Python of what the automation holds itself, and the database only for what others hold beside it, where a rule looks
further than the automation. A scan over everything answers the same from the database alone (`scanning`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from approvals.conflicts import standing
from approvals.conflicts.holding import legs_of
from approvals.conflicts.rules import are_distinct
from approvals.conflicts.scanning import Conflicts, Part, beside, spans
from approvals.conflicts.selectors import Held
from approvals.conflicts.standing import Standing
from approvals.models import Waiver
from approvals.models.conflict import WITHOUT, Mode, Scope


@dataclass(frozen=True)
class Case:
    """One automation as it would be.

    Args:
        automation: its id; 0 for one that is not in the register yet.
        things: what it would hold, its open triggers included, each under a key that begins with ``automation id/``.
        subjects: who it is, for each scope: ids; for that of a chain the others in it (A16).
    """

    automation: int
    things: Sequence[Held]
    subjects: Mapping[str, Collection[int]] = field(default_factory=dict)

    def subjects_in(self, scope: str) -> Collection[int]:
        """Whom a rule of this scope looks at; a chain is known by the smallest id in it, as `ChainMember` has it."""
        if scope == Scope.CHAIN:
            others = self.subjects.get(scope, ())
            return (min([*others, self.automation] if self.automation else others, default=0),)
        return (self.automation,) if scope == Scope.AUTOMATION else self.subjects.get(scope, ())


@dataclass(frozen=True)
class Found:
    """A conflict that there would be.

    Args:
        standing: the rule.
        subject: id of whom the rule looks at.
        own: by leg, what the automation itself holds.
        others: by leg, what others hold.
        waiver: what lifts it meanwhile, if anything does.
    """

    standing: Standing
    subject: int
    own: Mapping[int, tuple[Held, ...]]
    others: Mapping[int, tuple[Part, ...]]
    waiver: Waiver | None = None

    @property
    def by_leg(self) -> dict[int, set[str]]:
        """Keys of everything that fills a leg."""
        found: dict[int, set[str]] = {}
        for number, own in self.own.items():
            found.setdefault(number, set()).update(held.key for held in own)
        for number, parts in self.others.items():
            found.setdefault(number, set()).update(part.covered_as for part in parts)
        return found

    @property
    def keys(self) -> frozenset[str]:
        """Keys of everything that takes part, of whichever automation."""
        return frozenset(key for keys in self.by_leg.values() for key in keys)

    @property
    def mode(self) -> str:
        """What it does: of a waived one, it is shown."""
        return Mode.RECORD if self.waiver is not None else self.standing.rule.mode

    @property
    def sentence(self) -> str:
        """What is in conflict, in words: the title and why it matters."""
        rule = self.standing.rule
        lacks = f" Nothing there is “{rule.without.name}”." if rule.without is not None else ""
        return f"{rule.title}: {rule.reason}{lacks}"

    @property
    def way_out(self) -> str:
        """What would resolve it."""
        rule = self.standing.rule
        if rule.resolve:
            return f"{rule.resolve} Or ask for a waiver."
        if rule.without is not None:
            return f"Add “{rule.without.name}”, do without the rest, or ask for a waiver."
        return "Do without one of them, split it into two automations, or ask for a waiver."


def find(case: Case, now: datetime, rules: Sequence[Standing] | None = None) -> list[Found]:
    """Every conflict in which the automation has a part.

    Args:
        case: as it would be.
        now: business time.
        rules: those in force, where the caller has read them.

    Returns:
        By the codes of the rules; three queries at most, none of them for rules of which the automation fills no leg.
    """
    rules = standing.in_force(now) if rules is None else rules
    own = {one.version.pk: _own(one, case.things) for one in rules}
    near = [one for one in rules if any(leg != WITHOUT for leg in own[one.version.pk])]
    others = _others([one for one in near if one.rule.scope != Scope.AUTOMATION], case, now)
    found = []
    for one in near:
        for subject in sorted(case.subjects_in(one.rule.scope)):
            of_others = _by_leg(others.get((one.version.pk, subject), ()))
            made = Found(one, subject, own[one.version.pk], of_others)
            if _is_conflict(one, made):
                found.append(made)
    return _with_waivers(found, now)


def _is_conflict(one: Standing, made: Found) -> bool:
    """Whether every leg is filled by something of its own and what has to be there is not; as a scan says of what is held."""
    filled = made.by_leg
    has_all = all((leg in filled) == (leg != WITHOUT) for leg, _ in legs_of(one.rule))
    automations = {key.partition("/")[0] for keys in filled.values() for key in keys}
    return (
        has_all
        and are_distinct([filled[leg] for leg in filled if leg != WITHOUT])
        and spans(one.rule.scope, automations)
    )


def _own(one: Standing, things: Sequence[Held]) -> dict[int, tuple[Held, ...]]:
    return {number: held for number, leg in legs_of(one.rule) if (held := tuple(leg.of(things)))}


def _others(rules: Sequence[Standing], case: Case, now: datetime) -> Conflicts:
    return beside(rules, case.subjects, case.automation, now) if rules else {}


def _with_waivers(found: Sequence[Found], now: datetime) -> list[Found]:
    """Each with the waiver that covers all that has a part in it (S7)."""
    if not found:
        return []
    waivers = Waiver.objects.live(now).filter(code__in={one.standing.rule.code for one in found}).order_by("-ends_at")
    known: dict[tuple[str, int], list[Waiver]] = {}
    for waiver in waivers:
        known.setdefault((waiver.code, waiver.subject), []).append(waiver)
    return [
        replace(one, waiver=_covering(known.get((one.standing.rule.code, one.subject), ()), one.keys)) for one in found
    ]


def _covering(waivers: Iterable[Waiver], keys: frozenset[str]) -> Waiver | None:
    return next((one for one in waivers if keys <= set(one.covers)), None)


def _by_leg(parts: Iterable[Part]) -> dict[int, tuple[Part, ...]]:
    found: dict[int, tuple[Part, ...]] = {}
    for part in parts:
        found[part.leg] = (*found.get(part.leg, ()), part)
    return found
