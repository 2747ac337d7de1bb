"""What one automation would hold, against every rule: for previews, submissions, decisions and direct changes (S6).

It asks the rules in Python of what the automation holds itself, and the database only for what others hold beside it, where a rule looks
further than the automation. A scan over everything answers the same from the database alone (`scan`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from approvals.conflicts import held_access
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check.rule_index import Index
from approvals.conflicts.held_access import legs_of
from approvals.conflicts.queries import Standing
from approvals.conflicts.rule_language.rule import Rule, are_distinct
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.scan import Conflicts, Members, Part, beside, spans
from approvals.models import ConflictSignature, Waiver
from approvals.models.conflict import NEEDS, WITHOUT, Mode, Scope
from inventory.importers.capabilities import BY_HAND
from inventory.models import ChainMember

#: By the digests of their documents, which say all of them: the rules in force, a proposal's, those of one scope.
_INDEXES: dict[tuple[str, ...], Index] = {}
#: How many are kept before it is begun anew.
MOST = 16


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
        waiver: what covers all of it meanwhile, if anything does.
        signature: who signed all of it, if anybody did.
    """

    standing: Standing
    subject: int
    own: Mapping[int, tuple[Held, ...]]
    others: Mapping[int, tuple[Part, ...]]
    waiver: Waiver | None = None
    signature: ConflictSignature | None = None

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
    def held(self) -> frozenset[str]:
        """How each of it is held, as a waiver names it (`held_access`)."""
        own = (held_access.of_held(one) for filled in self.own.values() for one in filled)
        others = (part.held for parts in self.others.values() for part in parts)
        return frozenset((*own, *others))

    @property
    def has_own(self) -> bool:
        """Whether something of its own fills a leg; else it only joins what others hold."""
        return any(leg != WITHOUT for leg in self.own)

    @property
    def automations(self) -> frozenset[int]:
        """Ids of the others that have a part."""
        return frozenset(part.automation for parts in self.others.values() for part in parts)

    @property
    def mode(self) -> str:
        """What it does. A waiver lifts the refusal and nothing else (S7); once it is signed, it needs no signature more."""
        mode = self.standing.rule.mode
        is_lifted = self.waiver is not None and mode == Mode.ENFORCE
        is_signed = self.signature is not None and mode == Mode.APPROVAL
        return Mode.RECORD if is_lifted or is_signed else mode

    @property
    def sentence(self) -> str:
        """What is in conflict, in words: the title and why it matters."""
        rule = self.standing.rule
        lacks = f" Nothing there is “{rule.without.name}”." if rule.without is not None else ""
        return f"{rule.title}: {rule.reason}{lacks}"

    @property
    def way_out(self) -> str:
        """What would resolve it."""
        return way_out(self.standing.rule)


def way_out(rule: Rule) -> str:
    """What would resolve a conflict of a rule that nobody has waived: what the rule says, or what is always one."""
    there = " If it is made sure already, whoever answers for the resource says so there." if _by_hand(rule) else ""
    if rule.resolve:
        return f"{rule.resolve} Or ask for a waiver.{there}"
    if rule.without is not None:
        return f"Add “{rule.without.name}”, do without the rest, or ask for a waiver.{there}"
    return "Do without one of them, split it into two automations, or ask for a waiver."


def _by_hand(rule: Rule) -> bool:
    """Whether what the rule asks for beside its legs can be a control that no name tells."""
    return rule.without is not None and any(not one.tags.isdisjoint(BY_HAND) for one in rule.without.any)


#: How it is read what some subjects hold of what some rules mean (`scan.beside`).
Beside = Callable[[Sequence[Standing], Members, datetime], Conflicts]


def find(case: Case, now: datetime, rules: Sequence[Standing] | None = None) -> list[Found]:
    """Every conflict in which an automation has a part; see `find_all`."""
    return find_all([case], now, rules)[0]


def find_all(
    cases: Sequence[Case],
    now: datetime,
    rules: Sequence[Standing] | None = None,
    waivers: Sequence[Waiver] | None = None,
    beside: Beside = beside,
) -> list[list[Found]]:
    """Every conflict in which each of some automations has a part.

    Args:
        cases: each as it would be.
        now: business time.
        rules: those in force, where the caller has read them.
        waivers: the live ones, likewise.
        beside: how it is read what others hold; another way where the rules are not in force.

    Returns:
        For each case, by the codes of the rules. A fixed number of queries, however many cases: the rules, what others hold of what
        rules mean of which the automation fills a leg, a query a scope, and waivers where something is found. What joins a chain is asked of all
        that it joins, also where it holds nothing of it itself.
    """
    rules = conflict_queries.in_force(now) if rules is None else rules
    own = [_near(case, rules) for case in cases]
    wide = {one.version.pk: one for near in own for one, _ in near if one.rule.scope != Scope.AUTOMATION}
    members = _members(cases, {one.rule.scope for one in wide.values()})
    others = beside(list(wide.values()), members, now) if wide else {}
    found = []
    for case, near in zip(cases, own, strict=True):
        here = []
        for one, filled in near:
            for subject in sorted(case.subjects_in(one.rule.scope)):
                parts = others.get((one.version.pk, subject), ()) if one.version.pk in wide else ()
                made = Found(
                    one, subject, filled, _by_leg(part for part in parts if part.automation != case.automation)
                )
                if _is_conflict(one, made):
                    here.append(made)
        found.append(here)
    return _with_signatures(cases, _with_waivers(_without_others(found), now, waivers))


def _near(case: Case, rules: Sequence[Standing]) -> list[tuple[Standing, dict[int, tuple[Held, ...]]]]:
    """The rules of which it fills a leg itself, with what fills which; and where it stands in a chain, those of chains."""
    filled, joins = _index(rules).fill(case.things), bool(case.subjects.get(Scope.CHAIN))
    return [
        (one, filled.get(place, {}))
        for place, one in enumerate(rules)
        if any(leg != WITHOUT for leg in filled.get(place, ())) or (joins and one.rule.scope == Scope.CHAIN)
    ]


def _index(rules: Sequence[Standing]) -> Index:
    """The index of some rules, made once a process as long as they are the same."""
    said = tuple(one.version.digest for one in rules)
    if said not in _INDEXES:
        if len(_INDEXES) >= MOST:
            _INDEXES.clear()
        _INDEXES[said] = Index([one.rule for one in rules])
    return _INDEXES[said]


def _without_others(found: Sequence[Sequence[Found]]) -> list[list[Found]]:
    """Without what an automation has no part in and does not join either: that others stand in one chain already (A16)."""
    aside = {pk for each in found for one in each if not one.has_own for pk in one.automations}
    chains = dict(ChainMember.objects.filter(automation__in=aside).values_list("automation", "chain")) if aside else {}
    return [
        [one for one in each if one.has_own or len({chains.get(pk) for pk in one.automations}) > 1] for each in found
    ]


def _members(cases: Sequence[Case], scopes: Collection[str]) -> dict[str, set[tuple[int, int]]]:
    """Whom rules of some scopes look at, for `beside`."""
    members: dict[str, set[tuple[int, int]]] = {scope: set() for scope in scopes}
    for case, scope in ((case, scope) for case in cases for scope in scopes):
        for subject in case.subjects_in(scope):
            joined = case.subjects.get(scope, ()) if scope == Scope.CHAIN else (0,)
            members[scope] |= {(subject, member) for member in joined}
    return members


def _is_conflict(one: Standing, made: Found) -> bool:
    """Whether every leg is filled by something else and what has to be there is not; as a scan says of what is held."""
    filled = made.by_leg
    has_all = all((leg in filled) == (leg != WITHOUT) for leg, _ in legs_of(one.rule))
    automations = {key.partition("/")[0] for keys in filled.values() for key in keys}
    return (
        has_all
        and are_distinct([filled[leg] for leg in filled if leg not in (WITHOUT, NEEDS)])
        and spans(one.rule.scope, automations)
    )


def _with_waivers(
    found: Sequence[Sequence[Found]], now: datetime, waivers: Sequence[Waiver] | None
) -> list[list[Found]]:
    """Each with the waiver that covers all that has a part in it, given for the rule as it is (S7)."""
    codes = {one.standing.rule.code for each in found for one in each}
    if not codes:
        return [list(each) for each in found]
    if waivers is None:
        waivers = list(Waiver.objects.live(now).filter(code__in=codes).order_by("-ends_at"))
    known: dict[tuple[str, str, int], list[Waiver]] = {}
    for waiver in waivers:
        known.setdefault(_of(waiver.code, waiver.scope, waiver.subject), []).append(waiver)
    return [[replace(one, waiver=_covering(known.get(_key_of(one), ()), one)) for one in each] for each in found]


def _with_signatures(cases: Sequence[Case], found: Sequence[Sequence[Found]]) -> list[list[Found]]:
    """Each that takes a signature with the one that covers all of it, given in a submission of the same automation for the rule as it is (S6)."""
    codes = {one.standing.rule.code for each in found for one in each if one.standing.rule.mode == Mode.APPROVAL}
    known: dict[int, list[ConflictSignature]] = {}
    if codes:
        of = {case.automation for case, each in zip(cases, found, strict=True) if each}
        given = ConflictSignature.objects.standing().filter(submission__automation__in=of, rule__code__in=codes)
        for one in given.select_related("submission", "rule", "person", "for_person", "reason").order_by("-pk"):
            known.setdefault(one.submission.automation_id, []).append(one)
    return [
        [replace(one, signature=_signed(known.get(case.automation, ()), one)) for one in each]
        for case, each in zip(cases, found, strict=True)
    ]


def _signed(given: Iterable[ConflictSignature], found: Found) -> ConflictSignature | None:
    held, digest = found.held, found.standing.version.digest
    return next((one for one in given if one.rule.digest == digest and held <= set(one.covers)), None)


def _key_of(found: Found) -> tuple[str, str, int]:
    return _of(found.standing.rule.code, found.standing.rule.scope, found.subject)


def _of(code: str, scope: str, subject: int) -> tuple[str, str, int]:
    """By what a waiver is found; a chain's number changes with who is in it, so that what it covers has to say it (A16)."""
    return code, scope, 0 if scope == Scope.CHAIN else subject


def _covering(waivers: Iterable[Waiver], found: Found) -> Waiver | None:
    held, digest = found.held, found.standing.version.digest
    return next((one for one in waivers if one.rule_digest == digest and one.lifts_all(held)), None)


def all_waived(found: Sequence[Found]) -> bool:
    """Whether there are conflicts, all of enforced rules, and a waiver lifts each: nothing is refused, and nothing more is asked (S7)."""
    return bool(found) and all(one.standing.rule.mode == Mode.ENFORCE and one.waiver is not None for one in found)


def _by_leg(parts: Iterable[Part]) -> dict[int, tuple[Part, ...]]:
    found: dict[int, list[Part]] = {}
    for part in parts:
        found.setdefault(part.leg, []).append(part)
    return {leg: tuple(filling) for leg, filling in found.items()}
