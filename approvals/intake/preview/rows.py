"""The preview of an import with its draft: requested items, justifications and terms (I7, A1, A5, A12).

`preview.queries` loads it, pages show it, and submitting takes its justifications and terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.conflicts.check.automation import FoundConflict
from approvals.intake.drafts import Draft
from approvals.intake.preview.route import PreviewSeat
from approvals.models import Submission
from approvals.policies.queries import Policy
from approvals.prior_decisions.duplicates import Likenesses
from approvals.submissions.version_diff import Changes, RequestedItem
from governance.core.duties.refusals import Refusal
from governance.core.models import Person, Team
from governance.core.texts import free_text
from inventory.automations import platform_instance
from inventory.chains.queries import Chain
from inventory.importers.manifest import Manifest
from inventory.models import Automation, DataClass, ImportItem, Resource, Version
from inventory.risk.tiers import Judged
from inventory.versions.diff import VersionDiff

#: Terms to choose from, in days, up to the maximum of the tier.
TERMS = (7, 30, 60, 90, 180, 365)
#: Opening of the justification that a credential takes from its privileges.
USES_PREFIX = "It is needed for what it opens:"


@dataclass(frozen=True)
class PreviewRow:
    """One privilege or credential that the version would hold.

    Args:
        key: names its form fields (`drafts.row_key`).
        requested: the privilege or credential with its tier; `why` is empty if it is held and not asked again.
        resource: the resource that decides.
        seats: the signatures it needs, by the ladder.
        connection: the connection's name, if the builder may choose its resource.
        is_named: whether the connection's resource is known or chosen.
        problems: problems that block the submission, one sentence each.
        said_no: a sentence if an owner refused the chosen resource; else empty.
        proposed: a sentence if another person has proposed its resource; else empty.
    """

    key: str
    requested: RequestedItem
    resource: Resource | None
    seats: tuple[PreviewSeat, ...]
    connection: str
    is_named: bool
    problems: tuple[str, ...]
    said_no: str = ""
    proposed: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether stage 2 is asked about it."""
        return bool(self.requested.why)


@dataclass(frozen=True)
class Preview:
    """An import with its draft, as it would be submitted.

    Args:
        item: the preview's row.
        manifest: manifest of the export.
        draft: the builder's answers.
        team: the team that owns it.
        policy: the policy in force.
        registered: the stored automation that it updates; None for a new one.
        automation: the automation with the draft's answers; unsaved.
        version: the registered version with this content; None for a new version.
        sibling: the automation of another environment that a new one belongs to, or None (I10).
        promoted_from: the version of a lower environment that it promotes, with its automation, or None.
        alike: its possible duplicates (I9).
        base: the version that it is compared with; for a new automation the promoted version, or None. `drift` has the differences.
        under_way: the submission that it would continue (A14).
        is_stopped_since: whether one of its items was stopped since that submission and is asked again (G5).
        changes: what would be asked, continue or end (A12).
        wanted: all items that the version would hold.
        app_seats: signatures of stage 1; empty if it is not asked.
        judged: the app's tier with its reasons.
        chain: automations that it would be connected with (A16).
        problems: problems that block the app's submission, one sentence each.
        short: approvals left without an eligible approver (A9).
        said_before: the last justification of the same item, by row key.
        begun: initial values of the fields.
        authors: people with the account that the source names as its author (S1).
        refusal: why this person may not import it for this team, or None.
        is_light: whether policy would approve stage 2 (A13).
        not_light: if all is low risk, why policy does not approve it, in a sentence; else empty.
        conflicts: conflicts that it would have (S6).
        unvouched: keys of privileges that count as restricted, because their binding rests on parties (I8).
        runs_as: identities that the reader does not see: unregistered ones, or those of another team (I5).
    """

    item: ImportItem
    manifest: Manifest
    draft: Draft
    team: Team
    now: datetime
    policy: Policy
    registered: Automation | None
    automation: Automation
    version: Version | None
    sibling: Automation | None
    promoted_from: Version | None
    alike: Likenesses
    base: Version | None
    drift: VersionDiff | None
    under_way: Submission | None
    is_stopped_since: bool
    changes: Changes
    wanted: tuple[PreviewRow, ...]
    app_seats: tuple[PreviewSeat, ...]
    judged: Judged
    chain: Chain
    problems: tuple[str, ...]
    short: tuple[str, ...]
    said_before: Mapping[str, str]
    begun: Mapping[str, Any]
    authors: tuple[Person, ...]
    refusal: Refusal | None
    is_light: bool = False
    not_light: str = ""
    conflicts: tuple[FoundConflict, ...] = ()
    unvouched: frozenset[str] = frozenset()
    runs_as: tuple[str, ...] = ()

    def counted_class(self, row: PreviewRow) -> str:
        """Data class that counts for a row: restricted if its binding rests on parties (I8)."""
        privilege = row.requested.privilege
        if privilege is None:
            return row.resource.counted_class if row.resource is not None else ""
        return DataClass.RESTRICTED if privilege.key in self.unvouched else privilege.entitlement.counted_class

    @property
    def is_certain(self) -> bool:
        """Whether its sibling is certain: the same id on the same platform (I10)."""
        return (
            self.sibling is not None
            and bool(self.sibling.external_id)
            and (
                self.sibling.external_id == self.manifest.source.external_id[:160]
                and self.sibling.platform_instance == platform_instance.platform_name(self.manifest)
            )
        )

    @property
    def tier(self) -> str:
        """The app's tier."""
        return self.judged.tier.word

    @property
    def asked(self) -> list[PreviewRow]:
        """Rows that stage 2 is asked about."""
        return [row for row in self.wanted if row.is_asked]

    @property
    def asks_nothing(self) -> bool:
        """Whether all is approved and held, so that there is nothing to submit (I7)."""
        return (
            self.registered is not None and not self.changes.app and not self.changes.asked and not self.changes.ending
        )

    @property
    def unjustified(self) -> list[PreviewRow]:
        """Asked rows without a justification. A credential needs none if all its privileges have one."""
        return [row for row in self.asked if not self.reason(row) and not self.uses(row)]

    def uses(self, row: PreviewRow) -> list[PreviewRow]:
        """Asked privileges that use a credential; empty for a privilege."""
        if row.requested.credential is None:
            return []
        privileges = ((use, use.requested.privilege) for use in self.asked)
        return [
            use
            for use, privilege in privileges
            if privilege is not None and privilege.credential == row.requested.credential
        ]

    @property
    def is_repeat(self) -> bool:
        """Whether submitting would repeat an approved or open submission (I7)."""
        if self.registered is None or self.version is None or self.amends or self.is_stopped_since:
            return False
        is_under_review = self.under_way is not None and self.under_way.version_id == self.version.pk
        return is_under_review or (self.under_way is None and self.asks_nothing)

    @property
    def amends(self) -> bool:
        """Whether answers about a registered automation, or justifications, differ from before."""
        fields = any(_tidy(value) != _tidy(self.begun.get(name)) for name, value in self.draft.fields.items())
        return fields or any(self.said_before.get(key, text) != text for key, text in self.draft.why.items())

    def why(self, row: PreviewRow) -> str:
        """The typed justification, or else that of the same item when it was last asked."""
        return free_text.clean(self.draft.why.get(row.key, self.said_before.get(row.key, "")))

    def reason(self, row: PreviewRow) -> str:
        """Justification of a row. A credential without one takes those of its privileges."""
        own_reason = self.why(row)
        if own_reason or row.requested.credential is None:
            return own_reason
        uses = self.uses(row)
        use_reasons = list(dict.fromkeys(filter(None, map(self.why, uses))))
        return f"{USES_PREFIX} {' '.join(use_reasons)}" if use_reasons and all(map(self.why, uses)) else ""

    def term(self, row: PreviewRow) -> int:
        """The requested term in days: as chosen, at most the tier's maximum, which is also the default."""
        longest = self.policy.longest_term(row.requested.tier)
        return min(self.draft.terms.get(row.key, longest), longest) or longest

    def terms(self, row: PreviewRow) -> list[int]:
        """Terms to choose from, in days; the last is the tier's maximum."""
        longest = self.policy.longest_term(row.requested.tier)
        return sorted({*(days for days in TERMS if days < longest), longest, self.term(row)})


def _tidy(value: Any) -> Any:
    """Normalise a value as the register stores it."""
    return free_text.seen(value or "") if isinstance(value, str) or value is None else value
