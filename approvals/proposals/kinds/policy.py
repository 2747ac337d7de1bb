"""The policy as a proposal: read with line numbers, its impact counted, put in force as the next version (S8).

The impact is recent submissions judged under both documents, from today's register. A submission's real tier moves by
the difference. Seats, terms and the light path follow. Effects without a trace in a submission (age of a sign-in, spot
checks) are not counted, and a sentence says so.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.urls import reverse

from approvals.models import Approval, ApprovalKind, PolicyVersion, Proposal, Submission, WhatIf
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as policy_queries
from approvals.policies.diff import Change, is_reordered
from approvals.policies.queries import Policy
from approvals.proposals.kinds.kind import Document, Kind, Subject
from governance.core.access import Role
from governance.core.engine.transition import Step
from governance.core.texts.number_words import counted
from inventory.models import Privilege
from inventory.risk.tiers import Tier
from inventory.versions import assessment

#: Parts of a document that change something about a submission.
COUNTED = {
    *("tiers", "seats", "longest_term", "due_working_days", "expires_working_days", "light_path", "two_owners"),
}


class PolicyKind(Kind):
    """A change of the policy.

    An admin proposes it, a security reviewer countersigns. A change that only tightens may act at once.
    """

    code = "policy"
    title = "Policy"
    countersigner = Role.SECURITY_REVIEWER
    may_act_at_once = True

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the one policy."""
        return {DEFAULT: Subject("The policy", reverse("policies"))} if DEFAULT in targets else {}

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the document in force."""
        return policy_queries.with_shipped_parts(policy_queries.in_force(now).document)

    def check_document(self, target: str, document: Document, now: datetime) -> Document:
        """Check the document against the schema and for consistency."""
        return policy_document.from_data(document)

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the differences in words."""
        return diff.changes(policy_document.ordered(before), policy_document.ordered(after))

    def text(self, document: Document) -> str:
        """Return the editable text."""
        return policy_document.as_text(document)

    def submissions(self, what_if: WhatIf) -> QuerySet[Submission]:
        """Return the submissions of the period with their approvals, and what a tier is judged from if tiers change."""
        rows = what_if.submissions.select_related("automation")
        rows = rows.prefetch_related(Prefetch("approvals", Approval.objects.select_related("privilege", "credential")))
        before, after = _policies(what_if)
        if before.tiers != after.tiers:
            privileges = Privilege.objects.select_related("entitlement__resource", "credential")
            rows = rows.prefetch_related(Prefetch("version__privileges", privileges), "version__triggers")
        return rows

    def count(self, what_if: WhatIf, submissions: Sequence[Submission]) -> Counter[str]:
        """Judge submissions under both documents, with the functions that judge and route a submission."""
        before, after = _policies(what_if)
        return Counter(effect for submission in submissions for effect in _effects(submission, before, after))

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return the counts in sentences, the most frequent first, then the parts that were not counted."""
        sentences = []
        for effect, number in sorted(what_if.counts.items(), key=lambda item: (-item[1], item[0])):
            unit, _, words = effect.partition(":")
            sentences.append(f"{counted(number, unit)} {words}.")
        changes = self.changes(what_if.proposal.target, what_if.proposal.before, what_if.proposal.document)
        uncounted = [change.label for change in changes if change.where.partition(".")[0] not in COUNTED]
        return [
            *(sentences or ["No submission would have been asked differently."]),
            *([f"Not counted, since submissions do not show it: {'; '.join(uncounted)}."] if uncounted else []),
        ]

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


def _policies(what_if: WhatIf) -> tuple[Policy, Policy]:
    """Return the policy in force and the proposed one."""
    before, after = (PolicyVersion(document=side) for side in (what_if.proposal.before, what_if.proposal.document))
    return policy_queries.policy_of(before), policy_queries.policy_of(after)


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


def _effects(submission: Submission, before: Policy, after: Policy) -> Iterator[str]:
    """Yield the differences for a submission and its approvals, each with its unit: ``submission:would have …``."""
    tier_of = _tiers(submission, before, after)
    app_tier, automation = tier_of(None), submission.automation
    effects = set[str]()
    if app_tier != submission.tier:
        yield f"app:would have been {app_tier} instead of {submission.tier}"
    for approval in submission.approvals.all():
        was, tier = approval.tier, tier_of(approval)
        effects.update(_seat_effects(before.seats(approval.kind, was), after.seats(approval.kind, tier)))
        if approval.kind != ApprovalKind.APP:
            if tier != was:
                yield f"approval:would have been {tier} instead of {was}"
            if approval.term_days > after.longest_term(tier):
                yield f"approval:would have had a shorter term: {after.longest_term(tier)} days for {tier} risk"
        if after.due_days(tier) != before.due_days(was):
            yield f"approval:would have been due {'sooner' if after.due_days(tier) < before.due_days(was) else 'later'}"
        if approval.by_policy_id is not None and (tier != "low" or not after.light_grants):
            effects.add("would have been decided by people instead of auto-approved")
    is_owned_alone = automation.technical_owner_id in (None, automation.business_owner_id)
    if is_owned_alone and after.needs_two_owners(app_tier) and not before.needs_two_owners(submission.tier):
        effects.add("would have needed a second owner first")
    yield from (f"submission:{words}" for words in effects)


def _seat_effects(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for word, labels in (("more", set(after) - set(before)), ("less", set(before) - set(after))):
        yield from (f"would have needed one approval {word}, from {label}" for label in labels)
    if is_reordered(before, after):
        yield "would have had the same approvals in another order"


def _tiers(submission: Submission, before: Policy, after: Policy) -> Callable[[Approval | None], str]:
    """Return a function for the tier of an approval under the new document; of the app for None.

    Height from causes that are not judged here (a shared identity, a chain, a person's decision) stays.
    """
    if before.tiers == after.tiers:
        return lambda approval: submission.tier if approval is None else approval.tier
    version, automation = submission.version, copy(submission.automation)
    automation.raised_to = ""
    privileges = list(version.privileges.all())
    credentials = {privilege.credential for privilege in privileges if privilege.credential is not None}
    parts = (automation, privileges, credentials, version.triggers.all())
    old, new = (
        assessment.judge_version(*parts, kind=automation.kind, rules=policy.tiers) for policy in (before, after)
    )

    def tier_of(approval: Approval | None) -> str:
        if approval is None or approval.kind == ApprovalKind.APP:
            return _moved(submission.tier, old.app.tier, new.app.tier)
        if approval.privilege is not None:
            key = approval.privilege.key
            return _moved(approval.tier, old.privileges[key].tier, new.privileges[key].tier)
        if approval.credential not in credentials:
            return approval.tier
        was, would_be = (judgement.for_credential(approval.credential).tier for judgement in (old, new))
        return _moved(approval.tier, was, would_be)

    return tier_of


def _moved(stood: str, was: Tier, would_be: Tier) -> str:
    """Return the tier under the new document: the real tier if both documents agree on today's facts, else the new one."""
    if was == would_be:
        return stood
    return (max(would_be, Tier.from_word(stood)) if Tier.from_word(stood) > was else would_be).word
