"""The impact of a policy: recent submissions judged under both documents, counted and put in sentences (S8).

Both documents compute tiers from today's register. A submission's real tier moves by the difference. Seats, terms and
the light path follow. Effects without a trace in a submission (age of a sign-in, spot checks) are not counted, and a
sentence says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from django.db.models import Prefetch

from approvals.models import Approval, ApprovalKind, PolicyVersion, Submission
from approvals.policies import queries as policy_queries
from approvals.policies.diff import is_reordered
from approvals.policies.queries import Policy
from approvals.proposals.kinds.kind import Slice, Span
from governance.core.texts.number_words import counted
from inventory.models import Privilege
from inventory.risk.tiers import Tier
from inventory.versions import assessment

#: Parts of a document that change nothing about a submission.
UNCOUNTED = {
    "builder_working_days": "how long a builder has",
    "resubmission_days": "how long a refusal counts",
    "sampling": "what is looked at afterwards",
    "signals": "who approves for whom too often",
    "fresh_sign_in_minutes": "how old a sign-in may be",
    "proposals": "how long a proposal stands",
    "review_after": "when something comes up for review",
    "conflicts": "how long there is to resolve a conflict",
    "waivers": "how long a waiver lasts",
    "events": "what brings a review forward",
    "correction_days": "when what a review suspended ends",
    "revocation_hours": "when what ended is gone elsewhere",
    "brake": "what is held because too much would end at once",
}


def count(span: Span, cursor: int, size: int) -> Slice:
    """Judge the next submissions under both documents, with the functions that judge and route a submission."""
    rows = span.submissions.filter(pk__gt=cursor).select_related("automation").order_by("pk")
    rows = rows.prefetch_related(Prefetch("approvals", Approval.objects.select_related("privilege", "credential")))
    before, after = (policy_queries.policy_of(PolicyVersion(document=side)) for side in (span.before, span.after))
    if before.tiers != after.tiers:
        privileges = Privilege.objects.select_related("entitlement__resource", "credential")
        rows = rows.prefetch_related(Prefetch("version__privileges", privileges), "version__triggers")
    submissions, counts = list(rows[:size]), Counter[str]()
    for submission in submissions:
        counts.update(_effects(submission, before, after))
    return Slice(counts, submissions[-1].pk if submissions else cursor, len(submissions))


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
        yield from (f"would have needed one signature {word}, from {label}" for label in labels)
    if is_reordered(before, after):
        yield "would have had the same signatures in another order"


def _tiers(submission: Submission, before: Policy, after: Policy) -> Callable[[Approval | None], str]:
    """Return a function for the tier of an approval under the new document; of the app for None.

    Height from causes that are not judged here (a shared identity, a chain, a person's decision) stays.
    """
    if before.tiers == after.tiers:
        return lambda approval: submission.tier if approval is None else approval.tier
    version, automation = submission.version, submission.automation
    privileges = list(version.privileges.all())
    credentials = {privilege.credential for privilege in privileges if privilege.credential is not None}
    old, new = (
        assessment.judge_version(
            privileges,
            credentials,
            version.triggers.all(),
            kind=automation.kind,
            environment=automation.environment,
            rules=policy.tiers,
        )
        for policy in (before, after)
    )

    def tier_of(approval: Approval | None) -> str:
        if approval is None or approval.kind == ApprovalKind.APP:
            return _moved(submission.tier, old.app.tier, new.app.tier)
        if approval.privilege is not None:
            key = approval.privilege.key
            return _moved(approval.tier, old.privileges[key].tier, new.privileges[key].tier)
        if approval.credential not in credentials:
            return approval.tier
        return _moved(approval.tier, old.of(approval.credential).tier, new.of(approval.credential).tier)

    return tier_of


def _moved(stood: str, was: Tier, would_be: Tier) -> str:
    """Return the tier under the new document: the real tier if both documents agree on today's facts, else the new one."""
    if was == would_be:
        return stood
    return (max(would_be, Tier.of(stood)) if Tier.of(stood) > was else would_be).word


def sentences(span: Span, counts: Mapping[str, int]) -> list[str]:
    """Return the counts in sentences, the most frequent first, then the parts that were not counted."""
    sentences = []
    for effect, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        unit, _, words = effect.partition(":")
        sentences.append(f"{counted(number, unit)} {words}.")
    uncounted = [words for name, words in UNCOUNTED.items() if span.before.get(name) != span.after.get(name)]
    return [
        *(sentences or ["No submission would have been asked differently."]),
        *([f"Not counted, since submissions do not show it: {', '.join(uncounted)}."] if uncounted else []),
    ]
