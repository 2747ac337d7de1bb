"""A conflict rule as a proposal: new, changed, or given up (S6, S8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from approvals.conflicts import dry_run
from approvals.conflicts.check import automation
from approvals.conflicts.imports.comparison import meaning_key
from approvals.conflicts.rule_language.rule import MODES, InvalidRule, parse_rule
from approvals.conflicts.rule_language.text import write_text
from approvals.models import ConflictRule, Proposal, ProposalState, Submission
from approvals.policies.diff import Change, tightens
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.impact import conflict_rule
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Slice, Span, Subject
from approvals.proposals.kinds.rule_versions import put_in_force, take_back
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role

#: States of a change that acted at once without a countersignature.
NOT_SIGNED = (ProposalState.AT_ONCE, ProposalState.LAPSED, ProposalState.REJECTED)

#: Labels of the parts of a rule. Only a stricter mode is sure to tighten.
LABELS = {
    "title": "Title",
    "process": "Business process",
    "rating": "Rating",
    "mode": "What it does",
    "scope": "Of whom it is asked",
    "reason": "Why it matters",
    "resolve": "What would resolve it",
    "legs": "What may not be held together",
    "needs": "What it needs",
    "without": "What has to be there",
}


class RulesKind(Kind):
    """Conflict rules; a security reviewer countersigns."""

    countersigner = Role.SECURITY_REVIEWER

    def rules(self, document: Document) -> Mapping[str, Mapping[str, Any]]:
        """Return the documents of the rules in a document of this kind, by code."""
        raise NotImplementedError

    def changed_rules(self, before: Document, after: Document) -> Iterator[tuple[str, tuple[Change, ...]]]:
        """Yield the code and the changes of each rule that is new, changed or given up."""
        old, new = self.rules(before), self.rules(after)
        for code in dict.fromkeys([*old, *new]):
            if changes := rule_changes(old.get(code), new.get(code)):
                yield code, changes

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changes of all rules."""
        return tuple(change for _, changes in self.changed_rules(before, after) for change in changes)

    def text(self, document: Document) -> str:
        """Return the text of each rule."""
        return "\n".join(write_text(rule) for rule in self.rules(document).values())

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return the ids of people caught by a rule that the change may loosen."""
        loosened = [code for code, changes in self.changed_rules(before, after) if not tightens(changes)]
        return beneficiaries.beneficiaries_of_rules(loosened, now)

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many submissions the rules would have caught."""
        return conflict_rule.sentences(self.rules(span.before), self.rules(span.after), counts)

    def total(self, span: Span) -> int:
        """Return the number of submissions in the period."""
        return _submissions(span).count()

    def count(self, span: Span, cursor: int, size: int) -> Slice:
        """Check the access of the next submissions against both sets of rules, as the conflict check does."""
        rows = list(_submissions(span).filter(pk__gt=cursor).order_by("pk")[:size])
        both = (self.rules(side).values() for side in (span.before, span.after))
        counts: Counter[str] = Counter()
        for was, becomes in zip(*dry_run.conflicts_of(rows, span.until, *both), strict=True):
            old, new = ({conflict.standing.rule.code for conflict in conflicts} for conflicts in (was, becomes))
            was_waived = automation.are_all_waived(was)
            counts["caught"] += bool(new)
            counts["more"] += bool(new - old)
            counts["less"] += bool(old - new) and not was_waived
            counts["waived"] += automation.are_all_waived(becomes)
            counts["was_waived"] += bool(new) and was_waived
            counts.update(f"by:{code}" for code in new)
        return Slice(counts, rows[-1].pk if rows else cursor, len(rows))


def _submissions(span: Span) -> QuerySet[Submission]:
    """Return submissions of the period whose access is recorded."""
    return span.submissions.filter(held__isnull=False).select_related("automation")


def read_rule(document: object, code: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the normalised document of a rule under its own code, or its problems."""
    try:
        rule = parse_rule(document)
    except InvalidRule as error:
        return {}, tuple(
            Problem(0, problem.where, f"{problem.what.capitalize()}.", problem.what_to_do) for problem in error.problems
        )
    if rule.code != code:
        return {}, (Problem(0, "code", "This is another rule's code.", f"Write {code}."),)
    return rule.to_dict(), ()


class ConflictRuleKind(RulesKind):
    """One rule by its code: ``{"rule": document}``, or ``{}`` to give it up.

    A new rule and a stricter mode may act at once.
    """

    code = "conflict_rule"
    title = "Conflict rule"
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return rules by their newest titles; a new rule by its code."""
        newest = ConflictRule.objects.filter(code__in=targets).order_by("code", "-number").distinct("code")
        about_by_code = {rule.code: Subject(rule.title, rule.href) for rule in newest}
        return {code: about_by_code.get(code, Subject(f"New rule: {code}")) for code in targets}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the rule in force; empty if there is none."""
        rule = ConflictRule.objects.in_force(now).filter(code=target).first()
        return {"rule": rule.document} if rule is not None else {}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Read the rule; its code must be the target."""
        if not document.get("rule"):
            return ReadResult({})
        rule, problems = read_rule(document["rule"], target)
        return ReadResult(problems=problems) if problems else ReadResult({"rule": rule})

    def about_the_same(self, proposal: Proposal) -> QuerySet[Proposal]:
        """Return proposals about the same code; for a new rule also equal rules and the author's own new rules.

        Otherwise one person could keep a rule in force alone, each time under a new code.
        """
        same_target = super().about_the_same(proposal)
        if proposal.before:
            return same_target
        new = Proposal.objects.filter(kind=self.code, before={})
        alone = new.filter(acting_until__isnull=False, state__in=NOT_SIGNED)
        wanted = meaning_key(parse_rule(proposal.document["rule"]))
        alike = [
            pk
            for pk, document in alone.values_list("pk", "document")
            if meaning_key(parse_rule(document["rule"])) == wanted
        ]
        by_author = new.filter(proposed_by=proposal.proposed_by).exclude(state=ProposalState.AT_ONCE)
        return same_target | Proposal.objects.filter(pk__in=alike) | by_author

    def rules(self, document: Document) -> Mapping[str, Mapping[str, Any]]:
        """Return the rule, if it is not given up."""
        return {document["rule"]["code"]: document["rule"]} if "rule" in document else {}

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return the effect on submissions and on open conflicts."""
        return [*super().said(span, counts), *conflict_rule.open_conflict_sentences(span)]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put the next version of the rule in force. It applies to later decisions; existing conflicts have time (S6)."""
        (made,) = put_in_force({proposal.target: proposal.document.get("rule")}, proposal, step)
        return {"rule": made.code, "number": made.number}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Restore the earlier rule, or none, as a new version; do nothing if two people have signed another since."""
        made = take_back(proposal, step)
        return {"rule": made.code, "number": made.number} if made is not None else {}

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """Return the page to edit the rule."""
        if proposal is not None:
            return reverse("rule_amend", args=[proposal.pk])
        exists = ConflictRule.objects.filter(code=target).exists()
        return reverse("rule_propose", args=[target]) if exists else reverse("rule_new")


def rule_changes(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[Change, ...]:
    """Return the changes of one rule: only a new rule and a stricter mode are sure to tighten."""
    if old is not None and new is not None:
        return differences(old, new)
    rule = parse_rule(new or old)
    words = f"{rule.sentence} Rated {rule.rating}, mode {rule.mode}."
    if new is None:
        return (Change("rule", rule.title, words, "not asked for", tightens=False),)
    return (Change("rule", rule.title, "not asked for", words, tightens=True),)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the differences of two documents of a rule, in words."""
    return tuple(
        Change(name, label, _words(old.get(name)), _words(new.get(name)), _is_stricter(name, old, new))
        for name, label in LABELS.items()
        if old.get(name) != new.get(name)
    )


def _is_stricter(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return name == "mode" and MODES.index(after["mode"]) > MODES.index(before["mode"])


def _words(value: Any) -> str:
    """Return a part of a rule in words: legs by name, other values as they are."""
    if isinstance(value, list):
        return "; ".join(str(leg.get("name", "")) for leg in value)
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return str(value or "nothing")
