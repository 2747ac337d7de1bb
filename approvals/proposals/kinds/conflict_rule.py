"""A conflict rule as a proposal: new, changed, or given up (S6, S8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from approvals.conflicts import dry_run, members
from approvals.conflicts.check import automation
from approvals.conflicts.dry_run import HoldingsCache
from approvals.conflicts.imports.comparison import meaning_key
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import MODES, InvalidRule
from approvals.models import ConflictRule, Proposal, ProposalState, Submission
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.impact import conflict_rule
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Slice, Span, Subject, tightens
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


class ConflictRuleKind(Kind):
    """One rule by its code: ``{"rule": document}``, or ``{}`` to give it up. A security reviewer countersigns.

    A new rule and a stricter mode may act at once.
    """

    code = "conflict_rule"
    title = "Conflict rule"
    countersigner = Role.SECURITY_REVIEWER
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
        try:
            rule = rule_language_rule.parse_rule(document["rule"])
        except InvalidRule as error:
            problems = (
                Problem(0, problem.where, f"{problem.what.capitalize()}.", problem.what_to_do)
                for problem in error.problems
            )
            return ReadResult(problems=tuple(problems))
        if rule.code != target:
            return ReadResult(problems=(Problem(0, "code", "This is another rule's code.", f"Write {target}."),))
        return ReadResult({"rule": rule.to_dict()})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changes: only a new rule and a stricter mode are sure to tighten."""
        old, new = before.get("rule"), after.get("rule")
        if old is None or new is None:
            values = "in force", "not asked for"
            words = values if new is None else values[::-1]
            return () if old is new else (Change("rule", "The rule", *words, new is not None),)
        return differences(old, new)

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return the ids of people caught by the rule, if the change may loosen it."""
        return (
            frozenset()
            if tightens(self.changes(target, before, after))
            else beneficiaries.beneficiaries_of_rules([target], now)
        )

    def about_the_same(self, proposal: Proposal) -> QuerySet[Proposal]:
        """Return proposals about the same code; for a new rule also equal rules and the author's own new rules.

        Otherwise one person could keep a rule in force alone, each time under a new code.
        """
        same_target = super().about_the_same(proposal)
        if proposal.before:
            return same_target
        new = Proposal.objects.filter(kind=self.code, before={})
        alone = new.filter(acting_until__isnull=False, state__in=NOT_SIGNED)
        wanted = meaning_key(rule_language_rule.parse_rule(proposal.document["rule"]))
        alike = [
            pk
            for pk, document in alone.values_list("pk", "document")
            if meaning_key(rule_language_rule.parse_rule(document["rule"])) == wanted
        ]
        by_author = new.filter(proposed_by=proposal.proposed_by).exclude(state=ProposalState.AT_ONCE)
        return same_target | Proposal.objects.filter(pk__in=alike) | by_author

    def total(self, span: Span) -> int:
        """Return the number of submissions in the period."""
        return int(submissions(span).count())

    def count(self, span: Span, cursor: int, size: int, cache: HoldingsCache) -> Slice:
        """Check the grants of the next submissions against both rules, as the conflict check does."""
        rows = list(submissions(span).filter(pk__gt=cursor).order_by("pk").only("held", "automation", "version")[:size])
        both = ([side["rule"]] if "rule" in side else [] for side in (span.before, span.after))
        old, new = dry_run.conflicts_of(rows, span.until, *both, cache=cache)
        counts: Counter[str] = Counter()
        for was, becomes in zip(old, new, strict=True):
            counts["caught"] += bool(becomes)
            counts["more"] += bool(becomes) and not was
            counts["less"] += bool(was) and not becomes and not automation.are_all_waived(was)
            counts["waived"] += automation.are_all_waived(becomes)
            counts["was_waived"] += bool(becomes) and automation.are_all_waived(was)
        return Slice(counts, rows[-1].pk if rows else cursor, len(rows))

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return the effect on submissions and on open conflicts."""
        return conflict_rule.sentences(span, counts)

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


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the differences of two documents of a rule, in words."""
    return tuple(
        Change(name, label, _words(old.get(name)), _words(new.get(name)), _is_stricter(name, old, new))
        for name, label in LABELS.items()
        if old.get(name) != new.get(name)
    )


def put_in_force(
    documents: Mapping[str, Mapping[str, Any] | None], proposal: Proposal, step: Step[Any]
) -> list[ConflictRule]:
    """Make the next version of rules inside the approving operation; if one person signed, it ends when its time is up.

    Args:
        documents: new document by rule code; None to give the rule up.
        proposal: the proposal.
        step: the running step.
    """
    is_signed = proposal.acting_until is None or proposal.answered_by_id is not None
    signed = {
        "until": None if is_signed else proposal.acting_until,
        "proposed_by": proposal.proposed_by,
        "approved_by": proposal.answered_by,
    }
    newest = ConflictRule.objects.filter(code__in=documents).order_by("code", "-number").distinct("code")
    last_by_code = {rule.code: rule for rule in newest}
    made = [_next(last_by_code.get(code), document, step, **signed) for code, document in documents.items()]
    members.update_rules(made)
    return made


def take_back(proposal: Proposal, step: Step[Any]) -> ConflictRule | None:
    """Restore what two people signed before one tightened the rule alone, or no rule, as a new version.

    Args:
        proposal: the proposal without a countersignature.
        step: the running step that ends it.

    Returns:
        The new version; None if two people have signed another since.
    """
    versions = ConflictRule.objects.filter(code=proposal.target).order_by("-number")
    acting = versions.get(until=proposal.acting_until, proposed_by=proposal.proposed_by)
    signed = versions.filter(until__isnull=True).first()
    if signed is not None and signed.number > acting.number:
        return None
    document = signed.document if signed is not None and not signed.is_given_up else None
    made = _next(
        versions[0] if signed is None else signed, document, step, number=versions[0].number + 1, undoes=acting
    )
    members.update_rules([made])
    return made


def _next(
    before: ConflictRule | None, document: Mapping[str, Any] | None, step: Step[Any], **more: Any
) -> ConflictRule:
    rule = rule_language_rule.parse_rule(document or (before.document if before is not None else {}))
    made = ConflictRule(
        code=rule.code,
        document=rule.to_dict(),
        digest=rule.digest,
        title=rule.title,
        process=rule.process,
        rating=rule.rating,
        mode=rule.mode,
        scope=rule.scope,
        is_given_up=document is None,
        effective_at=step.now,
        **{"number": before.number + 1 if before is not None else 1} | more,
    )
    made.save()
    step.record("conflict_rule.put_in_force", made, {"code": made.code, "number": made.number, "digest": made.digest})
    return made


def submissions(span: Span) -> QuerySet[Submission]:
    """Return submissions of the period whose grants are recorded."""
    return Submission.objects.filter(submitted_at__gt=span.since, submitted_at__lte=span.until, held__isnull=False)


def _is_stricter(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return name == "mode" and MODES.index(after["mode"]) > MODES.index(before["mode"])


def _words(value: Any) -> str:
    """Return a part of a rule in words: legs by name, other values as they are."""
    if isinstance(value, list):
        return "; ".join(str(leg.get("name", "")) for leg in value)
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return str(value or "nothing")
