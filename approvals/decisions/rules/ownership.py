"""Whether somebody answers for everything that a record rests on: nothing new is approved on what nobody answers for (I3).

The resource, the credential that is asked about, the automation itself, and what its version runs as. What is said meanwhile, by an
interim owner, is as good as an owner's. Reading only; what follows from it stands with the duties.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from approvals.assignment.escalation_chain import resource_of
from approvals.models import Approval, Submission
from governance.core.duties.refusals import Refusal
from governance.core.models import Person
from inventory.models import NonHumanIdentity, Owned, Resource, ResourceState

#: What is done about it, by whom.
TO_DO = "Its team's lead and a security reviewer together name who answers for it meanwhile."


def refusal(record: Approval, now: datetime) -> Refusal | None:
    """Why a record can't be approved, or None: nobody answers for what it is about, for the automation or what that runs as (I3)."""
    resource = resource_of(record)
    no = _of_resource(resource, now) if resource is not None else None
    if no is None and record.credential is not None and record.credential.is_ownerless(now):
        no = Refusal("I3", "state", sentence(record.credential, f"the credential {record.credential}"), TO_DO)
    return no or of_automation(record.submission, now) or _of_identities(record.submission, now)


def _of_resource(resource: Resource, now: datetime) -> Refusal | None:
    if resource.is_ownerless(now):
        said = f"{resource.name} has no active owner: nothing new on it can be approved until one is named."
        return Refusal("I3", "state", said, f"An admin names an owner, who accepts. {TO_DO}")
    if resource.state != ResourceState.ACTIVE:
        return Refusal("I3", "state", f"{resource.name} is not in use.", "It can still be rejected.")
    return None


def of_automation(submission: Submission, now: datetime) -> Refusal | None:
    """Why nothing of an automation can be approved, or None: its owner left, and what is submitted names no other (I3)."""
    automation = submission.automation
    if not automation.is_ownerless(now) or _names_another(submission):
        return None
    to_do = f"{TO_DO} Or it is submitted again with another business owner."
    return Refusal("I3", "state", sentence(automation, automation.name), to_do)


def _names_another(submission: Submission) -> bool:
    """Whether who would own it by what was submitted is here; asked once for the submission object."""
    wanted, standing = str(submission.asked.get("business_owner", "")), submission.automation.business_owner
    if not wanted or wanted == str(standing.opaque_id):
        return False
    known = submission.__dict__.get("_names_another")
    if known is None:
        named = Person.objects.filter(opaque_id=wanted, is_active=True, left_at__isnull=True)
        known = submission.__dict__["_names_another"] = named.exists()
    return bool(known)


def know_none(submission: Submission) -> None:
    """Say that somebody answers for every identity that a submission's version runs as: a page read that with the submission."""
    submission.__dict__["_ownerless_identities"] = []


def _of_identities(submission: Submission, now: datetime) -> Refusal | None:
    known = submission.__dict__.get("_ownerless_identities")
    if known is None:
        running = NonHumanIdentity.objects.ownerless(now).filter(used_by__version=submission.version_id)
        known = list(running.select_related("owner").order_by("pk"))
        submission.__dict__["_ownerless_identities"] = known
    return next((Refusal("I3", "state", one, TO_DO) for one in identity_problems(known, now)), None)


def identity_problems(identities: Iterable[NonHumanIdentity], now: datetime) -> list[str]:
    """A sentence for each identity, of the register, for which nobody answers (I3)."""
    known = [one for one in identities if not one._state.adding and one.is_ownerless(now)]
    return [sentence(one, f"the identity {one}") for one in known]


def sentence(subject: Owned, name: str) -> str:
    """That the owner of something left and nobody answers for it."""
    left = f"{subject.accountable.name} left and" if subject.accountable is not None else "There is no owner, and"
    return f"{left} nobody answers for {name}: nothing new on it can be approved until somebody does."
