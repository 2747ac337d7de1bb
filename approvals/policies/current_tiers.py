"""The tiers (T1, T2) of a submission's version, computed from the register as it is now.

A submission freezes its version and policy; the other automations at its connection points and the register may
change. If a tier has risen since, for example by the class of a resource, the signatures asked for are too few. Then
nothing is approved or put in force, and a new submission of the version asks for all of them. Pure functions of
`SubmissionFacts`; the duties act on them.
"""

from collections.abc import Sequence
from dataclasses import replace

from approvals.models import Approval, ApprovalKind, SeatLabel
from approvals.policies.facts import SubmissionFacts
from governance.core.access import Refusal
from inventory.models import DataClass, Privilege, Reach
from inventory.risk import tiers
from inventory.risk.tiers import Tier
from inventory.versions import assessment

TO_DO = "Submit it again: then everybody is asked who is needed now, and what did not change keeps its decisions."


def risen_tier(approval: Approval, facts: SubmissionFacts) -> Tier | None:
    """Return the current tier of an approval's subject if it is higher than at submission, else None (T1, T2).

    Args:
        approval: an approval of any kind; an app is compared as in `app_refusal`.
        facts: of its submission.
    """
    if approval.kind == ApprovalKind.APP:
        return _risen_app_tier(facts)
    now = max((_tier(privilege, facts) for privilege in _uses(approval, facts)), default=Tier.from_word(approval.tier))
    return now if now > Tier.from_word(approval.tier) else None


def tier_refusal(approval: Approval, facts: SubmissionFacts) -> Refusal | None:
    """Return why an approval can't be approved because the tier of its subject has risen, or None (T1, T3)."""
    if approval.kind == ApprovalKind.APP:
        return app_refusal(facts)
    now = risen_tier(approval, facts)
    if now is None:
        return None
    high = next(privilege for privilege in _uses(approval, facts) if _tier(privilege, facts) == now)
    return _refusal(_reason(high, facts), approval.kind, approval.tier, now.word, facts)


def _reason(high: Privilege, facts: SubmissionFacts) -> str:
    """Say what has risen in the register: the reach of the credential (at most to standard), else the class."""
    of_privilege = _privilege_facts(high, facts)
    if not of_privilege.vouched:
        return tiers.UNVOUCHED
    only_this = replace(of_privilege, credential_reach="only_this")
    if tiers.privilege_tier(only_this, facts.policy.tiers).tier is Tier.LOW:
        words = {"unknown": "What its credential opens is not known any more"}
        return words.get(of_privilege.credential_reach, "Its credential opens more than this now")
    return f"{high.entitlement.resource.name} is {high.entitlement.counted_class} now"


def app_refusal(facts: SubmissionFacts) -> Refusal | None:
    """Return why an approved app can't come into force because its tier has risen, or None (T2)."""
    now = _risen_app_tier(facts)
    if now is None:
        return None
    return _refusal("Its tier has risen since", ApprovalKind.APP, facts.submission.tier, now.word, facts)


def _risen_app_tier(facts: SubmissionFacts) -> Tier | None:
    submission = facts.submission
    raised = Tier.from_word(submission.automation.raised_to or "low")
    of_privileges = (_tier(privilege, facts) for privilege in facts.privileges)
    now = max([raised, facts.chain.tier, facts.shared_tier, *of_privileges])
    return now if now > Tier.from_word(submission.tier) else None


def _refusal(because: str, kind: str, then: str, now: str, facts: SubmissionFacts) -> Refusal:
    policy = facts.policy
    more = [label for label in policy.seats(kind, now) if label not in policy.seats(kind, then)]
    term = f": the longest term is {policy.longest_term(now)} days" if kind != ApprovalKind.APP else ""
    needed = f": {_signatures(more)}" if more else term
    return Refusal("T1", "state", f"{because}, so this is {now} risk{needed}.", TO_DO)


def _signatures(labels: Sequence[str]) -> str:
    names = " and ".join(str(SeatLabel(label).label).lower() for label in labels)
    return f"an approval by {names} is needed"


def _uses(approval: Approval, facts: SubmissionFacts) -> list[Privilege]:
    """Return the privileges that set a stage-2 approval's tier: its own, or those that use its credential (T1)."""
    if approval.privilege is not None:
        return [approval.privilege]
    return [privilege for privilege in facts.privileges if privilege.credential_id == approval.credential_id]


def tiers_of(facts: SubmissionFacts) -> tuple[dict[int, str], dict[int, str]]:
    """Return the current tiers of the version's privileges and credentials by id (T1)."""
    of_privileges = {privilege.pk: _tier(privilege, facts) for privilege in facts.privileges}
    of_credentials: dict[int, Tier] = {}
    for privilege in facts.privileges:
        if privilege.credential_id is not None:
            highest = of_credentials.get(privilege.credential_id, Tier.LOW)
            of_credentials[privilege.credential_id] = max(highest, of_privileges[privilege.pk])
    privileges, credentials = ({pk: tiers[pk].word for pk in tiers} for tiers in (of_privileges, of_credentials))
    return privileges, credentials


def _tier(privilege: Privilege, facts: SubmissionFacts) -> Tier:
    return tiers.privilege_tier(_privilege_facts(privilege, facts), facts.policy.tiers).tier


def counted_class(privilege: Privilege, facts: SubmissionFacts) -> str:
    """Return the data class that counts: restricted if the binding rests on parties (I8)."""
    return str(privilege.entitlement.counted_class) if _is_vouched(privilege, facts) else DataClass.RESTRICTED


def counted_class_of_credential(approval: Approval, facts: SubmissionFacts) -> str:
    """Return the data class that counts for a credential's approval: restricted if one of its uses is."""
    if approval.decided_on is None or not all(_is_vouched(privilege, facts) for privilege in _uses(approval, facts)):
        return DataClass.RESTRICTED
    return str(approval.decided_on.counted_class)


def _is_vouched(privilege: Privilege, facts: SubmissionFacts) -> bool:
    return not facts.bindings or facts.bindings.is_vouched(privilege, facts.party_ids)


def unvouched(facts: SubmissionFacts) -> frozenset[str]:
    """Return keys of privileges whose binding rests on parties (I8)."""
    return facts.bindings.unvouched(facts.privileges, facts.party_ids) if facts.bindings else frozenset()


def _privilege_facts(privilege: Privilege, facts: SubmissionFacts) -> tiers.PrivilegeFacts:
    """Return the facts without parties' statements about credentials and connections (S1, I8).

    Parties are read only if there is such a statement.
    """
    credential = privilege.credential
    is_bound = (privilege.connector, privilege.instance) in facts.bindings
    is_declared = credential is not None and credential.reach_kind == Reach.DECLARED
    parties_if_needed = facts.party_ids if is_declared or is_bound else frozenset[int]()
    environment = facts.submission.automation.environment
    return assessment.facts_of(privilege, environment, parties_if_needed, facts.bindings)
