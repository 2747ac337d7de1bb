"""The chain (A16) and the tiers (T1, T2) of a submission's version, computed from the register as it is now.

A submission freezes its version and policy; the other automations at its connection points and the register may
change. If a tier has risen since, for example by the class of a resource, the signatures asked for are too few. Then
nothing is approved or put in force, and a new submission of the version asks for all of them. Reads only; the duties
act on it.
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
    """Return the chain of a submission, read once per instance.

    Args:
        submission: a submission in any state.
        privileges: its version's privileges with entitlement and resource, if already read.
    """
    chain: Chain | None = submission.__dict__.get(_KNOWN)
    if chain is None:
        chain = submission.__dict__[_KNOWN] = chain_queries.chain_with_version(submission.version, privileges)
    return chain


def set_no_chain(submission: Submission) -> None:
    """Set an empty chain, because a page read that the version meets no other automation."""
    submission.__dict__[_KNOWN] = Chain()


def ids_in_chain(submissions: Sequence[Submission]) -> dict[int, frozenset[int]]:
    """Return the ids of other submissions in the chain, by submission; a fixed number of queries, two without a chain."""
    by_version = chain_queries.others_with({submission.version_id for submission in submissions})
    return {submission.pk: by_version[submission.version_id] for submission in submissions}


def forget_chain(submission: Submission) -> None:
    """Drop the chain that was read, because another submission may have come into force."""
    submission.__dict__.pop(_KNOWN, None)


TO_DO = "Submit it again: then everybody is asked who is needed now, and what did not change keeps its decisions."


def risen_tier(record: Approval) -> Tier | None:
    """Return the current tier of an approval's subject if it is higher than at submission, else None (T1, T2).

    Args:
        record: an approval of any kind; an app is compared as in `app_refusal`.
    """
    if record.kind == ApprovalKind.APP:
        return _app_risen(record.submission)
    now = max((_tier(privilege, record.submission) for privilege in _uses(record)), default=Tier.of(record.tier))
    return now if now > Tier.of(record.tier) else None


def tier_refusal(record: Approval) -> Refusal | None:
    """Return why an approval can't be approved because the tier of its subject has risen, or None (T1, T3)."""
    if record.kind == ApprovalKind.APP:
        return app_refusal(record.submission)
    now = risen_tier(record)
    if now is None:
        return None
    high = next(privilege for privilege in _uses(record) if _tier(privilege, record.submission) == now)
    return _refusal(_reason(high, record), record.kind, record.tier, now.word, record)


def _reason(high: Privilege, record: Approval) -> str:
    """Say what has risen in the register: the reach of the credential (at most to standard), else the class."""
    facts = _facts(high, record.submission)
    if not facts.vouched:
        return tiers.UNVOUCHED
    if _is_low_without_reach(facts, record.submission):
        words = {"unknown": "What its credential opens is not known any more"}
        return words.get(facts.credential_reach, "Its credential opens more than this now")
    return f"{high.entitlement.resource.name} is {high.entitlement.counted_class} now"


def _is_low_without_reach(facts: tiers.PrivilegeFacts, submission: Submission) -> bool:
    """Return whether a privilege would be low if its credential opened nothing else."""
    only_this = replace(facts, credential_reach="only_this")
    return tiers.privilege_tier(only_this, policy_queries.policy_of(submission.policy).tiers).tier is Tier.LOW


def app_refusal(submission: Submission) -> Refusal | None:
    """Return why an approved app can't come into force because its tier has risen, or None (T2)."""
    now = _app_risen(submission)
    if now is None:
        return None
    return _refusal("Its tier has risen since", ApprovalKind.APP, submission.tier, now.word, submission)


def _app_risen(submission: Submission) -> Tier | None:
    privileges = privileges_of(submission)
    shared = [tier for _, tier in _sharers(submission)]
    raised = Tier.of(submission.automation.raised_to or "low")
    now = max([raised, *shared, _chain(submission), *(_tier(privilege, submission) for privilege in privileges)])
    return now if now > Tier.of(submission.tier) else None


def _sharers(submission: Submission) -> list[tuple[str, Tier]]:
    """Return automations with the same identity and their tiers (I5), read once per submission object."""
    sharers: list[tuple[str, Tier]] | None = submission.__dict__.get("_sharers")
    if sharers is None:
        identities = assessment.identities_of(submission.version)
        sharers = submission.__dict__["_sharers"] = assessment.sharers_of(submission.automation, identities)
    return sharers


def _chain(submission: Submission) -> Tier:
    """Return the tier that the version's chain leads to (A16)."""
    return chain_of(submission, privileges_of(submission)).tier


def set_no_sharers(submission: Submission) -> None:
    """Set no sharers, because a page read that the version runs as no registered identity."""
    submission.__dict__["_sharers"] = []


def _refusal(because: str, kind: str, then: str, now: str, subject: Approval | Submission) -> Refusal:
    submission = subject.submission if isinstance(subject, Approval) else subject
    policy = policy_queries.policy_of(submission.policy)
    more = [label for label in policy.seats(kind, now) if label not in policy.seats(kind, then)]
    needed = _signatures(more) if more else f"the longest term is {policy.longest_term(now)} days"
    return Refusal("T1", "state", f"{because}, so this is {now} risk: {needed}.", TO_DO)


def _signatures(labels: Sequence[str]) -> str:
    names = " and ".join(str(SeatLabel(label).label).lower() for label in labels)
    return f"a {names} signature is needed"


def _uses(record: Approval) -> list[Privilege]:
    """Return the privileges that set a stage-2 approval's tier: its own, or those that use its credential (T1)."""
    if record.privilege is not None:
        return [record.privilege]
    return [
        privilege for privilege in privileges_of(record.submission) if privilege.credential_id == record.credential_id
    ]


def tiers_of(submission: Submission, parties: Collection[int]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the current tiers of the version's privileges and credentials by id (T1).

    Args:
        submission: the submission of the version.
        parties: ids of its parties. Their statements about the reach of a credential don't count (S1).
    """
    submission.__dict__.setdefault("_party_ids", frozenset(parties))
    of_privileges = {privilege.pk: _tier(privilege, submission) for privilege in privileges_of(submission)}
    of_credentials: dict[int, Tier] = {}
    for privilege in privileges_of(submission):
        if privilege.credential_id is not None:
            highest = of_credentials.get(privilege.credential_id, of_privileges[privilege.pk])
            of_credentials[privilege.credential_id] = max(highest, of_privileges[privilege.pk])
    return (
        {pk: tier.word for pk, tier in of_privileges.items()},
        {pk: tier.word for pk, tier in of_credentials.items()},
    )


def _tier(privilege: Privilege, submission: Submission) -> Tier:
    return tiers.privilege_tier(_facts(privilege, submission), policy_queries.policy_of(submission.policy).tiers).tier


def counted_class(privilege: Privilege, submission: Submission) -> str:
    """Return the data class that counts: restricted if the binding rests on parties (I8)."""
    bindings = bindings_of(submission)
    if bindings and not assessment.is_vouched(privilege, party_ids(submission), bindings):
        return DataClass.RESTRICTED
    return str(privilege.entitlement.counted_class)


def counted_class_of(record: Approval, registered: str) -> str:
    """Return the data class that counts for a credential's approval: restricted if one of its uses is.

    Args:
        record: the approval of a credential.
        registered: the class in the register.
    """
    keys = unvouched(record.submission)
    return DataClass.RESTRICTED if any(privilege.key in keys for privilege in _uses(record)) else registered


def unvouched(submission: Submission) -> frozenset[str]:
    """Return keys of privileges whose binding rests on parties (I8)."""
    bindings = bindings_of(submission)
    if not bindings:
        return frozenset()
    return assessment.unvouched(privileges_of(submission), party_ids(submission), bindings)


def _facts(privilege: Privilege, submission: Submission) -> tiers.PrivilegeFacts:
    """Return the facts without parties' statements about credentials and connections (S1, I8).

    Parties are read only if there is such a statement.
    """
    credential, bindings = privilege.credential, bindings_of(submission)
    is_bound = (privilege.connector, privilege.instance) in bindings
    is_declared = credential is not None and credential.reach_kind == Reach.DECLARED
    parties_if_needed = party_ids(submission) if is_declared or is_bound else frozenset[int]()
    return assessment.facts_of(privilege, submission.automation.environment, parties_if_needed, bindings)


def party_ids(submission: Submission) -> frozenset[int]:
    """Return the ids of a submission's parties, read once per submission object."""
    person_ids: frozenset[int] | None = submission.__dict__.get("_party_ids")
    if person_ids is None:
        person_ids = submission.__dict__["_party_ids"] = frozenset(submission.parties.values_list("person", flat=True))
    return person_ids


def bindings_of(submission: Submission) -> dict[tuple[str, str], Binding]:
    """Return the bindings of the version's privileges, read once per submission object."""
    bindings: dict[tuple[str, str], Binding] | None = submission.__dict__.get("_bindings")
    if bindings is None:
        bindings = submission.__dict__["_bindings"] = resource_queries.bindings_of(privileges_of(submission))
    return bindings


def prefetch_for(submissions: Iterable[Submission]) -> None:
    """Read privileges, bindings and parties of several submissions: a fixed number of queries, none for none."""
    submissions = [submission for submission in submissions if "_bindings" not in submission.__dict__]
    by_version: dict[int, list[Submission]] = {}
    for unread_submission in submissions:
        by_version.setdefault(unread_submission.version_id, []).append(unread_submission)
    held: dict[int, list[Privilege]] = {version: [] for version in by_version}
    read = Privilege.objects.filter(version__in=held).select_related("entitlement__resource", "credential")
    for privilege in read if held else ():
        held[privilege.version_id].append(privilege)
    bindings = resource_queries.bindings_of(
        privilege for version_privileges in held.values() for privilege in version_privileges
    )
    parties: dict[int, set[int]] = {submission.pk: set() for submission in submissions if bindings}
    for submission, person in (
        Party.objects.filter(submission__in=parties).values_list("submission", "person") if parties else ()
    ):
        parties[submission].add(person)
    for version, same_version in by_version.items():
        for unread_submission in same_version:
            unread_submission.__dict__["_judged_privileges"], unread_submission.__dict__["_bindings"] = (
                held[version],
                bindings,
            )
            if bindings:
                unread_submission.__dict__["_party_ids"] = frozenset(parties[unread_submission.pk])


def set_privileges(submission: Submission, privileges: Sequence[Privilege]) -> None:
    """Set the privileges of the version, because a page read them with the approvals."""
    submission.__dict__.setdefault("_judged_privileges", list(privileges))


def privileges_of(submission: Submission) -> list[Privilege]:
    """Return the privileges of the version, read once per submission object."""
    privileges = submission.__dict__.get("_judged_privileges")
    if privileges is None:
        read = Privilege.objects.filter(version=submission.version_id)
        read = read.select_related("entitlement__resource", "credential")
        privileges = submission.__dict__["_judged_privileges"] = list(read)
    return list(privileges)
