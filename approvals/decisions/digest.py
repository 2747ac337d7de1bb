"""The facts that a decision is about, the digest that binds the decision to them, and its check (A6).

Included: privilege or credential, justification, term, tier, narrowing so far, policy version. Not included: comments,
usage, and decisions on other approvals. Facts are words and ids that a page can compare.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC
from typing import Any

import rfc8785

from approvals.conflicts.check.submission import SubmissionConflicts
from approvals.models import Approval, ApprovalKind
from approvals.policies import current_tiers
from approvals.policies.facts import SubmissionFacts
from governance.core.access import Refusal, refuse
from governance.core.engine.transition import Step
from governance.core.models import Person
from inventory.models import Automation, NonHumanIdentity, Trigger, Version

#: Labels of the facts on pages that show changes.
LABELS = {
    "what": "What it may do",
    "code": "Raw scope",
    "on": "Resource",
    "level": "Level",
    "scope": "Scope",
    "target": "Target",
    "connection": "Connection",
    "data_class": "Data class",
    "credential": "Credential",
    "model_controlled": "Chosen by a model",
    "reach": "What the credential opens",
    "lifetime": "Lifetime of the credential",
    "kept_in": "Where the credential is kept",
    "expires": "When the credential expires",
    "owner": "Owner of the credential",
    "justification": "Justification",
    "term_days": "Term in days",
    "tier": "Risk tier",
    "conflicts": "Conflicts",
    "policy": "Policy version",
    "round": "Round",
    "retracted": "How often it was undone",
    "purpose": "Purpose",
    "business_owner": "Business owner",
    "technical_owner": "Technical owner",
    "kind": "Kind",
    "triggers": "What starts it",
    "runs_as": "What it runs as",
    "source": "Source",
}

#: Facts that name people by an opaque id: facts are never erased (H6).
OWNERS = ("business_owner", "technical_owner")
#: Facts that are digests: a page can show only that they changed.
DIGESTS = ("justification", "policy", "source")


def digest(facts: dict[str, Any]) -> str:
    """Return SHA-256 over the canonical JSON (RFC 8785) of facts, as hex."""
    return hashlib.sha256(rfc8785.dumps(facts)).hexdigest()


def facts_of_app(
    automation: Automation,
    owners: Iterable[Person | None],
    triggers: Iterable[Trigger],
    identities: Iterable[NonHumanIdentity],
    source_digest: str,
    tier: str,
) -> dict[str, Any]:
    """Return the facts of stage 1. A change of any of these requires stage 1 again (A12).

    Args:
        automation: as it is, or would be.
        owners: business and technical owner, as they are or would be.
        triggers: of the version.
        identities: identities that the version itself names (docs/decisions/0029-another-identity-is-another-app.md).
        source_digest: of the version.
        tier: the app's tier.
    """
    asked_facts = automation.requested_fields
    business, technical = (str(owner.opaque_id) if owner is not None else "" for owner in owners)
    runs_as = sorted(f"{identity.subject} ({identity.issuer})" for identity in identities)
    return {
        "purpose": asked_facts["purpose"],
        "business_owner": business,
        "technical_owner": technical,
        "kind": asked_facts["kind"],
        "triggers": sorted(f"{t.type} {t.detail} {t.authenticated}" for t in triggers),
        "tier": tier,
        "source": source_digest,
        # No fact without identities: the digest of older submissions stays the same.
        **({"runs_as": runs_as} if runs_as else {}),
    }


def asked_owners(automation: Automation) -> tuple[Person | None, Person | None]:
    """Return the business and technical owner, after the amendment (A12)."""
    if not automation.amendment:
        return automation.business_owner, automation.technical_owner
    business, technical = (automation.requested_fields[f"{name}_id"] for name in ("business_owner", "technical_owner"))
    people = Person.objects.in_bulk([pk for pk in (business, technical) if pk is not None])
    return people.get(business), people.get(technical)


def facts_of_version(automation: Automation, version: Version, tier: str) -> dict[str, Any]:
    """Return the facts of stage 1 for a saved version."""
    named, owners = NonHumanIdentity.objects.filter(used_by__version=version), asked_owners(automation)
    return facts_of_app(automation, owners, version.triggers.all(), named, version.source_digest, tier)


def _privilege_facts(approval: Approval, facts: SubmissionFacts) -> dict[str, Any]:
    privilege = approval.privilege
    assert privilege is not None  # approval_kind_has_its_reference
    entitlement = privilege.entitlement
    return {
        "what": privilege.sentence,
        "code": entitlement.code,
        "on": f"{entitlement.resource.name} ({entitlement.resource_id})",
        "level": approval.granted_level or privilege.level,
        "scope": list(approval.granted_scope if approval.granted_scope is not None else privilege.scope),
        "target": privilege.target,
        "connection": f"{privilege.connector} {privilege.instance}".strip(),
        "data_class": current_tiers.counted_class(privilege, facts),
        "credential": str(privilege.credential_id or ""),
        "model_controlled": "yes" if privilege.model_controlled else "no",
    }


def _credential_facts(approval: Approval) -> dict[str, Any]:
    credential = approval.credential
    assert credential is not None  # approval_kind_has_its_reference
    on, kept = approval.decided_on, credential.kept_in
    stored = {
        "kept_in": f"{kept.name} ({kept.pk})" if kept else "",
        "expires": credential.expires_at.astimezone(UTC).date().isoformat() if credential.expires_at else "",
        "owner": str(credential.owner.opaque_id) if credential.owner else "",
    }
    return {
        "what": credential.sentence,
        "on": f"{on.name} ({on.pk})" if on else "",
        "lifetime": credential.lifetime,
        "reach": [credential.reach_kind, *sorted(credential.reach)],
        # No fact without a value: the digest of older approvals stays the same (A14).
        **{name: value for name, value in stored.items() if value},
    }


def facts_of_approval(approval: Approval, conflicts: SubmissionConflicts) -> dict[str, Any]:
    """Return the facts of an approval. Its submission's conflicts and facts are those of one instant."""
    if approval.kind == ApprovalKind.APP:
        facts = dict(approval.submission.asked)
    elif approval.kind == ApprovalKind.PRIVILEGE:
        facts = _privilege_facts(approval, conflicts.facts)
    else:
        facts = _credential_facts(approval)
    return {
        **facts,
        "justification": approval.justification.digest if approval.justification else "",
        "term_days": str(approval.granted_term_days or approval.term_days),
        "tier": approval.tier,
        "policy": conflicts.facts.policy.version.digest,
        "round": str(approval.round),
        # No fact without conflicts: the digest of older approvals stays the same.
        **({"conflicts": conflict_facts} if (conflict_facts := conflicts.facts_of(approval)) else {}),
        # A form from before an undo no longer matches.
        **({"retracted": str(approval.retracted)} if approval.retracted else {}),
    }


def check_shown(step: Step[Approval], shown: str) -> None:
    """Refuse a decision if the facts have changed since the page was shown (A6)."""
    if (refusal := stale_refusal(step.subject, step.context.conflicts, shown)) is not None:
        raise refuse(refusal)


def stale_refusal(approval: Approval, conflicts: SubmissionConflicts, shown: str) -> Refusal | None:
    """Return the refusal with the changes since the page was shown, or None (A6)."""
    present = facts_of_approval(approval, conflicts)
    if digest(present) == shown:
        return None
    sentence = "This changed after the page was shown to you, so nothing was decided."
    to_do = "Look at what changed and decide again; what you typed is still there."
    return Refusal("A6", "stale", sentence, to_do, tuple(differences(approval.facts, present)))


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the changes between two sets of facts: label, before, after."""

    def shown(name: str, value: object) -> str:
        if name in DIGESTS:
            return str(value or "").removeprefix("sha256:")[:8]
        if name in (*OWNERS, "owner") and value:  # kept as an opaque id, since facts are never erased (H6)
            return Person.objects.filter(opaque_id=str(value)).values_list("name", flat=True).first() or "somebody"
        return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value or "")

    changed = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return [(LABELS.get(name, name), shown(name, before.get(name)), shown(name, after.get(name))) for name in changed]
