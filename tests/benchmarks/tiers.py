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
        found: what it would be in the register.
        judgement: its tiers with reasons.
    """

    name: str
    found: Resolution
    judgement: Judgement

    @property
    def tier(self) -> Tier:
        """The app's tier."""
        return self.judgement.app.tier

    @property
    def causes(self) -> set[str]:
        """Reasons for high, without names: of its high privileges, and of the app where no privilege is high."""
        of_privileges = {
            reason for one in self.judgement.privileges.values() if one.tier is Tier.HIGH for reason in one.reasons
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
            found = _bound(result, data_class)
            yield Export(result.manifest.source.files[0], found, _judged(result, found))


def _bound(result: ReadResult, data_class: str) -> Resolution:
    """What an export would be in the register, every connection bound to a resource in use, every reach known."""
    privileges = tuple(replace(one, instance=one.instance or "bound here") for one in result.manifest.privileges)
    findings = tuple(one for one in result.manifest.findings if one.code != "dynamic_host")
    manifest = replace(result.manifest, privileges=privileges, findings=findings)
    found = resolution.resolve_manifest(manifest, platform_instance="n8n", chosen={}, with_people=False)
    for resource in found.resources.values():
        resource.data_class, resource.environment = data_class, "production"
        resource.state, resource.unresolved = ResourceState.ACTIVE, False
    for privilege in found.privileges.values():
        privilege.credential_missing = False
    for credential in found.credentials.values():
        codes = {one.entitlement.code for one in found.privileges.values() if one.credential is credential}
        credential.reach_kind, credential.reach = Reach.READ, sorted(codes)
    return found


def _judged(result: ReadResult, found: Resolution) -> Judgement:
    automation = Automation(kind=result.manifest.kind)
    return assessment.judge_version(
        automation, list(found.privileges.values()), found.credentials.values(), found.triggers
    )


def shares(judged: list[Export]) -> Mapping[Tier, float]:
    """Percent of the exports by tier."""
    counted = Counter(one.tier for one in judged)
    return {tier: 100 * counted[tier] / len(judged) for tier in TIERS}


def causes(judged: list[Export]) -> Counter[str]:
    """How many high exports have each reason; an export with several counts for each."""
    return Counter(_general(cause) for one in judged if one.tier is Tier.HIGH for cause in one.causes)


def _general(cause: str) -> str:
    """A reason without the name of its privilege."""
    return re.sub(r"^(.{0,400}?): ", "", cause) if cause.startswith("May ") else cause
