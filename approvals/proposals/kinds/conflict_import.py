"""A conflict rule import as a proposal: all rules of a file, countersigned together (S6, S8)."""

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
from approvals.conflicts.dry_run import HoldingsCache
from approvals.conflicts.imports.imported_rules import RULES
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import InvalidRule
from approvals.models import ConflictRule, Proposal
from approvals.policies.diff import Change, Line
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.impact import conflict_rule
from approvals.proposals.kinds.conflict_rule import differences, put_in_force, submissions
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Slice, Span, Subject, tightens
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role
from inventory.importers.display import display_label

#: Length in characters.
LONGEST_LEFT_OUT = 400
#: How many rules the impact names.
NAMED = 5


class ConflictImportKind(Kind):
    """Rules of one import, by the name of its file: ``{"rules": {code: document}, "left_out": […]}``.

    A security reviewer countersigns.

    ``left_out`` has one sentence per entry of the file that became no rule, for the countersigner to read.
    """

    code = "conflict_import"
    title = "Conflict rules"
    countersigner = Role.SECURITY_REVIEWER

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the name of each file."""
        return {target: Subject(target) for target in targets if target}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return those of its rules that are in force."""
        wanted = document.get("rules", {})
        rules = ConflictRule.objects.in_force(now).filter(code__in=wanted)
        return {"rules": {rule.code: rule.document for rule in rules}}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Read each rule under its own code."""
        given = document.get("rules")
        if not isinstance(given, Mapping) or not 0 < len(given) <= RULES:
            return ReadResult(problems=(Problem(0, "rules", f"It takes between 1 and {RULES:,} rules."),))
        problems, rule_documents = list[Problem](), dict[str, Any]()
        for code, rule_document in sorted(given.items()):
            try:
                rule = rule_language_rule.parse_rule(rule_document)
            except InvalidRule as error:
                problems += (
                    Problem(0, f"{code}, {problem.where}", f"{problem.what.capitalize()}.", problem.what_to_do)
                    for problem in error.problems
                )
                continue
            if rule.code != code:
                problems.append(Problem(0, f"{code}, code", "This is another rule's code.", f"Write {code}."))
            rule_documents[code] = rule.to_dict()
        left_out = [display_label(line, LONGEST_LEFT_OUT) for line in document.get("left_out", ())]
        return (
            ReadResult(problems=tuple(problems))
            if problems
            else ReadResult({"rules": rule_documents, "left_out": left_out})
        )

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changes rule by rule: a new rule tightens, a changed rule depends on its parts."""
        return tuple(change for old, new in _pairs(before, after) for change in _changes(old, new))

    def lines(self, before: Document, after: Document) -> list[Line]:
        """Return the line diff of each rule's text, below the entries left out."""
        left_out = [Line(" ", f"# Left out: {line}") for line in after["left_out"]]
        return [*left_out, *(line for old, new in _pairs(before, after) for line in _lines(old, new))]

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return the ids of people caught by a rule that is loosened."""
        loosened = [new["code"] for old, new in _pairs(before, after) if not tightens(tuple(_changes(old, new)))]
        return beneficiaries.beneficiaries_of_rules(loosened, now)

    def total(self, span: Span) -> int:
        """Return the number of submissions in the period."""
        return int(submissions(span).count())

    def count(self, span: Span, cursor: int, size: int, cache: HoldingsCache) -> Slice:
        """Check the grants of the next submissions against the current and the new rules, as the conflict check does."""
        rows = list(submissions(span).filter(pk__gt=cursor).order_by("pk").only("held", "automation", "version")[:size])
        counts: Counter[str] = Counter()
        both = (side["rules"].values() for side in (span.before, span.after))
        conflicts_by_side = dry_run.conflicts_of(rows, span.until, *both, cache=cache)
        for was, becomes in zip(*conflicts_by_side, strict=True):
            old, new = ({conflict.standing.rule.code for conflict in conflicts} for conflicts in (was, becomes))
            counts["caught"] += bool(new)
            counts["more"] += bool(new - old)
            counts["less"] += bool(old - new)
            counts["waived"] += automation.are_all_waived(becomes)
            counts.update(f"by:{code}" for code in new)
        return Slice(counts, rows[-1].pk if rows else cursor, len(rows))

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many submissions the rules would have caught, and the rules that catch most."""
        found_by, more, less = (counts.get(name, 0) for name in ("caught", "more", "less"))
        scopes = [rule["scope"] for rule in span.after["rules"].values()]
        sentences = [
            f"{found_by:,} would have been in conflict by what {conflict_rule.holding_words(found_by, scopes)}."
        ]
        if waived := counts.get("waived", 0):
            sentences.append(
                f"{waived:,} of them under waivers, so {'it is' if waived == 1 else 'they are'} not refused."
            )
        if more and span.before["rules"]:
            sentences.append(f"{more:,} of them by a rule that does not catch them as it is now.")
        if less:
            sentences.append(
                f"{less:,} would not have been caught by a rule that catches {'it' if less == 1 else 'them'} as it is now."
            )
        top_rules = Counter({name[3:]: count for name, count in counts.items() if name.startswith("by:")}).most_common(
            NAMED
        )
        sentences += [f"{count:,} by “{span.after['rules'][code]['title']}”." for code, count in top_rules]
        if idle := len(span.after["rules"]) - sum(name.startswith("by:") for name in counts):
            sentences.append(f"{idle:,} of the rules would have caught nothing.")
        if left_out := len(span.after["left_out"]):
            subject_words = "thing in the file became" if left_out == 1 else "things in the file became"
            sentences.append(f"{left_out:,} {subject_words} no rule: see the top of “Line by line”.")
        return sentences

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put the next version of each rule in force. It applies to later decisions; existing conflicts have time (S6)."""
        made = put_in_force(proposal.document["rules"], proposal, step)
        return {"rules": len(made)}


def _pairs(before: Document, after: Document) -> Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each rule that changes: its document in force (empty if new) and the proposed one."""
    old = before["rules"]
    return ((old.get(code, {}), rule) for code, rule in after["rules"].items() if old.get(code) != rule)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    if not old:
        rule = rule_language_rule.parse_rule(new)
        words = f"{rule.sentence} Rated {rule.rating}, mode {rule.mode}."
        return [Change(rule.code, rule.title, "not asked for", words, tightens=True)]
    return [
        replace(
            change,
            where=f"{new['code']}.{change.where}",
            label=f"{new['title']}: {change.label[:1].lower()}{change.label[1:]}",
        )
        for change in differences(old, new)
    ]


def _lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Line]:
    before, after = (_text(rule).splitlines() if rule else [] for rule in (old, new))
    yield from (Line(line[0], line[2:]) for line in ndiff(before, after) if not line.startswith("?"))
    yield Line(" ", "")


def _text(document: Mapping[str, Any]) -> str:
    """Return a rule as YAML: parts in order, short lists on one line."""
    rule_document = rule_language_rule.parse_rule(document).to_dict()
    text: str = yaml.safe_dump(rule_document, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return text
