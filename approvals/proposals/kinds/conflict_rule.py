"""A conflict rule as a proposal: new, changed, or given up; and its effect on submissions and open conflicts (S6, S8)."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from approvals.conflicts import dry_run, leg_members
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check.find_conflicts import are_all_waived
from approvals.conflicts.rule_language.rule import MODES, parse_rule, write_text
from approvals.models import Conflict, ConflictRule, Proposal, ProposalState, Submission, WhatIf
from approvals.models.conflict_rule import Mode
from approvals.policies import queries as policy_queries
from approvals.policies.diff import Change, tightens
from approvals.policies.yaml_document import InvalidDocument, Problem
from approvals.proposals import beneficiaries
from approvals.proposals.kinds.kind import Document, Kind, Subject
from governance.core.access import Role
from governance.core.engine.transition import Step
from governance.core.texts.number_words import counted

#: The effect on a caught submission by the rule's mode.
EFFECTS: Mapping[str, str] = {
    Mode.RECORD: "been recorded as in a conflict",
    Mode.APPROVAL: "needed an extra approval from Security",
    Mode.ENFORCE: "been refused",
}
#: States of a change that acted at once without a countersignature.
NOT_SIGNED = (ProposalState.AT_ONCE, ProposalState.LAPSED, ProposalState.REJECTED)

#: Labels of the parts of a rule. Only a stricter mode is sure to tighten.
LABELS = {
    "title": "Title",
    "process": "Business process",
    "rating": "Rating",
    "mode": "What it does",
    "scope": "Scope",
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

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return rules by their newest titles; a new rule by the words of its code."""
        newest = ConflictRule.objects.filter(code__in=targets).order_by("code", "-number").distinct("code")
        about_by_code = {rule.code: Subject(rule.title, rule.href) for rule in newest}
        return {code: about_by_code.get(code, Subject(code.replace("-", " ").capitalize())) for code in targets}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the rule in force; empty if there is none."""
        rule = ConflictRule.objects.in_force(now).filter(code=target).first()
        return {"rule": rule.document} if rule is not None else {}

    def check_document(self, target: str, document: Document, now: datetime) -> Document:
        """Read the rule; its code must be the target."""
        if not document.get("rule"):
            return {}
        rule = parse_rule(document["rule"])
        if rule.code != target:
            raise InvalidDocument(Problem(0, "code", "This is another rule's code.", f"Write {target}."))
        return {"rule": rule.to_dict()}

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changes of the rule: only a new rule and a stricter mode are sure to tighten."""
        old, new = before.get("rule"), after.get("rule")
        if old is not None and new is not None:
            return _differences(old, new)
        if old is None and new is None:
            return ()
        rule = parse_rule(new or old)
        words = f"{rule.sentence} Rated {rule.rating}, mode {rule.mode}."
        if new is None:
            return (Change("rule", rule.title, words, "no such rule", tightens=False),)
        return (Change("rule", rule.title, "no such rule", words, tightens=True),)

    def text(self, document: Document) -> str:
        """Return the text of the rule; empty if it is given up."""
        return write_text(document["rule"]) if "rule" in document else ""

    def people_gaining(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return the ids of people caught by the rule, if the change may loosen it."""
        is_tighter = tightens(self.changes(target, before, after))
        return frozenset() if is_tighter else beneficiaries.beneficiaries_of_rules([target], now)

    def about_the_same(self, proposal: Proposal) -> QuerySet[Proposal]:
        """Return proposals about the same code; for a new rule also equal rules and the author's own new rules.

        Otherwise one person could keep a rule in force alone, each time under a new code.
        """
        same_target = super().about_the_same(proposal)
        if proposal.before:
            return same_target
        new = Proposal.objects.filter(kind=self.code, before={})
        alone = new.filter(acting_until__isnull=False, state__in=NOT_SIGNED)
        wanted = parse_rule(proposal.document["rule"]).meaning
        alike = [
            pk for pk, document in alone.values_list("pk", "document") if parse_rule(document["rule"]).meaning == wanted
        ]
        by_author = new.filter(proposed_by=proposal.proposed_by).exclude(state=ProposalState.AT_ONCE)
        return same_target | Proposal.objects.filter(pk__in=alike) | by_author

    def submissions(self, what_if: WhatIf) -> QuerySet[Submission]:
        """Return the submissions of the period whose access is recorded."""
        return what_if.submissions.filter(held__isnull=False).select_related("automation")

    def count(self, what_if: WhatIf, submissions: Sequence[Submission]) -> Counter[str]:
        """Check the access of submissions against both versions of the rule, as the conflict check does."""
        both = (side.get("rule") for side in (what_if.proposal.before, what_if.proposal.document))
        counts: Counter[str] = Counter()
        for was, becomes in zip(*dry_run.conflicts_of(submissions, what_if.until, *both), strict=True):
            was_waived = are_all_waived(was)
            counts["caught"] += bool(becomes)
            counts["more"] += bool(becomes) and not was
            counts["less"] += bool(was) and not becomes and not was_waived
            counts["waived"] += are_all_waived(becomes)
            counts["was_waived"] += bool(becomes) and was_waived
        return counts

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return the effect on submissions and on open conflicts."""
        return [*_submission_sentences(what_if), *_open_conflict_sentences(what_if)]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put the next version of the rule in force. It applies to later decisions; existing conflicts have time (S6)."""
        newest = ConflictRule.objects.filter(code=proposal.target).order_by("-number").first()
        return _put_in_force(newest, proposal.document.get("rule"), step, **proposal.signed_facts)

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Restore what two people signed before one tightened the rule alone, or no rule, as a new version."""
        versions = ConflictRule.objects.filter(code=proposal.target).order_by("-number")
        acting = versions.get(until=proposal.acting_until, proposed_by=proposal.proposed_by)
        signed = versions.filter(until__isnull=True).first()
        document = signed.document if signed is not None and not signed.is_given_up else None
        number = versions[0].number + 1
        return _put_in_force(versions[0] if signed is None else signed, document, step, number=number, undoes=acting)

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """Return the page to edit the rule."""
        if proposal is not None:
            return reverse("rule_amend", args=[proposal.pk])
        exists = ConflictRule.objects.filter(code=target).exists()
        return reverse("rule_propose", args=[target]) if exists else reverse("rule_new")


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the differences of two documents of a rule, in words."""
    is_stricter = MODES.index(new["mode"]) > MODES.index(old["mode"])
    return tuple(
        Change(name, label, _words(old.get(name)), _words(new.get(name)), name == "mode" and is_stricter)
        for name, label in LABELS.items()
        if old.get(name) != new.get(name)
    )


def _words(value: Any) -> str:
    """Return a part of a rule in words: legs by name, other values as they are."""
    if isinstance(value, list):
        return "; ".join(str(leg.get("name", "")) for leg in value)
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return str(value or "nothing")


def _submission_sentences(what_if: WhatIf) -> list[str]:
    """Return sentences about the submissions that a rule would have caught.

    Args:
        what_if: counts the submissions caught (``caught``), those of them under a waiver (``waived``; ``was_waived`` under the
            current rule), those caught only by the new rule (``more``), and those caught only by the current rule (``less``).
    """
    old, new = what_if.proposal.before.get("rule"), what_if.proposal.document.get("rule")
    counts = what_if.counts
    caught, more, less, waived = (counts.get(name, 0) for name in ("caught", "more", "less", "waived"))
    was, effect = (EFFECTS[rule["mode"]] if rule is not None else "" for rule in (old, new))
    same = caught - more - counts.get("was_waived", 0)
    sentences = []
    if new:
        sentences.append(f"{counted(caught - waived, 'submission')} would have {effect}.")
    if new and waived:
        sentences.append(f"{counted(waived, 'submission')} would have been in conflict under a waiver.")
    if old and new and same and was != effect:
        sentences.append(f"{same:,} of them would have {was} under today's rules.")
    if old and new and more:
        sentences.append(f"{more:,} of them would not have been caught by today's rules.")
    if old and less:
        sentences.append(f"{counted(less, 'submission')} would have {was} under today's rules only.")
    return sentences


def _open_conflict_sentences(what_if: WhatIf) -> list[str]:
    """Return what happens to the open conflicts of the rule."""
    old, new = what_if.proposal.before.get("rule"), what_if.proposal.document.get("rule")
    was_enforced, is_enforced = (rule is not None and rule["mode"] == Mode.ENFORCE for rule in (old, new))
    if new is not None and is_enforced and not was_enforced:
        days = policy_queries.in_force(what_if.until).resolve_days(new["rating"])
        return [f"Conflicts in held access would have {days} days to be resolved."]
    is_unended = Q(ended_at__isnull=True) | Q(ended_at__gt=what_if.until)
    rows = Conflict.objects.filter(is_unended, code=what_if.proposal.target, opened_at__lte=what_if.until)
    count = counted(rows.count(), "open conflict")
    if old is not None and new is None:
        return [f"{count} would end."]
    return [f"{count} would lose the deadline."] if was_enforced and not is_enforced else []


def _put_in_force(
    before: ConflictRule | None, document: Mapping[str, Any] | None, step: Step[Any], **more: Any
) -> dict[str, Any]:
    """Make the next version of a rule inside the running operation; without a document the rule is given up."""
    rule = parse_rule(document or (before.document if before is not None else {}))
    number = more.pop("number", before.number + 1 if before is not None else 1)
    facts = {"is_given_up": document is None, "effective_at": step.now, "number": number, **more}
    made = conflict_queries.build_version(rule, document=rule.to_dict(), **facts)
    made.save()
    leg_members.update_rules([made])
    step.record("conflict_rule.put_in_force", made, {"code": made.code, "number": made.number, "digest": made.digest})
    return {"rule": made.code, "number": made.number}
