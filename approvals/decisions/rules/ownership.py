"""Check that everything under an approval has an owner: nothing new is approved without one (I3).

It checks the resource, the credential, the automation and the version's identities. An interim owner counts as an
owner. Reads only.
"""

from collections.abc import Iterable
from datetime import datetime

from approvals.assignment.escalation_chain import resource_of
from approvals.models import Approval
from approvals.policies.facts import SubmissionFacts
from governance.core.access import Refusal
from inventory.models import NonHumanIdentity, Owned, Resource, ResourceState

#: The next step, and who takes it.
TO_DO = "Its team's lead and a security reviewer together name an interim owner."


def refusal(approval: Approval, facts: SubmissionFacts) -> Refusal | None:
    """Return why an approval can't be approved, or None (I3).

    Its resource, its credential, the automation or an identity has no owner.
    """
    resource, now = resource_of(approval), facts.now
    owner_refusal = _resource_refusal(resource, now) if resource is not None else None
    if owner_refusal is None and approval.credential is not None and approval.credential.is_ownerless(now):
        owner_refusal = Refusal(
            "I3", "state", no_owner_sentence(approval.credential, f"the credential {approval.credential}"), TO_DO
        )
    return owner_refusal or _automation_refusal(facts) or _identity_refusal(facts)


def _resource_refusal(resource: Resource, now: datetime) -> Refusal | None:
    if resource.is_ownerless(now):
        problem = f"{resource.name} has no active owner: nothing new on it can be approved until one is named."
        return Refusal("I3", "state", problem, f"An admin names an owner, who accepts. {TO_DO}")
    if resource.state != ResourceState.ACTIVE:
        return Refusal("I3", "state", f"{resource.name} is not in use.", "It can still be rejected.")
    return None


def _automation_refusal(facts: SubmissionFacts) -> Refusal | None:
    """Return why nothing of an automation can be approved, or None (I3).

    Its owner left, and the submission names no other.
    """
    automation = facts.submission.automation
    if not automation.is_ownerless(facts.now) or facts.names_present_owner:
        return None
    to_do = f"{TO_DO} Or it is submitted again with another business owner."
    return Refusal("I3", "state", no_owner_sentence(automation, automation.name), to_do)


def _identity_refusal(facts: SubmissionFacts) -> Refusal | None:
    problems = identity_problems(facts.ownerless_identities, facts.now)
    return Refusal("I3", "state", problems[0], TO_DO) if problems else None


def identity_problems(identities: Iterable[NonHumanIdentity], now: datetime) -> list[str]:
    """Return a sentence for each registered identity without an owner (I3)."""
    ownerless = [identity for identity in identities if not identity._state.adding and identity.is_ownerless(now)]
    return [no_owner_sentence(identity, f"the identity {identity}") for identity in ownerless]


def no_owner_sentence(subject: Owned, name: str) -> str:
    """Return a sentence: the owner of something left, and it has no owner now."""
    left = f"{subject.accountable.name} left. " if subject.accountable is not None else ""
    return f"{left}Nobody owns {name} now, so nothing new on it can be approved."
