"""The impact of a policy: recent submissions judged under both documents, counted and put in sentences (S8).

Both documents compute tiers from today's register. A submission's real tier moves by the difference. Seats, terms and
the light path follow. Effects without a trace in a submission (age of a sign-in, spot checks) are not counted, and a
sentence says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from django.db.models import Prefetch, QuerySet

from approvals.models import Approval, ApprovalKind, PolicyVersion, Submission
from approvals.policies import queries as policy_queries
from approvals.policies.checks import TIERS
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


def total(span: Span) -> int:
    """Return the number of submissions to judge."""
    return _submissions(span).count()


def count(span: Span, cursor: int, size: int) -> Slice:
    """Judge the next submissions under both documents, with the functions that judge and route a submission."""
    rows = _submissions(span).filter(pk__gt=cursor).select_related("automation").order_by("pk")
    rows = rows.prefetch_related(Prefetch("approvals", Approval.objects.select_related("privilege", "credential")))
    before, after = (policy_queries.policy_of(PolicyVersion(document=side)) for side in (span.before, span.after))
    if before.tiers != after.tiers:
        privileges = Privilege.objects.select_related("entitlement__resource", "credential")
        rows = rows.prefetch_related(Prefetch("version__privileges", privileges), "version__triggers")
    submissions, counts = list(rows[:size]), Counter[str]()
    for submission in submissions:
        counts.update(_effects(submission, before, after))
    return Slice(counts, submissions[-1].pk if submissions else cursor, len(submissions))


def _submissions(span: Span) -> QuerySet[Submission]:
    return Submission.objects.filter(submitted_at__gt=span.since, submitted_at__lte=span.until)


def _effects(submission: Submission, before: Policy, after: Policy) -> Iterator[str]:
    """Yield the names of the differences for a submission, each once, and of its approvals."""
    tier_of = _tiers(submission, before, after)
    app_tier, automation = tier_of(None), submission.automation
    effects = {f"app:{submission.tier}:{app_tier}"} if app_tier != submission.tier else set[str]()
    for approval in submission.approvals.all():
        was, tier = approval.tier, tier_of(approval)
        effects.update(_signature_effects(before.seats(approval.kind, was), after.seats(approval.kind, tier)))
        if approval.kind != ApprovalKind.APP:
            if tier != was:
                yield f"record:{was}:{tier}"
            if approval.term_days > after.longest_term(tier):
                yield f"shorter:{tier}"
        if after.due_days(tier) != before.due_days(was):
            yield "due_sooner" if after.due_days(tier) < before.due_days(was) else "due_later"
        if approval.by_policy_id is not None and (tier != "low" or not after.light_grants):
            effects.add("off_light")
    is_owned_alone = automation.technical_owner_id in (None, automation.business_owner_id)
    if is_owned_alone and after.needs_two_owners(app_tier) and not before.needs_two_owners(submission.tier):
        effects.add("owners")
    if effects:
        yield "touched"
    yield from sorted(effects)


def _signature_effects(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    more, fewer = set(after) - set(before), set(before) - set(after)
    for name, labels in (("more", more), ("fewer", fewer)):
        if labels:
            yield name
            yield from (f"{name}:{label}" for label in labels)
    if is_reordered(before, after):
        yield "reordered"


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


# --- in words ---------------------------------------------------------------------------------------------------------


def sentences(span: Span, counts: Mapping[str, int]) -> list[str]:
    """Return the counts in sentences, the most important first, then the parts that were not counted."""
    sentences = [*_signature_sentences(counts), *_tier_sentences(counts), *_term_sentences(span, counts)]
    for name, words in (
        ("reordered", "would have had the same signatures in another order"),
        ("off_light", "that policy approved would have been decided by people"),
        ("owners", "would have needed a second owner first"),
    ):
        if counts.get(name):
            sentences.append(f"{counted(counts[name], 'submission')} {words}.")
    if not sentences:
        sentences = ["No submission would have been asked differently."]
    uncounted = [words for name, words in UNCOUNTED.items() if span.before.get(name) != span.after.get(name)]
    if uncounted:
        sentences.append(f"Not counted, since submissions do not show it: {', '.join(uncounted)}.")
    return sentences


def _signature_sentences(counts: Mapping[str, int]) -> Iterator[str]:
    for name, word in (("more", "more"), ("fewer", "less")):
        if counts.get(name):
            by_label = [
                f"{number:,} of {key.partition(':')[2]}"
                for key, number in sorted(counts.items())
                if key.startswith(f"{name}:")
            ]
            submissions = counted(counts[name], "submission")
            yield f"{submissions} would have needed a signature {word}: {', '.join(by_label)}."


def _tier_sentences(counts: Mapping[str, int]) -> Iterator[str]:
    for part, singular, plural in (
        ("app", "app", "apps"),
        ("record", "privilege or credential", "privileges and credentials"),
    ):
        for was, would_be in product(TIERS, TIERS):
            if number := counts.get(f"{part}:{was}:{would_be}"):
                yield f"{number:,} {singular if number == 1 else plural} would have been {would_be} instead of {was}."


def _term_sentences(span: Span, counts: Mapping[str, int]) -> Iterator[str]:
    for tier in TIERS:
        if number := counts.get(f"shorter:{tier}"):
            days = span.after["longest_term"][tier]
            yield f"{number:,} {tier}-risk term{' was' if number == 1 else 's were'} asked for longer than {days} days."
    for name, word in (("due_sooner", "sooner"), ("due_later", "later")):
        if number := counts.get(name):
            yield f"{counted(number, 'record')} would have been due {word}."
