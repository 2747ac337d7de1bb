"""Whether a conflict asks stage 1 where nothing else does (S6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from approvals.conflicts.check.automation import Found
from approvals.conflicts.check.submission import takes_part
from approvals.models import ApprovalKind
from approvals.models.conflict import Mode

if TYPE_CHECKING:
    from approvals.submissions.version_diff import Changes

#: Why it is asked.
IN_CONFLICT = "It is in conflict with what is held already."


def asks_app(changed: Changes, found: Iterable[Found], automation: int) -> Changes:
    """What a version asks, stage 1 too where something is in conflict and nothing that is asked beside it has a part in it.

    Args:
        changed: what it asks otherwise.
        found: what is in conflict.
        automation: its id; 0 for one that is not in the register yet.
    """
    if changed.app:
        return changed
    asked = {f"{automation}/{one.key}" for one in changed.asked if one.privilege is not None}
    alone = [one for one in found if one.mode != Mode.RECORD and takes_part(ApprovalKind.APP, "", one, asked)]
    return replace(changed, app=(IN_CONFLICT,)) if alone else changed
