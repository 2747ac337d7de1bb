"""The chain in which the version of a submission would stand, as it is now (A16): read once for an instance, and for many together.

What a version consists of is frozen, and who else is at its points is not: one submitted beside it may be in force by the time it is decided.

Whether what was asked would be asked the same way now: tiers, computed anew from what the register says (T1, T2).

A submission freezes what it asks and the policy that it is asked by, and a tier is never typed. Where the class of a resource was raised, or the tier of the
app, the signatures asked for then are too few: nothing is approved or put in force on them, and a submission of the same version
asks for all that are needed. Reading and comparing only; what follows from it stands with the duties.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from approvals.models import Approval, ApprovalKind, Party, SeatLabel, Submission
from approvals.policies import queries as policy_queries
from governance.core.duties.refusals import Refusal
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.models import Binding, DataClass, Privilege, Reach
from inventory.resources import queries as resource_queries
from inventory.risk import tiers
from inventory.risk.tiers import Tier
from inventory.versions import assessment

_KNOWN = "_chain"


def chain_of(submission: Submission, privileges: Sequence[Privilege] | None = None) -> Chain:
    """The chain of a submission; asked once for the instance.

    Args:
        submission: of any state.
        privileges: its version's, each with entitlement and resource, where they were read already.
    """
    known: Chain | None = submission.__dict__.get(_KNOWN)
    if known is None:
        known = submission.__dict__[_KNOWN] = chain_queries.with_version(submission.version, privileges)
    return known


def know_none(submission: Submission) -> None:
    """Say that a submission's version meets nothing by which it would stand in a chain: a page read that with the submission."""
    submission.__dict__[_KNOWN] = Chain()


def others_of(submissions: Sequence[Submission]) -> dict[int, frozenset[int]]:
    """By submission the ids of the others in its chain; a fixed number of queries, and two for what meets nothing."""
    by_version = chain_queries.others_with({one.version_id for one in submissions})
    return {one.pk: by_version[one.version_id] for one in submissions}


def forget(submission: Submission) -> None:
    """Have the chain read anew: somebody else may have come into force since."""
    submission.__dict__.pop(_KNOWN, None)


TO_DO = "Submit it again: then everybody is asked who is needed now, and what did not change keeps its decisions."


def risen(record: Approval) -> Tier | None:
    """The present tier of what a record is about, where that is higher than the one it was asked at; else None (T1, T2).

    Args:
        record: of any kind; an app's is compared as `app_refusal` does.
    """
    if record.kind == ApprovalKind.APP:
        return _app_risen(record.submission)
    now = max((_tier(one, record.submission) for one in _uses(record)), default=Tier.of(record.tier))
    return now if now > Tier.of(record.tier) else None


def tier_refusal(record: Approval) -> Refusal | None:
    """Why a record can't be approved at the tier it was asked at, or None: what it is about is of a higher one now (T1, T3)."""
    if record.kind == ApprovalKind.APP:
        return app_refusal(record.submission)
    now = risen(record)
    if now is None:
        return None
    high = next(one for one in _uses(record) if _tier(one, record.submission) == now)
    return _refusal(_because(high, record), record.kind, record.tier, now.word, record)


def _because(high: Privilege, record: Approval) -> str:
    """What of the register has risen: what the credential opens, which alone makes nothing more than standard, else the class."""
    facts = _facts(high, record.submission)
    if not facts.vouched:
        return tiers.UNVOUCHED
    if _low_but_for_reach(facts, record.submission):
        words = {"unknown": "What its credential opens is not known any more"}
        return words.get(facts.credential_reach, "Its credential opens more than this now")
    return f"{high.entitlement.resource.name} is {high.entitlement.counted_class} now"


def _low_but_for_reach(facts: tiers.PrivilegeFacts, submission: Submission) -> bool:
    """Whether a privilege would be low if its credential opened only it."""
    only_this = replace(facts, credential_reach="only_this")
    return tiers.privilege_tier(only_this, policy_queries.of(submission.policy).tiers).tier is Tier.LOW


def app_refusal(submission: Submission) -> Refusal | None:
    """Why an app approved at its submission's tier can't be put in force, or None: its tier has risen since (T2)."""
    now = _app_risen(submission)
    if now is None:
        return None
    return _refusal("Its tier has risen since", ApprovalKind.APP, submission.tier, now.word, submission)


def _app_risen(submission: Submission) -> Tier | None:
    privileges = privileges_of(submission)
    shared = [tier for _, tier in _sharers(submission)]
    raised = Tier.of(submission.automation.raised_to or "low")
    now = max([raised, *shared, _chain(submission), *(_tier(one, submission) for one in privileges)])
    return now if now > Tier.of(submission.tier) else None


def _sharers(submission: Submission) -> list[tuple[str, Tier]]:
    """What runs as the same identity as the version, with its tier (I5); asked once for the submission object."""
    known: list[tuple[str, Tier]] | None = submission.__dict__.get("_sharers")
    if known is None:
        identities = assessment.identities_of(submission.version)
        known = submission.__dict__["_sharers"] = assessment.sharers_of(submission.automation, identities)
    return known


def _chain(submission: Submission) -> Tier:
    """What the chain makes of it in which the version would stand (A16)."""
    return chain_of(submission, privileges_of(submission)).tier


def know_no_sharers(submission: Submission) -> None:
    """Say that a submission's version runs as no identity of the register: a page read that with the submission."""
    submission.__dict__["_sharers"] = []


def _refusal(because: str, kind: str, then: str, now: str, of: Approval | Submission) -> Refusal:
    submission = of.submission if isinstance(of, Approval) else of
    policy = policy_queries.of(submission.policy)
    more = [label for label in policy.seats(kind, now) if label not in policy.seats(kind, then)]
    needed = _signatures(more) if more else f"the longest term is {policy.longest_term(now)} days"
    return Refusal("T1", "state", f"{because}, so this is {now} risk: {needed}.", TO_DO)


def _signatures(labels: Sequence[str]) -> str:
    names = " and ".join(str(SeatLabel(label).label).lower() for label in labels)
    return f"a {names} signature is needed"


def _uses(record: Approval) -> list[Privilege]:
    """What a stage-2 record's tier is the highest of: its privilege, or whatever its credential is used for (T1)."""
    if record.privilege is not None:
        return [record.privilege]
    return [one for one in privileges_of(record.submission) if one.credential_id == record.credential_id]


def tiers_of(submission: Submission, parties: Collection[int]) -> tuple[dict[int, str], dict[int, str]]:
    """The tiers of everything that the version would hold, as the register says it now: of privileges and of credentials, by id (T1).

    Args:
        submission: whose version it is.
        parties: ids of its parties, where they were read: their word on what a credential opens counts not (S1).
    """
    submission.__dict__.setdefault("_party_ids", frozenset(parties))
    of_privileges = {one.pk: _tier(one, submission) for one in privileges_of(submission)}
    of_credentials: dict[int, Tier] = {}
    for one in privileges_of(submission):
        if one.credential_id is not None:
            known = of_credentials.get(one.credential_id, of_privileges[one.pk])
            of_credentials[one.credential_id] = max(known, of_privileges[one.pk])
    return (
        {pk: tier.word for pk, tier in of_privileges.items()},
        {pk: tier.word for pk, tier in of_credentials.items()},
    )


def _tier(privilege: Privilege, submission: Submission) -> Tier:
    return tiers.privilege_tier(_facts(privilege, submission), policy_queries.of(submission.policy).tiers).tier


def counted_class(privilege: Privilege, submission: Submission) -> str:
    """The data class that counts for a privilege of a submission: restricted where its binding rests on parties (I8)."""
    bindings = bindings_of(submission)
    if bindings and not assessment.is_vouched(privilege, party_ids(submission), bindings):
        return DataClass.RESTRICTED
    return str(privilege.entitlement.counted_class)


def counted_class_of(record: Approval, registered: str) -> str:
    """The data class that counts for a credential's record: restricted where one of its uses is.

    Args:
        record: of a credential.
        registered: the class in the register.
    """
    keys = unvouched(record.submission)
    return DataClass.RESTRICTED if any(one.key in keys for one in _uses(record)) else registered


def unvouched(submission: Submission) -> frozenset[str]:
    """Keys of the privileges of a submission whose binding rests on its parties (I8)."""
    bindings = bindings_of(submission)
    if not bindings:
        return frozenset()
    return assessment.unvouched(privileges_of(submission), party_ids(submission), bindings)


def _facts(privilege: Privilege, submission: Submission) -> tiers.PrivilegeFacts:
    """The facts, but for what a party says that a credential or a connection opens (S1, I8); parties are read only where somebody said that."""
    credential, bindings = privilege.credential, bindings_of(submission)
    is_bound = (privilege.connector, privilege.instance) in bindings
    is_declared = credential is not None and credential.reach_kind == Reach.DECLARED
    own = party_ids(submission) if is_declared or is_bound else frozenset[int]()
    return assessment.facts_of(privilege, submission.automation.environment, own, bindings)


def party_ids(submission: Submission) -> frozenset[int]:
    """Ids of a submission's parties, read once for the submission object."""
    known: frozenset[int] | None = submission.__dict__.get("_party_ids")
    if known is None:
        known = submission.__dict__["_party_ids"] = frozenset(submission.parties.values_list("person", flat=True))
    return known


def bindings_of(submission: Submission) -> dict[tuple[str, str], Binding]:
    """The bindings of everything that a submission's version would hold, read once for the submission object."""
    kept: dict[tuple[str, str], Binding] | None = submission.__dict__.get("_bindings")
    if kept is None:
        kept = submission.__dict__["_bindings"] = resource_queries.bindings_of(privileges_of(submission))
    return kept


def read_together(submissions: Iterable[Submission]) -> None:
    """Read for several submissions what `privileges_of`, `bindings_of` and `party_ids` answer: a fixed number of queries, none for none."""
    submissions = [one for one in submissions if "_bindings" not in one.__dict__]
    by_version: dict[int, list[Submission]] = {}
    for one in submissions:
        by_version.setdefault(one.version_id, []).append(one)
    held: dict[int, list[Privilege]] = {version: [] for version in by_version}
    read = Privilege.objects.filter(version__in=held).select_related("entitlement__resource", "credential")
    for privilege in read if held else ():
        held[privilege.version_id].append(privilege)
    bindings = resource_queries.bindings_of(privilege for some in held.values() for privilege in some)
    parties: dict[int, set[int]] = {one.pk: set() for one in submissions if bindings}
    for submission, person in (
        Party.objects.filter(submission__in=parties).values_list("submission", "person") if parties else ()
    ):
        parties[submission].add(person)
    for version, some in by_version.items():
        for one in some:
            one.__dict__["_judged_privileges"], one.__dict__["_bindings"] = held[version], bindings
            if bindings:
                one.__dict__["_party_ids"] = frozenset(parties[one.pk])


def know_held(submission: Submission, privileges: Sequence[Privilege]) -> None:
    """Say what a submission's version would hold, each with its entitlement, resource and credential: a page read that with its records."""
    submission.__dict__.setdefault("_judged_privileges", list(privileges))


def privileges_of(submission: Submission) -> list[Privilege]:
    """What the version would hold, read once for the submission object."""
    known = submission.__dict__.get("_judged_privileges")
    if known is None:
        read = Privilege.objects.filter(version=submission.version_id)
        read = read.select_related("entitlement__resource", "credential")
        known = submission.__dict__["_judged_privileges"] = list(read)
    return list(known)
