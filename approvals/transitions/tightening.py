"""A tier that rises while a grant lives: its term is shortened, and it comes up for review (T4). One that falls changes nothing.

What was approved stays as it was approved, and so does the tier that stands with it; beside that stands what it counts as now. What
raises it is the register's to do; this follows its operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from approvals import grants
from approvals.models import Grant, GrantKind
from governance.controls.transitions import Step
from inventory import assessing, risk
from inventory.models import Automation, Credential, Privilege, Resource
from inventory.risk import Tier


def tighten_risen(raised: Resource | Credential | Automation, step: Step[Any]) -> None:
    """Shorten what stands and is of a higher tier now: registered for what raises tiers. A person's word about an app raises no grant's."""
    if isinstance(raised, Automation):
        return
    for grant, tier in _risen(raised):
        grants.tighten(grant, actor=step.actor, now=step.now, tier=tier.word)


def _risen(raised: Resource | Credential) -> list[tuple[Grant, Tier]]:
    related = ("automation", "approval__privilege__entitlement__resource", "approval__privilege__credential")
    found = list(
        Grant.objects.standing().filter(_reached(raised)).select_related(*related).order_by("automation", "key")
    )
    uses = _uses([one for one in found if one.kind == GrantKind.CREDENTIAL])
    risen = []
    for grant in found:
        about = [grant.approval.privilege] if grant.approval.privilege is not None else uses
        if (now := _tier(grant, about)) > Tier.of(grant.counted_tier):
            risen.append((grant, now))
    return risen


def _reached(raised: Resource | Credential) -> Q:
    if isinstance(raised, Credential):
        return Q(credential=raised)
    used = Privilege.objects.filter(entitlement__resource=raised, credential__isnull=False).order_by()
    return Q(entitlement__resource=raised) | Q(kind=GrantKind.CREDENTIAL, credential__in=used.values("credential"))


def _uses(found: Sequence[Grant]) -> list[Privilege]:
    """What the approved versions use the credentials of some grants for: one query, none where there are no such grants."""
    if not found:
        return []
    read = Privilege.objects.filter(
        version__in=[one.automation.approved_version_id for one in found],
        credential__in=[one.credential_id for one in found],
    )
    return list(read.select_related("entitlement__resource", "credential", "version"))


def _tier(grant: Grant, about: Sequence[Privilege]) -> Tier:
    """What a grant would be now: its privilege's tier, or the highest of what its automation uses the credential for (T1)."""
    environment = grant.automation.environment
    mine = [
        one
        for one in about
        if grant.kind == GrantKind.PRIVILEGE
        or (one.credential_id, one.version_id) == (grant.credential_id, grant.automation.approved_version_id)
    ]
    judged = [risk.privilege_tier(assessing.facts_of(one, environment)).tier for one in mine]
    return max(judged, default=Tier.of(grant.tier))
