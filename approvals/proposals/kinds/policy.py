"""The policy as something that is proposed: read with its lines, counted over what was submitted, and put in force as the next version (S8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.conflicts.dry_run import Known
from approvals.models import PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as policy_queries
from approvals.policies.diff import Change, Line
from approvals.proposals.impact import policy
from approvals.proposals.kinds.kind import About, Document, Given, Kind, Slice, Span
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role


class PolicyKind(Kind):
    """A change of the policy: an admin proposes it, a security reviewer countersigns it. What only tightens may act at once."""

    code = "policy"
    title = "Policy"
    countersigner = Role.SECURITY_REVIEWER
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """There is one policy."""
        return {DEFAULT: About("The policy", reverse("policies"))} if DEFAULT in targets else {}

    def titled(self, target: str, called: str) -> str:
        """There is one policy."""
        return "Change of the policy"

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """The document in force."""
        return policy_queries.completed(policy_queries.in_force(now).document)

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """Check it against the schema, and that it fits together."""
        found = policy_document.from_data(document)
        return Given(dict(found.document), found.problems)

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """What would be different, in words."""
        return diff.changes(policy_document.ordered(before), policy_document.ordered(after))

    def lines(self, before: Document, after: Document) -> list[Line]:
        """The same as lines of the text that people edit."""
        return diff.lines(before, after)

    def total(self, span: Span) -> int:
        """Submissions handed in during the time."""
        return policy.total(span)

    def count(self, span: Span, cursor: int, size: int, known: Known) -> Slice:
        """Judge the next few submissions under both."""
        return policy.count(span, cursor, size)

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """What would have been different for how many."""
        return policy.said(span, counts)

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Make it the next version: signed by two, or by one and until its time is up. It reaches what is submitted from then on (A1)."""
        is_signed = proposal.acting_until is None or proposal.answered_by_id is not None
        made = _next(
            proposal,
            step,
            document=proposal.document,
            until=None if is_signed else proposal.acting_until,
            proposed_by=proposal.proposed_by,
            approved_by=proposal.answered_by,
        )
        return {"policy": made.number, "digest": made.digest}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Bring back the version before it, as a version of its own; nothing where two people have signed another since."""
        acting = proposal.policy_versions.get(until__isnull=False)
        signed = PolicyVersion.objects.filter(kind=DEFAULT, until__isnull=True).order_by("-number")[0]
        if signed.number > acting.number:
            return {}
        made = _next(proposal, step, document=signed.document, restores=signed)
        return {"policy": made.number, "restores": signed.number}

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """The page on which it is written."""
        return reverse("policy_propose") if proposal is None else reverse("policy_amend", args=[proposal.pk])


def _next(proposal: Proposal, step: Step[Any], *, document: Document, **more: Any) -> PolicyVersion:
    number = PolicyVersion.objects.filter(kind=DEFAULT).order_by("-number").values_list("number", flat=True)[0] + 1
    made = PolicyVersion(
        kind=DEFAULT,
        number=number,
        document=document,
        digest=policy_queries.digest(document),
        effective_at=step.now,
        proposal=proposal,
        **more,
    )
    made.save()
    step.record("policy.put_in_force", made, {"number": number, "digest": made.digest, "proposal": proposal.pk})
    return made
