"""Conflicts that require stage 1 when no other reason does (S6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from approvals.conflicts.check.automation import FoundConflict
from approvals.conflicts.check.submission import takes_part
from approvals.models import ApprovalKind
from approvals.models.conflict import Mode

if TYPE_CHECKING:
    from approvals.submissions.version_diff import Changes

#: The reason given for stage 1.
IN_CONFLICT = "It is in conflict with what is held already."


def require_stage_1(changed: Changes, conflicts: Iterable[FoundConflict], automation: int) -> Changes:
    """Return the changes with stage 1, if a conflict involves none of the requested privileges.

    Args:
        changed: the changes of the version.
        conflicts: the conflicts of the version.
        automation: its id; 0 if it is not in the register yet.
    """
    if changed.app:
        return changed
    asked_keys = {f"{automation}/{item.key}" for item in changed.asked if item.privilege is not None}
    alone = [
        conflict
        for conflict in conflicts
        if conflict.mode != Mode.RECORD and takes_part(ApprovalKind.APP, "", conflict, asked_keys)
    ]
    return replace(changed, app=(IN_CONFLICT,)) if alone else changed
