"""A version that is not saved, compared with what is approved and held by the very rule of `version_diff` (A12).

`version_diff.compare` reads a version's rows. Here the rows stand in memory, and the rule is asked with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.decisions import digest
from approvals.submissions import version_diff
from approvals.submissions.version_diff import Asked, Changes, Standing
from inventory.importers.manifest import Manifest
from inventory.models import Automation, NonHumanIdentity, Privilege, Trigger


@dataclass(frozen=True)
class WouldBe:
    """What a version would be, with its assessment.

    Args:
        automation: as it would be.
        manifest: what was read.
        starts: unsaved triggers.
        held: unsaved privileges.
        identities: those that it names, saved or not.
        tier: the app's tier.
    """

    automation: Automation
    manifest: Manifest
    starts: Sequence[Trigger]
    held: Sequence[Privilege]
    identities: Sequence[NonHumanIdentity]
    tier: str

    def against(self, known: Automation | None, wanted: Iterable[Asked], now: datetime) -> Changes:
        """Compare it with what is approved and held.

        Args:
            known: the automation as stored; None for a new one.
            wanted: everything that it would hold.
            now: business time.
        """
        standing = Standing.read(known, now)
        facts_now = digest.of_app(
            self.automation, self.starts, self.identities, self.manifest.source.content, self.tier
        )
        app = version_diff.app_reasons(facts_now, standing.before, source_counts=self._source_counts)
        return version_diff.weigh(wanted, standing, app, now=now)

    def _source_counts(self) -> bool:
        return version_diff.does_source_count(
            self.tier,
            self.automation.kind,
            is_opaque=any(one.code == version_diff.OPAQUE for one in self.manifest.findings),
            is_model_driven=any(one.model_controlled for one in self.held),
        )
