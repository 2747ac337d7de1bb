"""What is made of a version on one date: facts from rows, tiers from `risk`, findings; kept as a new assessment each time (I2).

Answers for collecting facts and for writing the assessment. What a tier means stands in `risk`; what follows from one (seats,
terms, reviews) is decided by higher apps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory import risk
from inventory.importers.manifest import Finding as ManifestFinding
from inventory.importers.manifest import Manifest
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Credential,
    Finding,
    Privilege,
    Reach,
    Trigger,
    Version,
    VersionCredential,
)
from inventory.risk import Judged, Tier

#: Which detectors made an assessment; a release that changes what importers infer raises it (I2).
IMPORTER_VERSION = "1"


@dataclass(frozen=True)
class Judgement:
    """The tiers of one version: each privilege by its key, each credential, and the app."""

    privileges: Mapping[str, Judged]
    credentials: Sequence[tuple[Credential, Judged]]
    app: Judged

    def of(self, credential: Credential) -> Judged:
        """One credential's judgement; works for credentials that are not saved yet."""
        return next(judged for known, judged in self.credentials if known is credential or known == credential)


def facts_of(privilege: Privilege, environment: str) -> risk.PrivilegeFacts:
    """The facts of T1 about one privilege, saved or not.

    Args:
        privilege: with its entitlement, the entitlement's resource, and its credential at hand.
        environment: the automation's; a lower one on production data is judged as production (I10).
    """
    entitlement = privilege.entitlement
    both = (environment, entitlement.resource.environment)
    return risk.PrivilegeFacts(
        level=privilege.counted_level if privilege.level in risk.LEVEL_ORDER else _level_unless_unknown(privilege),
        data_class=_class_unless_unset(privilege),
        environment=max(both, key=risk.ENVIRONMENT_ORDER.index),
        credential_reach=_reach(privilege),
        model_controlled=privilege.model_controlled,
        opaque=privilege.opaque,
        outbound=entitlement.outbound,
        bound=privilege.is_bound,
        recognised=privilege.recognised,
    )


def _level_unless_unknown(privilege: Privilege) -> str:
    """The entitlement's level for a privilege whose own is unknown; unknown where neither is known, and said so."""
    return str(privilege.entitlement.level)


def _class_unless_unset(privilege: Privilege) -> str:
    entitlement = privilege.entitlement
    if not entitlement.resource.data_class and entitlement.data_class != "restricted":
        return ""
    return str(entitlement.counted_class)


def _reach(privilege: Privilege) -> risk.Reach:
    credential = privilege.credential
    if credential is None:
        return "unknown" if privilege.credential_missing else "none"
    if credential.reach_kind == Reach.UNKNOWN:
        return "unknown"
    return "only_this" if set(credential.reach) <= {privilege.entitlement.code} else "wider"


def judge(
    privileges: Sequence[Privilege],
    credentials: Iterable[Credential],
    triggers: Iterable[Trigger],
    *,
    kind: str,
    environment: str,
    raised_to: str = "",
    sharers: Sequence[tuple[str, Tier]] = (),
    rules: Mapping[str, Any] = risk.DEFAULT_RULES,
) -> Judgement:
    """Judge a version, or one that would be (T1, T2). Reads only what it is given.

    Args:
        privileges: what it would hold, saved or not, each with entitlement, resource and credential at hand.
        credentials: what it uses or asks for.
        triggers: how it starts.
        kind: the automation's kind.
        environment: the automation's environment.
        raised_to: what a person raised the tier to, or nothing.
        sharers: name and tier of each automation with which it shares a credential or an identity (I5).
        rules: the policy's ``tiers``.
    """
    found = [(one, facts_of(one, environment)) for one in privileges]
    judged = [(one, risk.privilege_tier(facts, rules)) for one, facts in found]
    opened = [
        (credential, risk.credential_tier((p.sentence, j) for p, j in judged if p.credential == credential))
        for credential in credentials
    ]
    app = risk.app_tier(
        [(p.sentence, j) for p, j in judged],
        kind=kind,
        has_open_entry=any(trigger.is_open for trigger in triggers),
        has_non_read=any(not facts.is_read for _, facts in found),
        sharers=sharers,
        raised_to=Tier.of(raised_to) if raised_to else None,
        rules=rules,
    )
    return Judgement({p.key: j for p, j in judged}, opened, app)


def sharers_of(automation: Automation) -> list[tuple[str, Tier]]:
    """Name and tier of every other automation that uses a credential of this one's newest version (I5)."""
    newest = automation.versions.order_by("-number").values("pk")[:1]
    credentials = VersionCredential.objects.filter(version__in=newest).values("credential")
    used = VersionCredential.objects.filter(credential__in=credentials).values("version__automation")
    found = Automation.objects.filter(pk__in=used, state=AutomationState.LIVE).exclude(pk=automation.pk)
    return [(one.name, Tier.of(one.tier)) for one in found.order_by("pk")]


def assess(version: Version, *, now: datetime, rules: Mapping[str, Any] = risk.DEFAULT_RULES) -> Assessment:
    """Judge a saved version and keep the answer as a new assessment with its findings (I2).

    Called inside an operation, which records it. Findings are those of the manifest; facts about resources and
    credentials are read as they are now.

    Args:
        version: with its privileges, credentials and triggers saved.
        now: business time.
        rules: the policy's ``tiers``.
    """
    automation = version.automation
    privileges = list(version.privileges.select_related("entitlement__resource", "credential"))
    uses = list(version.version_credentials.select_related("credential"))
    judged = judge(
        privileges,
        [use.credential for use in uses],
        list(version.triggers.all()),
        kind=automation.asked["kind"],
        environment=automation.environment,
        raised_to=automation.raised_to,
        sharers=sharers_of(automation),
        rules=rules,
    )
    assessment = Assessment.objects.create(
        version=version,
        importer_version=IMPORTER_VERSION,
        at=now,
        tier=judged.app.tier.word,
        reasons=list(judged.app.reasons),
        levels={
            "privileges": {key: _said(one) for key, one in judged.privileges.items()},
            "credentials": {str(credential.pk): _said(one) for credential, one in judged.credentials},
        },
    )
    manifest = Manifest.from_dict(version.manifest)
    Finding.objects.bulk_create(_finding(assessment, one) for one in manifest.findings)
    return assessment


def _said(judged: Judged) -> dict[str, Any]:
    return {"tier": judged.tier.word, "reasons": list(judged.reasons)}


def _finding(assessment: Assessment, one: ManifestFinding) -> Finding:
    return Finding(
        assessment=assessment, code=one.code, place=one.at[:400], severity=one.severity, detail=one.detail[:400]
    )
