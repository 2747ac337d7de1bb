"""The policy as a proposal: read with line numbers, its impact counted, put in force as the next version (S8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.models import PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as policy_queries
from approvals.policies.diff import Change
from approvals.proposals.impact import policy
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Slice, Span, Subject
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role


class PolicyKind(Kind):
    """A change of the policy.

    An admin proposes it, a security reviewer countersigns. A change that only tightens may act at once.
    """

    code = "policy"
    title = "Policy"
    countersigner = Role.SECURITY_REVIEWER
    may_act_at_once = True

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the one policy."""
        return {DEFAULT: Subject("The policy", reverse("policies"))} if DEFAULT in targets else {}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the document in force."""
        return policy_queries.with_shipped_parts(policy_queries.in_force(now).document)

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Check the document against the schema and for consistency."""
        result = policy_document.from_data(document)
        return ReadResult(dict(result.document), result.problems)

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the differences in words."""
        return diff.changes(policy_document.ordered(before), policy_document.ordered(after))

    def text(self, document: Document) -> str:
        """Return the editable text."""
        return policy_document.as_text(document)

    def total(self, span: Span) -> int:
        """Return the number of submissions in the period."""
        return span.submissions.count()

    def count(self, span: Span, cursor: int, size: int) -> Slice:
        """Judge the next submissions under both documents."""
        return policy.count(span, cursor, size)

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return the impact in sentences."""
        return policy.sentences(span, counts)

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put the next version in force, until its time is up if only one person signed.

        It applies to later submissions (A1).
        """
        made = _next(proposal, step, document=proposal.document, **proposal.signed_facts)
        return {"policy": made.number, "digest": made.digest}

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Restore the earlier version as a new one."""
        signed = PolicyVersion.objects.filter(kind=DEFAULT, until__isnull=True).order_by("-number")[0]
        made = _next(proposal, step, document=signed.document, restores=signed)
        return {"policy": made.number, "restores": signed.number}

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """Return the page to edit the policy."""
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
