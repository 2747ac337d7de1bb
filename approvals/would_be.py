"""A version that is not saved, compared with what is approved and held by the very rule of `changes` (A12).

`changes.compare` reads a version's rows. Here the rows stand in memory, and the parts of that rule are asked with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from approvals import changes
from approvals.changes import Asked, Changes
from approvals.models import Grant
from inventory.importers.manifest import Manifest
from inventory.models import Assessment, Automation, Privilege, Trigger, Version


class _Rows(list[Any]):
    """Rows in memory, as far as `changes` asks a relation for them."""

    def all(self) -> _Rows:
        return self

    def filter(self, **wanted: Any) -> _Rows:
        return _Rows(row for row in self if all(getattr(row, name) == value for name, value in wanted.items()))

    def exists(self) -> bool:
        return bool(self)


@dataclass(frozen=True)
class WouldBe:
    """What a version would be, with its assessment.

    Args:
        automation: as it would be.
        manifest: what was read.
        starts: unsaved triggers.
        held: unsaved privileges.
        tier: the app's tier.
    """

    automation: Automation
    manifest: Manifest
    starts: Sequence[Trigger]
    held: Sequence[Privilege]
    tier: str

    @property
    def source_digest(self) -> str:
        """As of a version."""
        return self.manifest.source.content

    @property
    def triggers(self) -> _Rows:
        """As of a version."""
        return _Rows(self.starts)

    @property
    def privileges(self) -> _Rows:
        """As of a version."""
        return _Rows(self.held)

    @property
    def findings(self) -> _Rows:
        """As of an assessment."""
        return _Rows(self.manifest.findings)

    def against(
        self, known: Automation | None, rows: Iterable[tuple[str, Asked]], now: datetime
    ) -> tuple[Changes, list[tuple[str, Asked]]]:
        """Compare it with what is approved and held.

        Args:
            known: the automation as stored; None for a new one.
            rows: everything that it would hold, each with a name of the caller's.
            now: business time.

        Returns:
            The changes, and the rows with why each is asked; empty for what runs on.
        """
        before = changes.in_force(known) if known is not None else None
        held: dict[str, Grant] = {}
        if known is not None:
            standing = known.grants.standing().filter(ends_at__gt=now)
            related = ("entitlement__resource", "credential", "approval__privilege")
            held = {grant.key: grant for grant in standing.select_related(*related)}
        weighed = [(name, replace(one, why=changes._why_asked(one, held.get(one.key), now))) for name, one in rows]
        unchanged = tuple(held[one.key] for _, one in weighed if not one.why)
        kept = {grant.pk for grant in unchanged}
        version, assessment = cast("Version", self), cast("Assessment", self)
        app = tuple(changes._app_reasons(self.automation, version, assessment, before))
        asked = tuple(one for _, one in weighed if one.why)
        ending = tuple(grant for grant in held.values() if grant.pk not in kept)
        return Changes(before, app, asked, unchanged, ending), weighed
