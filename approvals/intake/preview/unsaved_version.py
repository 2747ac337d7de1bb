"""Comparison of an unsaved version with the approved one and its grants, by the rule of `version_diff` (A12).

`version_diff.compare` reads a saved version. Here the rows are in memory, and the same rule applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.decisions import digest
from approvals.submissions import version_diff
from approvals.submissions.version_diff import Changes, HeldState, RequestedItem
from inventory.importers.manifest import Manifest
from inventory.models import Automation, NonHumanIdentity, Privilege, Trigger


@dataclass(frozen=True)
class UnsavedVersion:
    """A future version with its assessment.

    Args:
        automation: the automation as it would be.
        manifest: manifest of the export.
        starts: unsaved triggers.
        held: unsaved privileges.
        identities: its identities, saved or not.
        tier: the app's tier.
    """

    automation: Automation
    manifest: Manifest
    starts: Sequence[Trigger]
    held: Sequence[Privilege]
    identities: Sequence[NonHumanIdentity]
    tier: str

    def against(self, registered: Automation | None, wanted: Iterable[RequestedItem], now: datetime) -> Changes:
        """Compare it with the approved version and the grants.

        Args:
            registered: the automation as stored; None for a new one.
            wanted: everything that it would hold.
            now: business time.
        """
        standing = HeldState.read(registered, now)
        facts_now = digest.facts_of_app(
            self.automation, self.starts, self.identities, self.manifest.source.content, self.tier
        )
        app = version_diff.app_reasons(facts_now, standing.before, source_counts=self._source_counts)
        return version_diff.compare_items(wanted, standing, app, now=now)

    def _source_counts(self) -> bool:
        return version_diff.does_source_need_stage_1(
            self.tier,
            self.automation.kind,
            is_opaque=any(finding.code == version_diff.OPAQUE for finding in self.manifest.findings),
            is_model_driven=any(privilege.model_controlled for privilege in self.held),
        )
