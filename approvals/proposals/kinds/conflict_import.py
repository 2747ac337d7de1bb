"""A conflict rule import as a proposal: all rules of a file, countersigned together (S6, S8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from approvals.conflicts.imports.imported_rules import RULES
from approvals.models import ConflictRule, Proposal
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals.kinds.conflict_rule import RulesKind, read_rule
from approvals.proposals.kinds.kind import Document, ReadResult, Span, Subject
from approvals.proposals.kinds.rule_versions import put_in_force
from governance.core.engine.transition import Step
from inventory.importers.display import display_label

#: Length in characters.
LONGEST_LEFT_OUT = 400
#: How many rules the impact names.
NAMED = 5


class ConflictImportKind(RulesKind):
    """Rules of one import, by the name of its file: ``{"rules": {code: document}, "left_out": […]}``.

    ``left_out`` has one sentence per entry of the file that became no rule, for the countersigner to read.
    """

    code = "conflict_import"
    title = "Conflict rules"

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the name of each file."""
        return {target: Subject(target) for target in targets if target}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return those of its rules that are in force."""
        wanted = document.get("rules", {})
        rules = ConflictRule.objects.in_force(now).filter(code__in=wanted)
        return {"rules": {rule.code: rule.document for rule in rules}}

    def rules(self, document: Document) -> Mapping[str, Mapping[str, Any]]:
        """Return the rules of the file."""
        rules: Mapping[str, Mapping[str, Any]] = document["rules"]
        return rules

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Read each rule under its own code."""
        given = document.get("rules")
        if not isinstance(given, Mapping) or not 0 < len(given) <= RULES:
            return ReadResult(problems=(Problem(0, "rules", f"It takes between 1 and {RULES:,} rules."),))
        read = {code: read_rule(rule_document, code) for code, rule_document in sorted(given.items())}
        problems = [
            replace(problem, where=f"{code}, {problem.where}") for code, (_, found) in read.items() for problem in found
        ]
        if problems:
            return ReadResult(problems=tuple(problems))
        left_out = [display_label(line, LONGEST_LEFT_OUT) for line in document.get("left_out", ())]
        return ReadResult({"rules": {code: rule for code, (rule, _) in read.items()}, "left_out": left_out})

    def changed_rules(self, before: Document, after: Document) -> Iterator[tuple[str, tuple[Change, ...]]]:
        """Yield the code and the changes of each rule; a change of a rule in force names it."""
        for code, changes in super().changed_rules(before, after):
            if code in before["rules"]:
                title = after["rules"][code]["title"]
                changes = tuple(
                    replace(
                        change,
                        where=f"{code}.{change.where}",
                        label=f"{title}: {change.label[:1].lower()}{change.label[1:]}",
                    )
                    for change in changes
                )
            yield code, changes

    def text(self, document: Document) -> str:
        """Return the text of each rule, below the entries left out."""
        left_out = "".join(f"# Left out: {line}\n" for line in document.get("left_out", ()))
        return f"{left_out}{super().text(document)}"

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many submissions the rules would have caught, and the rules that catch most."""
        by_code = Counter({name[3:]: count for name, count in counts.items() if name.startswith("by:")})
        rules, sentences = self.rules(span.after), super().said(span, counts)
        sentences += [f"{count:,} by “{rules[code]['title']}”." for code, count in by_code.most_common(NAMED)]
        if idle := len(rules) - len(by_code):
            sentences.append(f"{idle:,} of the rules would have caught nothing.")
        if left_out := len(span.after["left_out"]):
            subject_words = "thing in the file became" if left_out == 1 else "things in the file became"
            sentences.append(f"{left_out:,} {subject_words} no rule: see the top of “Line by line”.")
        return sentences

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put the next version of each rule in force. It applies to later decisions; existing conflicts have time (S6)."""
        made = put_in_force(proposal.document["rules"], proposal, step)
        return {"rules": len(made)}
