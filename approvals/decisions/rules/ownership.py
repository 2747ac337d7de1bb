"""Check that everything under an approval has an owner: nothing new is approved without one (I3).

It checks the resource, the credential, the automation and the version's identities. An interim owner counts as an
owner. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from approvals.assignment.escalation_chain import resource_of
from approvals.models import Approval, Submission
from governance.core.duties.refusals import Refusal
from governance.core.models import Person
from inventory.models import NonHumanIdentity, Owned, Resource, ResourceState

#: The next step, and who takes it.
TO_DO = "Its team's lead and a security reviewer together name who answers for it meanwhile."


def refusal(approval: Approval, now: datetime) -> Refusal | None:
    """Return why an approval can't be approved, or None (I3).

    Its resource, its credential, the automation or an identity has no owner.
    """
    resource = resource_of(approval)
    owner_refusal = _resource_refusal(resource, now) if resource is not None else None
    if owner_refusal is None and approval.credential is not None and approval.credential.is_ownerless(now):
        owner_refusal = Refusal(
            "I3", "state", no_owner_sentence(approval.credential, f"the credential {approval.credential}"), TO_DO
        )
    return owner_refusal or automation_refusal(approval.submission, now) or _identity_refusal(approval.submission, now)


def _resource_refusal(resource: Resource, now: datetime) -> Refusal | None:
    if resource.is_ownerless(now):
        problem = f"{resource.name} has no active owner: nothing new on it can be approved until one is named."
        return Refusal("I3", "state", problem, f"An admin names an owner, who accepts. {TO_DO}")
    if resource.state != ResourceState.ACTIVE:
        return Refusal("I3", "state", f"{resource.name} is not in use.", "It can still be rejected.")
    return None


def automation_refusal(submission: Submission, now: datetime) -> Refusal | None:
    """Return why nothing of an automation can be approved, or None (I3).

    Its owner left, and the submission names no other.
    """
    automation = submission.automation
    if not automation.is_ownerless(now) or _names_present_owner(submission):
        return None
    to_do = f"{TO_DO} Or it is submitted again with another business owner."
    return Refusal("I3", "state", no_owner_sentence(automation, automation.name), to_do)


def _names_present_owner(submission: Submission) -> bool:
    """Return whether the submission names another, present business owner. Cached on the submission."""
    wanted, standing = str(submission.asked.get("business_owner", "")), submission.automation.business_owner
    if not wanted or wanted == str(standing.opaque_id):
        return False
    is_named = submission.__dict__.get("_names_another")
    if is_named is None:
        named = Person.objects.filter(opaque_id=wanted, is_active=True, left_at__isnull=True)
        is_named = submission.__dict__["_names_another"] = named.exists()
    return bool(is_named)


def assume_identities_owned(submission: Submission) -> None:
    """Cache that every identity of a submission's version has an owner: the page has read this with the submission."""
    submission.__dict__["_ownerless_identities"] = []


def _identity_refusal(submission: Submission, now: datetime) -> Refusal | None:
    ownerless = submission.__dict__.get("_ownerless_identities")
    if ownerless is None:
        running = NonHumanIdentity.objects.ownerless(now).filter(used_by__version=submission.version_id)
        ownerless = list(running.select_related("owner").order_by("pk"))
        submission.__dict__["_ownerless_identities"] = ownerless
    return next((Refusal("I3", "state", problem, TO_DO) for problem in identity_problems(ownerless, now)), None)


def identity_problems(identities: Iterable[NonHumanIdentity], now: datetime) -> list[str]:
    """Return a sentence for each registered identity without an owner (I3)."""
    ownerless = [identity for identity in identities if not identity._state.adding and identity.is_ownerless(now)]
    return [no_owner_sentence(identity, f"the identity {identity}") for identity in ownerless]


def no_owner_sentence(subject: Owned, name: str) -> str:
    """Return a sentence: the owner of something left, and it has no owner now."""
    opening = f"{subject.accountable.name} left and" if subject.accountable is not None else "There is no owner, and"
    return f"{opening} nobody answers for {name}: nothing new on it can be approved until somebody does."
