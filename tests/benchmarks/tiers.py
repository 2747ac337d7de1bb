"""Tiers of the real exports beside the project: which share is high, and why (T1, T2).

Each export is read and resolved as a preview does it. Then every connection is bound: it has an address, its resource is internal and in
production, and each credential's reach is known. `inventory.versions.assessment` judges it as it judges everything. A second figure leaves data classes unset.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from inventory.importers.files import read_paths
from inventory.importers.reader import ReadResult
from inventory.imports import resolution
from inventory.imports.resolution import Resolution
from inventory.models import Automation, Reach, ResourceState
from inventory.risk.tiers import Tier
from inventory.versions import assessment
from inventory.versions.assessment import Judgement
from tests.real_exports import FOLDER

EXPORTS = FOLDER / "imports"
#: Tiers, the most careful first, as figures list them.
TIERS = (Tier.HIGH, Tier.STANDARD, Tier.LOW)


@dataclass(frozen=True)
class Export:
    """One real export with its tier.

    Args:
        name: its path below the folder of exports.
        resolution: what it would be in the register.
        judgement: its tiers with reasons.
    """

    name: str
    resolution: Resolution
    judgement: Judgement

    @property
    def tier(self) -> Tier:
        """The app's tier."""
        return self.judgement.app.tier

    @property
    def causes(self) -> set[str]:
        """Reasons for high, without names: of its high privileges, and of the app where no privilege is high."""
        of_privileges = {
            reason
            for privilege in self.judgement.privileges.values()
            if privilege.tier is Tier.HIGH
            for reason in privilege.reasons
        }
        return of_privileges or set(self.judgement.app.reasons)


def exports(folder: Path, data_class: str = "internal") -> Iterator[Export]:
    """Every export below a folder that the importers read, judged.

    Args:
        folder: of exports; files that are none are left out.
        data_class: of each resource that a connection opens; empty for unset.
    """
    for result in read_paths([folder]):
        if isinstance(result, ReadResult):
            resolved = _bound(result, data_class)
            yield Export(result.manifest.source.files[0], resolved, _judged(result, resolved))


def _bound(result: ReadResult, data_class: str) -> Resolution:
    """What an export would be in the register, every connection bound to a resource in use, every reach known."""
    privileges = tuple(
        replace(privilege, instance=privilege.instance or "bound here") for privilege in result.manifest.privileges
    )
    findings = tuple(finding for finding in result.manifest.findings if finding.code != "dynamic_host")
    manifest = replace(result.manifest, privileges=privileges, findings=findings)
    resolved = resolution.resolve_manifest(manifest, platform_instance="n8n", chosen={}, with_people=False)
    for resource in resolved.resources.values():
        resource.data_class, resource.environment = data_class, "production"
        resource.state, resource.unresolved = ResourceState.ACTIVE, False
    for privilege in resolved.privileges.values():
        privilege.credential_missing = False
    for credential in resolved.credentials.values():
        codes = {
            privilege.entitlement.code
            for privilege in resolved.privileges.values()
            if privilege.credential is credential
        }
        credential.reach_kind, credential.reach = Reach.READ, sorted(codes)
    return resolved


def _judged(result: ReadResult, resolved: Resolution) -> Judgement:
    automation = Automation(kind=result.manifest.kind)
    return assessment.judge_version(
        automation, list(resolved.privileges.values()), resolved.credentials.values(), resolved.triggers
    )


def shares(judged: list[Export]) -> Mapping[Tier, float]:
    """Percent of the exports by tier."""
    counted = Counter(export.tier for export in judged)
    return {tier: 100 * counted[tier] / len(judged) for tier in TIERS}


def causes(judged: list[Export]) -> Counter[str]:
    """How many high exports have each reason; an export with several counts for each."""
    return Counter(_general(cause) for export in judged if export.tier is Tier.HIGH for cause in export.causes)


def _general(cause: str) -> str:
    """A reason without the name of its privilege."""
    return re.sub(r"^(.{0,400}?): ", "", cause) if cause.startswith("May ") else cause
