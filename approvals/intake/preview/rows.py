"""An import with what was typed, as it would be submitted: what it wants, why, and for how long (I7, A1, A5, A12).

`preview.queries` reads it; pages show it; submitting takes its words and terms from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.conflicts.check.automation import Found
from approvals.intake.drafts import Draft
from approvals.intake.preview.route import SeatAsked
from approvals.models import Submission
from approvals.policies.queries import Policy
from approvals.submissions.version_diff import Asked, Changes
from governance.core.duties.refusals import Refusal
from governance.core.models import Person, Team
from governance.core.texts import free_text
from inventory.automations import platform_instance
from inventory.chains.queries import Chain
from inventory.duplicates.queries import Alike
from inventory.importers.manifest import Manifest
from inventory.models import Automation, DataClass, ImportItem, Resource, Version
from inventory.risk.tiers import Judged
from inventory.versions.diff import Drift

#: Terms that can be chosen, in days, up to what the tier allows.
TERMS = (7, 30, 60, 90, 180, 365)
#: How the justification begins of a credential that nobody justified by itself.
FOR_WHAT_IT_OPENS = "It is needed for what it opens:"


@dataclass(frozen=True)
class Wanted:
    """One thing that the version would hold.

    Args:
        key: names its fields on the form (`drafts.row_key`).
        asked: the privilege or credential with its tier; `why` is empty when it is held already and not asked again.
        resource: what it is asked about.
        seats: whose signature it needs, by the ladder.
        connection: the connection's name where the builder has a say in what it opens.
        is_named: whether it is known, or said, what the connection opens.
        problems: what keeps it from being submitted, one sentence each.
        said_no: that an owner refused what the connection was said to open, in a sentence; else empty.
        proposed: that somebody else has proposed already what it opens, in a sentence; else empty.
    """

    key: str
    asked: Asked
    resource: Resource | None
    seats: tuple[SeatAsked, ...]
    connection: str
    is_named: bool
    problems: tuple[str, ...]
    said_no: str = ""
    proposed: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether stage 2 is asked about it."""
        return bool(self.asked.why)


@dataclass(frozen=True)
class Preview:
    """An import with its draft, as it would be submitted.

    Args:
        item: the preview's row.
        manifest: what was read.
        draft: what was typed.
        team: whom it is built for.
        policy: the policy in force.
        known: the automation of the register that this is a version of, as stored; None for a new one.
        automation: as it would be, with the draft over it; unsaved.
        version: the version of the register with this very content; None when this would be a new one.
        sibling: the automation of another environment whose lineage a new one is of; None where it has none (I10).
        promoted_from: the version of a lower environment that it brings up, with its automation; None where it brings up none.
        alike: what a new one may be the same as, until somebody says (I9).
        base: the version that it is compared with, and `drift` what differs; for a new automation what it is promoted from, else None.
        under_way: the submission that this one would continue (A14).
        is_stopped_since: whether something that it would hold was stopped since that was made, and is asked anew (G5).
        changes: what would be asked, what runs on, what ends (A12).
        wanted: everything that the version would hold.
        app_seats: whose signature stage 1 needs; empty when it is not asked.
        judged: the app's tier with its reasons.
        chain: what it would be joined with (A16).
        problems: what keeps the app from being submitted, one sentence each.
        short: what nobody would be left to decide (A9).
        said_before: what was said why the same is needed when it was last asked, by row key.
        begun: what the fields begin with.
        authors: whom the source names as its author: everybody here who has the account that it names (S1).
        refusal: why this person may not bring it in for this team, or None.
        is_light: whether policy would approve what stage 2 is asked (A13).
        not_light: why not, in a sentence, where everything is low and something else speaks against it; else empty.
        conflicts: what would be in conflict (S6).
        unvouched: keys of the privileges that count as restricted, because their binding rests on parties (I8).
        runs_as: what it would run as of which the reader knows nothing: new to the register, or another team's (I5).
    """

    item: ImportItem
    manifest: Manifest
    draft: Draft
    team: Team
    now: datetime
    policy: Policy
    known: Automation | None
    automation: Automation
    version: Version | None
    sibling: Automation | None
    promoted_from: Version | None
    alike: tuple[Alike, ...]
    base: Version | None
    drift: Drift | None
    under_way: Submission | None
    is_stopped_since: bool
    changes: Changes
    wanted: tuple[Wanted, ...]
    app_seats: tuple[SeatAsked, ...]
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
    conflicts: tuple[Found, ...] = ()
    unvouched: frozenset[str] = frozenset()
    runs_as: tuple[str, ...] = ()

    def counted_class(self, one: Wanted) -> str:
        """The data class that counts for a row: restricted where its binding rests on parties (I8)."""
        privilege = one.asked.privilege
        if privilege is None:
            return one.resource.counted_class if one.resource is not None else ""
        return DataClass.RESTRICTED if privilege.key in self.unvouched else privilege.entitlement.counted_class

    @property
    def is_certain(self) -> bool:
        """Whether its sibling is no choice: the same id on the same platform (I10)."""
        return (
            self.sibling is not None
            and bool(self.sibling.external_id)
            and (
                self.sibling.external_id == self.manifest.source.external_id[:160]
                and self.sibling.platform_instance == platform_instance.platform_of(self.manifest)
            )
        )

    @property
    def tier(self) -> str:
        """The app's tier."""
        return self.judged.tier.word

    @property
    def asked(self) -> list[Wanted]:
        """What stage 2 is asked about."""
        return [one for one in self.wanted if one.is_asked]

    @property
    def asks_nothing(self) -> bool:
        """Whether everything is approved and held as it stands, so that there is nothing to submit (I7)."""
        return self.known is not None and not self.changes.app and not self.changes.asked and not self.changes.ending

    @property
    def unjustified(self) -> list[Wanted]:
        """What is asked for without a word why; a credential whose uses all have one needs none of its own."""
        return [one for one in self.asked if not self.reason(one) and not self.uses(one)]

    def uses(self, one: Wanted) -> list[Wanted]:
        """What a credential is used for, as far as that is asked too; nothing for a privilege."""
        if one.asked.credential is None:
            return []
        asked = ((use, use.asked.privilege) for use in self.asked)
        return [
            use for use, privilege in asked if privilege is not None and privilege.credential == one.asked.credential
        ]

    @property
    def is_repeat(self) -> bool:
        """Whether submitting would only repeat what is approved, or under review, already (I7)."""
        if self.known is None or self.version is None or self.amends or self.is_stopped_since:
            return False
        is_under_review = self.under_way is not None and self.under_way.version_id == self.version.pk
        return is_under_review or (self.under_way is None and self.asks_nothing)

    @property
    def amends(self) -> bool:
        """Whether something else is said about a known automation than before, or why it needs something."""
        fields = any(_tidy(value) != _tidy(self.begun.get(name)) for name, value in self.draft.fields.items())
        return fields or any(self.said_before.get(key, text) != text for key, text in self.draft.why.items())

    def why(self, one: Wanted) -> str:
        """What was typed as its justification, else what was said when the same was asked before."""
        return free_text.clean(self.draft.why.get(one.key, self.said_before.get(one.key, "")))

    def reason(self, one: Wanted) -> str:
        """Its justification; a credential that has none of its own is needed for what it opens, so those reasons count."""
        own = self.why(one)
        if own or one.asked.credential is None:
            return own
        uses = self.uses(one)
        said = list(dict.fromkeys(filter(None, map(self.why, uses))))
        return f"{FOR_WHAT_IT_OPENS} {' '.join(said)}" if said and all(map(self.why, uses)) else ""

    def term(self, one: Wanted) -> int:
        """The term that is asked for in days: as chosen, never longer than the tier allows; the longest unless chosen."""
        longest = self.policy.longest_term(one.asked.tier)
        return min(self.draft.terms.get(one.key, longest), longest) or longest

    def terms(self, one: Wanted) -> list[int]:
        """The terms that can be chosen for it, in days; the longest that its tier allows is the last."""
        longest = self.policy.longest_term(one.asked.tier)
        return sorted({*(days for days in TERMS if days < longest), longest, self.term(one)})


def _tidy(value: Any) -> Any:
    """As the register keeps it."""
    return free_text.seen(value or "") if isinstance(value, str) or value is None else value
