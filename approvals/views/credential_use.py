"""Whether a credential and the privileges that use it can still be granted together, as the review page shows it (A2)."""

from __future__ import annotations

from approvals import unneeded
from approvals.models import Approval, ApprovalState
from approvals.routing import Route

REFUSED = (ApprovalState.REJECTED, ApprovalState.EXPIRED)


def is_refused(record: Approval, route: Route) -> bool:
    """Whether the credential that a privilege needs was refused."""
    needed = record.privilege.credential_id if record.privilege else None
    others = route.submission.approvals.all() if needed is not None else ()
    return any(other.credential_id == needed and other.state in REFUSED for other in others)


def is_left_out(record: Approval, route: Route) -> bool:
    """Whether every privilege that uses a credential was refused, so that nothing is left to grant it for."""
    if record.credential_id is None or record.state in REFUSED:
        return False
    others = route.submission.approvals.all()
    uses = [one for one in others if one.privilege is not None and one.privilege.credential_id == record.credential_id]
    left = [one for one in uses if one.state not in REFUSED]
    return len(left) < len(uses) and bool(unneeded.left_out([record, *left], route.submission))
