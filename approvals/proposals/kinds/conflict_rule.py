"""A conflict rule as something that is proposed: new, said otherwise, or given up (S6, S8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.urls import reverse

from approvals.conflicts import dry_run, members
from approvals.conflicts.check import automation
from approvals.conflicts.dry_run import Known
from approvals.conflicts.imports.comparison import sides
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import MODES, NotARule
from approvals.models import ConflictRule, Proposal, ProposalState, Submission
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.impact import conflict_rule
from approvals.proposals.kinds.kind import About, Document, Given, Kind, Slice, Span, tightens
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role

#: How what acted at once stands where nobody has countersigned it.
NOT_SIGNED = (ProposalState.AT_ONCE, ProposalState.LAPSED, ProposalState.REJECTED)

#: What each part of a rule is called where it changes; whether it tightens is said of the mode alone.
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
    """One rule, by its code: ``{"rule": document}``, or ``{}`` where nobody is to ask for it any more. A security reviewer countersigns.

    A new rule and a stricter mode may act at once.
    """

    code = "conflict_rule"
    title = "Conflict rule"
    countersigner = Role.SECURITY_REVIEWER
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """Rules by their newest titles; one that there is not yet by its code."""
        newest = ConflictRule.objects.filter(code__in=targets).order_by("code", "-number").distinct("code")
        known = {one.code: About(one.title, one.href) for one in newest}
        return {one: known.get(one, About(f"New rule: {one}")) for one in targets}

    def called(self) -> Combinable:
        """The newest title; nothing where it is new."""
        newest = ConflictRule.objects.filter(code=OuterRef("target")).order_by("-number")
        return Subquery(newest.values("title")[:1])

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """How it is in force; nothing where it is not."""
        found = ConflictRule.objects.in_force(now).filter(code=target).first()
        return {"rule": found.document} if found is not None else {}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """The rule in its one form; that of another code is another rule."""
        if not document.get("rule"):
            return Given({})
        try:
            found = rule_language_rule.read(document["rule"])
        except NotARule as error:
            said = (Problem(0, one.where, f"{one.what.capitalize()}.", one.what_to_do) for one in error.problems)
            return Given(problems=tuple(said))
        if found.code != target:
            return Given(problems=(Problem(0, "code", "This is another rule's code.", f"Write {target}."),))
        return Given({"rule": found.to_dict()})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """What would be different: a new rule and a stricter mode tighten, and nothing else is sure to."""
        old, new = before.get("rule"), after.get("rule")
        if old is None or new is None:
            said = "in force", "not asked for"
            words = said if new is None else said[::-1]
            return () if old is new else (Change("rule", "The rule", *words, new is not None),)
        return differences(old, new)

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Where it loosens, or may, whoever it catches as it is: less is asked of them from then on."""
        return frozenset() if tightens(self.changes(target, before, after)) else beneficiaries.who_is([target], now)

    def about_the_same(self, proposal: Proposal) -> QuerySet[Proposal]:
        """Those about its code; for a new rule also those about rules that are about the same by another code, and the author's own new ones:
        else one person would keep a rule in force alone, each time by a new code.
        """
        found = super().about_the_same(proposal)
        if proposal.before:
            return found
        new = Proposal.objects.filter(kind=self.code, before={})
        alone = new.filter(acting_until__isnull=False, state__in=NOT_SIGNED)
        wanted = sides(rule_language_rule.read(proposal.document["rule"]))
        alike = [
            pk
            for pk, said in alone.values_list("pk", "document")
            if sides(rule_language_rule.read(said["rule"])) == wanted
        ]
        own = new.filter(proposed_by=proposal.proposed_by).exclude(state=ProposalState.AT_ONCE)
        return found | Proposal.objects.filter(pk__in=alike) | own

    def total(self, span: Span) -> int:
        """Submissions handed in during the time."""
        return int(submissions(span).count())

    def count(self, span: Span, cursor: int, size: int, known: Known) -> Slice:
        """Ask both of what the next few submissions would have held, as a check asks the rules in force."""
        rows = list(submissions(span).filter(pk__gt=cursor).order_by("pk").only("held", "automation", "version")[:size])
        both = ([one["rule"]] if "rule" in one else [] for one in (span.before, span.after))
        old, new = dry_run.conflicts_of(rows, span.until, *both, known=known)
        counts: Counter[str] = Counter()
        for was, then in zip(old, new, strict=True):
            counts["caught"] += bool(then)
            counts["more"] += bool(then) and not was
            counts["less"] += bool(was) and not then and not automation.all_waived(was)
            counts["waived"] += automation.all_waived(then)
            counts["was_waived"] += bool(then) and automation.all_waived(was)
        return Slice(counts, rows[-1].pk if rows else cursor, len(rows))

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """What it would have done to how many, and what becomes of what is held."""
        return conflict_rule.said(span, counts)

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Make it the rule's next version. It reaches what is decided from then on; what is held has its time (S6)."""
        (made,) = put_in_force({proposal.target: proposal.document.get("rule")}, proposal, step)
        return {"rule": made.code, "number": made.number}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """What it said before, or nothing, as a version of its own; nothing to do where two people have signed another since."""
        made = take_back(proposal, step)
        return {"rule": made.code, "number": made.number} if made is not None else {}

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """The page on which it is written."""
        if proposal is not None:
            return reverse("rule_amend", args=[proposal.pk])
        known = ConflictRule.objects.filter(code=target).exists()
        return reverse("rule_propose", args=[target]) if known else reverse("rule_new")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """What two documents of one rule differ in, in words."""
    return tuple(
        Change(name, label, _words(old.get(name)), _words(new.get(name)), _is_stricter(name, old, new))
        for name, label in LABELS.items()
        if old.get(name) != new.get(name)
    )


def put_in_force(
    documents: Mapping[str, Mapping[str, Any] | None], proposal: Proposal, step: Step[Any]
) -> list[ConflictRule]:
    """Make the next version of some rules, inside the operation that approved them: signed by two, or by one and until its time is up.

    Args:
        documents: what each rule says from now on, by its code; None where nobody is to ask for it any more.
        proposal: of which they come.
        step: the operation.
    """
    is_signed = proposal.acting_until is None or proposal.answered_by_id is not None
    signed = {
        "until": None if is_signed else proposal.acting_until,
        "proposed_by": proposal.proposed_by,
        "approved_by": proposal.answered_by,
    }
    newest = ConflictRule.objects.filter(code__in=documents).order_by("code", "-number").distinct("code")
    last = {one.code: one for one in newest}
    made = [_next(last.get(code), document, step, **signed) for code, document in documents.items()]
    members.weigh_rules(made)
    return made


def take_back(proposal: Proposal, step: Step[Any]) -> ConflictRule | None:
    """Bring back what two people signed of a rule before one tightened it alone, or nothing, as a version of its own.

    Args:
        proposal: which nobody countersigned.
        step: the operation that ended it.

    Returns:
        The version; None where two people have signed another since.
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
    members.weigh_rules([made])
    return made


def _next(
    before: ConflictRule | None, document: Mapping[str, Any] | None, step: Step[Any], **more: Any
) -> ConflictRule:
    rule = rule_language_rule.read(document or (before.document if before is not None else {}))
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
    """Those handed in during the time of which it is known what they would have held."""
    return Submission.objects.filter(submitted_at__gt=span.since, submitted_at__lte=span.until, held__isnull=False)


def _is_stricter(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return name == "mode" and MODES.index(after["mode"]) > MODES.index(before["mode"])


def _words(value: Any) -> str:
    """A part of a rule in words: legs by their names, all else as it is."""
    if isinstance(value, list):
        return "; ".join(str(one.get("name", "")) for one in value)
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return str(value or "nothing")
