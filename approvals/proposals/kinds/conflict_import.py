"""Many conflict rules as one thing that is proposed: what a file brought in, read and countersigned together (S6, S8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from difflib import ndiff
from typing import Any

import yaml

from approvals.conflicts import dry_run
from approvals.conflicts.check import automation
from approvals.conflicts.dry_run import Known
from approvals.conflicts.imports.imported_rules import RULES
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import NotARule
from approvals.models import ConflictRule, Proposal
from approvals.policies.diff import Change, Line
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.impact import conflict_rule
from approvals.proposals.kinds.conflict_rule import differences, put_in_force, submissions
from approvals.proposals.kinds.kind import About, Document, Given, Kind, Slice, Span, tightens
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role
from inventory.importers.display import label

#: In characters.
LONGEST_LEFT_OUT = 400
#: Rules that are named where it is counted what they would have caught.
NAMED = 5


class ConflictImportKind(Kind):
    """Rules of one import, by the name of its file: ``{"rules": {code: document}, "left_out": […]}``. A security reviewer countersigns.

    What was left out, in a sentence each, goes with it: whoever countersigns reads what the file said and these rules do not.
    """

    code = "conflict_import"
    title = "Conflict rules"
    countersigner = Role.SECURITY_REVIEWER

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """What each file is called."""
        return {one: About(one) for one in targets if one}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Those of its rules that are in force, as they are."""
        wanted = document.get("rules", {})
        found = ConflictRule.objects.in_force(now).filter(code__in=wanted)
        return {"rules": {one.code: one.document for one in found}}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Every rule in its one form, under its own code."""
        given = document.get("rules")
        if not isinstance(given, Mapping) or not 0 < len(given) <= RULES:
            return Given(problems=(Problem(0, "rules", f"It takes between 1 and {RULES:,} rules."),))
        problems, found = list[Problem](), dict[str, Any]()
        for code, said in sorted(given.items()):
            try:
                rule = rule_language_rule.read(said)
            except NotARule as error:
                problems += (
                    Problem(0, f"{code}, {one.where}", f"{one.what.capitalize()}.", one.what_to_do)
                    for one in error.problems
                )
                continue
            if rule.code != code:
                problems.append(Problem(0, f"{code}, code", "This is another rule's code.", f"Write {code}."))
            found[code] = rule.to_dict()
        left_out = [label(one, LONGEST_LEFT_OUT) for one in document.get("left_out", ())]
        return Given(problems=tuple(problems)) if problems else Given({"rules": found, "left_out": left_out})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """What would be different, rule by rule: a new one tightens, and another one as its parts do."""
        return tuple(change for old, new in _pairs(before, after) for change in _changes(old, new))

    def lines(self, before: Document, after: Document) -> list[Line]:
        """The same as lines of each rule's text, below what was left out."""
        left_out = [Line(" ", f"# Left out: {one}") for one in after["left_out"]]
        return [*left_out, *(line for old, new in _pairs(before, after) for line in _lines(old, new))]

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Whoever a rule of it catches as it is that would be loosened, or may be."""
        loosened = [new["code"] for old, new in _pairs(before, after) if not tightens(tuple(_changes(old, new)))]
        return beneficiaries.who_is(loosened, now)

    def total(self, span: Span) -> int:
        """Submissions handed in during the time."""
        return int(submissions(span).count())

    def count(self, span: Span, cursor: int, size: int, known: Known) -> Slice:
        """Ask all of them, as they are and as they would be, of what the next few submissions would have held, as a check asks those in force."""
        rows = list(submissions(span).filter(pk__gt=cursor).order_by("pk").only("held", "automation", "version")[:size])
        counts: Counter[str] = Counter()
        both = (one["rules"].values() for one in (span.before, span.after))
        each = dry_run.conflicts_of(rows, span.until, *both, known=known)
        for was, then in zip(*each, strict=True):
            old, new = ({one.standing.rule.code for one in found} for found in (was, then))
            counts["caught"] += bool(new)
            counts["more"] += bool(new - old)
            counts["less"] += bool(old - new)
            counts["waived"] += automation.all_waived(then)
            counts.update(f"by:{code}" for code in new)
        return Slice(counts, rows[-1].pk if rows else cursor, len(rows))

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """How many they would have caught, and by which of them most."""
        found_by, more, less = (counts.get(name, 0) for name in ("caught", "more", "less"))
        scopes = [one["scope"] for one in span.after["rules"].values()]
        found = [f"{found_by:,} would have been in conflict by what {conflict_rule.holds(found_by, scopes)}."]
        if waived := counts.get("waived", 0):
            found.append(f"{waived:,} of them under waivers, so {'it is' if waived == 1 else 'they are'} not refused.")
        if more and span.before["rules"]:
            found.append(f"{more:,} of them by a rule that does not catch them as it is now.")
        if less:
            found.append(
                f"{less:,} would not have been caught by a rule that catches {'it' if less == 1 else 'them'} as it is now."
            )
        by = Counter({name[3:]: count for name, count in counts.items() if name.startswith("by:")}).most_common(NAMED)
        found += [f"{count:,} by “{span.after['rules'][code]['title']}”." for code, count in by]
        if idle := len(span.after["rules"]) - sum(name.startswith("by:") for name in counts):
            found.append(f"{idle:,} of the rules would have caught nothing.")
        if left_out := len(span.after["left_out"]):
            what = "thing in the file became" if left_out == 1 else "things in the file became"
            found.append(f"{left_out:,} {what} no rule: see the top of “Line by line”.")
        return found

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Make each the next version of its rule. They reach what is decided from then on; what is held has its time (S6)."""
        made = put_in_force(proposal.document["rules"], proposal, step)
        return {"rules": len(made)}


def _pairs(before: Document, after: Document) -> Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each rule that would be different, as it is in force, or nothing, and as it would be."""
    old = before["rules"]
    return ((old.get(code, {}), one) for code, one in after["rules"].items() if old.get(code) != one)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    if not old:
        rule = rule_language_rule.read(new)
        words = f"{rule.sentence} Rated {rule.rating}, mode {rule.mode}."
        return [Change(rule.code, rule.title, "not asked for", words, tightens=True)]
    return [
        replace(
            one, where=f"{new['code']}.{one.where}", label=f"{new['title']}: {one.label[:1].lower()}{one.label[1:]}"
        )
        for one in differences(old, new)
    ]


def _lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Line]:
    before, after = (_text(one).splitlines() if one else [] for one in (old, new))
    yield from (Line(one[0], one[2:]) for one in ndiff(before, after) if not one.startswith("?"))
    yield Line(" ", "")


def _text(document: Mapping[str, Any]) -> str:
    """A rule as it would be written: parts in their order, whichever way they are stored, and short lists on one line."""
    said = rule_language_rule.read(document).to_dict()
    text: str = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return text
