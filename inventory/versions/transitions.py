"""Assess versions: each assessment is a new row with tiers, reasons and findings (I2).

`assessment` judges without writing. Higher apps decide about the effects of a tier: seats, terms, reviews.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

from django.db.models import F, Q, Subquery

from governance.core.access import Actor
from governance.core.engine.transition import Effect, Step, transition
from inventory.chains import queries as chain_queries
from inventory.chains.chain_ends import VersionParts
from inventory.importers import reader
from inventory.importers.manifest import Manifest
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Credential,
    Finding,
    NonHumanIdentity,
    Privilege,
    Trigger,
    Version,
)
from inventory.models.version import newest_version
from inventory.ownership import parties as ownership_parties
from inventory.resources import queries as resource_queries
from inventory.risk import policy
from inventory.versions import findings, privilege_levels
from inventory.versions.assessment import Judgement, identities_of, judge_version, shared_tier


@dataclass(frozen=True)
class VersionRows:
    """Rows of a version that are loaded already, so that none is read again.

    Args:
        automation: locked.
        privileges: saved, each with its entitlement, resource and credential loaded.
        credentials: saved, those that it uses or asks for.
        triggers: saved.
        read: manifest of the version.
        identities: that it names or that serve its automation; None to look them up.
        chain: connected automations (A16); None to look them up.
        bindings: of the privileges; None to look them up.
        is_new: whether the version was just written, so that this importer read it.
    """

    automation: Automation
    privileges: Sequence[Privilege]
    credentials: Sequence[Credential]
    triggers: Sequence[Trigger]
    read: Manifest
    identities: Sequence[NonHumanIdentity] | None = None
    chain: chain_queries.Chain | None = None
    bindings: resource_queries.Bindings | None = None
    is_new: bool = True

    @classmethod
    def load(cls, version: Version) -> VersionRows:
        """Load the rows of a version."""
        return cls(
            version.automation,
            list(version.privileges.select_related("entitlement__resource", "credential")),
            [row.credential for row in version.version_credentials.select_related("credential")],
            list(version.triggers.all()),
            Manifest.from_dict(version.manifest),
            is_new=False,
        )


def assess_version(
    version: Version,
    *,
    now: datetime,
    manifest: Manifest | None = None,
    party_ids: Collection[int] = (),
    rows: VersionRows | None = None,
) -> Assessment:
    """Assess a version by the policy in force and keep the result with the earlier ones (I2). Runs inside another
    operation only.

    Args:
        version: any version.
        now: business time.
        manifest: a newer importer's manifest of the same source; None for the stored one.
        party_ids: ids of further people with a stake, such as the submitter (S1).
        rows: its rows, if loaded.

    Returns:
        The new assessment. Its ``levels`` are ``{"privileges": {key: {"tier", "reasons", "level"}}, "credentials":
        {str(pk): {"tier", "reasons"}}, "own": tier, "in_force": tier, "unvouched": [key]}``. ``own`` is the app's tier
        without its chain, ``in_force`` the tier with the approved kind while another kind is requested, ``unvouched``
        the privileges that count as restricted.
    """
    inside = Actor.of_job("inventory.assess")  # the surrounding operation names the actor
    return cast(
        "Assessment",
        record_assessment(version, actor=inside, now=now, manifest=manifest, party_ids=party_ids, rows=rows),
    )


@transition(Version, event="version.assessed", permission=None)
def record_assessment(
    step: Step[Version],
    *,
    manifest: Manifest | None = None,
    party_ids: Collection[int] = (),
    rows: VersionRows | None = None,
) -> Effect:
    """Record an assessment: tiers with reasons, levels and findings as one more dated row (I2).

    Args:
        step: the running step; its subject is the version.
        manifest: the manifest of a new reading, or None.
        party_ids: people whose statements lower no tier.
        rows: rows of the version that the caller has read.
    """
    version, rows = step.subject, rows or VersionRows.load(step.subject)
    privileges, credentials, read = rows.privileges, rows.credentials, manifest or rows.read
    automation = version.automation = rows.automation
    identities = identities_of([version]) if rows.identities is None else rows.identities
    more = privilege_levels.apply_new_reading(privileges, manifest) if manifest is not None else []
    bindings = resource_queries.bindings_of(privileges) if rows.bindings is None else rows.bindings
    stated = bindings.keys_resting_on_people
    parties = ownership_parties.party_ids(automation, credentials, step.now, stated) | set(party_ids)
    parts = VersionParts(automation, privileges, credentials, rows.triggers, identities, rows.read.on_error)
    judge_as = partial(
        judge_version,
        *(automation, privileges, credentials, rows.triggers),
        shared=shared_tier(automation, identities),
        chain=rows.chain or chain_queries.possible_chains({version.pk: parts})[version.pk],
        party_ids=parties,
        bindings=bindings,
        rules=policy.rules_at(step.now),
    )
    judgement, standing = (judge_as(kind=kind) for kind in (automation.requested_fields["kind"], automation.kind))
    # A new assessment without a new reading keeps the former importer version.
    last = version.latest_assessment if manifest is None and not rows.is_new else None
    made = Assessment(
        version=version,
        importer_version=last.importer_version if last is not None else reader.VERSION,
        at=step.now,
        tier=judgement.app.tier.word,
        reasons=list(judgement.app.reasons),
        levels=_levels(judgement, standing, privileges, bindings.unvouched(privileges, parties)),
    )
    step.save(made)
    rows_to_write = [
        *more,
        *findings.findings_of_manifest(read, version),
        *findings.findings_of_reach(credentials, privileges),
        *findings.findings_of_register(automation, credentials, identities),
    ]
    Finding.objects.bulk_create(Finding(assessment=made, **row) for row in rows_to_write)
    payload = {"tier": made.tier, "findings": len(rows_to_write), "importer": made.importer_version}
    return Effect(subject=made, payload=payload)


def _levels(
    judgement: Judgement, standing: Judgement, privileges: Sequence[Privilege], unvouched: Iterable[str]
) -> dict[str, Any]:
    """The levels that an assessment keeps; ``standing`` is judged with the approved kind."""
    return {
        "privileges": {p.key: {**judgement.privileges[p.key].to_dict(), "level": p.level} for p in privileges},
        "credentials": {str(c.pk): judged.to_dict() for c, judged in judgement.credentials},
        "own": max(judgement.own_tier, standing.own_tier).word,
        "in_force": standing.app.tier.word,
        "unvouched": sorted(unvouched),
    }


def assess_again(step: Step[Any], credential: Credential) -> int:
    """Assess every approved or newest version that uses a changed credential (I2).

    A draft shows the tier of its newest version. An approved automation shows a higher tier at once, a lower one with
    its next approval (T4). Open approvals stay unchanged (A1).

    Args:
        step: the running step.
        credential: saved.

    Returns:
        Number of assessed versions.
    """
    concerned = Version.objects.filter(version_credentials__credential=credential)
    concerned = concerned.filter(Q(pk=Subquery(newest_version())) | Q(pk=F("automation__approved_version")))
    versions = list(concerned.exclude(automation__state=AutomationState.RETIRED).order_by("automation", "number"))
    # Automations are locked before their versions, in the order that a submission uses.
    owners = Automation.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    automations = {
        automation.pk: automation
        for automation in owners.filter(pk__in={version.automation_id for version in versions})
    }
    for version in versions:
        made, automation = assess_version(version, now=step.now), automations[version.automation_id]
        # A follower of the assessment raises and reviews approved automations (T4): one place decides when.
        if automation.state == AutomationState.DRAFT and automation.tier != made.tier:
            automation.tier = made.tier
            step.save(automation)
    return len(versions)
