"""Credentials that no privilege uses: they are not granted, and their grants end with the last privilege (A2).

A credential that no privilege asked for, for example one of a trigger, is granted by its own approval.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from approvals.grants.transitions.lifecycle import end
from approvals.models import Approval, Grant, GrantKind, Submission
from approvals.models.grant import Why
from approvals.policies.facts import SubmissionFacts
from governance.core.engine.transition import Step
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.models import Automation, Credential, Privilege

#: Ends caused by putting in force, which checks credentials itself after it made the new grants.
PUTTING_IN_FORCE = (Why.SUCCEEDED, Why.REPLACED, Why.REMOVED)


def unneeded_credentials(approved: Sequence[Approval], facts: SubmissionFacts) -> list[Approval]:
    """Return approved credentials that are not granted, because every privilege that uses them was refused (A2).

    Args:
        approved: all approved items of stage 2.
        facts: of their submission.
    """
    credentials = (approval for approval in approved if approval.credential_id is not None)
    return [approval for approval in credentials if not _is_needed(approval, approved, facts)]


def _is_needed(record: Approval, approved: Iterable[Approval], facts: SubmissionFacts) -> bool:
    keys = [privilege.key for privilege in facts.privileges if privilege.credential_id == record.credential_id]
    if not keys or any(other.privilege is not None and other.privilege.key in keys for other in approved):
        return True
    grants = facts.submission.automation.grants.standing()
    return grants.filter(kind=GrantKind.PRIVILEGE, key__in=keys).exists()


def unneeded() -> Q:
    """Filter grants of credentials that the approved version's privileges ask for but no standing privilege uses."""
    credential = OuterRef("credential")
    privileges = Grant.objects.standing().filter(kind=GrantKind.PRIVILEGE, automation=OuterRef("automation"))
    using = privileges.filter(credential=credential)
    asking = Privilege.objects.filter(version=OuterRef("automation__approved_version"), credential=credential)
    return Q(kind=GrantKind.CREDENTIAL) & ~Exists(using) & Exists(asking)


def end_with_last(grant: Grant, step: Step[Any]) -> None:
    """End the credential's grant with the last privilege that uses it. A handler of ``grant.ended``."""
    if grant.credential_id is not None and grant.ended_why not in PUTTING_IN_FORCE:
        end_unused(grant.automation, step, credential=grant.credential_id)


def end_unused_after(step: Step[Submission], records: Iterable[Approval]) -> None:
    """End credentials that a submission in force left unused, and notify about credentials that it did not grant.

    Args:
        step: the step that puts the submission in force.
        records: approvals of the credentials not granted (`unneeded_credentials`).
    """
    automation = step.subject.automation
    ended = end_unused(automation, step)
    for record in records:
        if record.credential is not None and record.credential_id not in ended:
            _notify_not_granted(record.credential, automation, step.now, "refused", step.subject.pk)


def end_unused(automation: Automation, step: Step[Any], **filters: Any) -> set[int | None]:
    """End grants of credentials that no privilege of an automation uses; return the ids of the credentials."""
    grants = Grant.objects.standing().filter(unneeded(), automation=automation, **filters)
    ended = set()
    for grant in grants.select_related("credential__owner", "credential__interim__person").order_by("pk"):
        end(grant, actor=step.actor, now=step.now, why=Why.NOT_NEEDED)
        if grant.credential is not None:
            _notify_not_granted(grant.credential, automation, step.now, "ended", grant.pk)
        ended.add(grant.credential_id)
    return ended


def _notify_not_granted(credential: Credential, automation: Automation, now: datetime, why: str, pk: int) -> None:
    """Tell the credential's owner, and the person who accepts subsets for the automation, why it is not granted (A2).

    Args:
        credential: the credential.
        automation: the automation that asked for it.
        now: business time.
        why: "refused" if every privilege that uses it was refused, or "ended" if the last one ended.
        pk: of the submission or the grant.
    """
    owner: Person | None = credential.interim_owner(now) or credential.owner
    people = [person for person in (owner, automation.accepting(now)) if person is not None]
    context = {
        "automation": automation.name,
        "team": automation.team.name,
        "credential": str(credential),
        "why": why,
        "page": ["credential", credential.pk],
    }
    thread, key = f"credential:{credential.pk}:{automation.pk}", f"{why}:{pk}"
    outbox.queue(outbox.notices_for(people, "credential_not_needed", thread=thread, key=key, now=now, context=context))
