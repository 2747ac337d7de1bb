"""What the review page says of a credential beside its decision: first of all what it opens beyond what is asked for (I6).

Whether a credential and the privileges that use it can still be granted together, as the review page shows it (A2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from approvals.assignment.route import Route
from approvals.grants import unused_credentials
from approvals.models import Approval, ApprovalState, Submission
from approvals.policies import tiers
from approvals.review.views.reader import Shape
from inventory.credentials.views import credential_facts
from inventory.models import Credential, Reach
from inventory.versions import findings


def beyond(credential: Credential, submission: Submission) -> Sequence[str]:
    """Codes of what it is known to open and the version does not ask for; reads the version's privileges once a submission."""
    if credential.reach_kind == Reach.UNKNOWN:
        return ()
    return findings.beyond(credential, tiers.privileges_of(submission))


def tags(record: Approval, now: datetime) -> list[Shape]:
    """What stands out about the credential of a record, the worst first."""
    credential = record.credential
    if credential is None:
        return []
    return stands_out(credential, beyond(credential, record.submission), now)


def stands_out(credential: Credential, more: Sequence[str], now: datetime) -> list[Shape]:
    """The same of any credential; ``more``: what it opens beyond what is asked for."""
    found = []
    if more:
        found.append({"text": f"Opens {len(more)} more than asked for", "tone": "no", "icon": "warning"})
    if credential.reach_kind == Reach.UNKNOWN:
        found.append({"text": "Reach unknown", "tone": "wait", "icon": "warning"})
    found += [{"text": said, "tone": "no", "icon": "clock"} for said in credential_facts.problems(credential, now)]
    return found


def reasons(record: Approval, now: datetime) -> list[Shape]:
    """What is known of the credential of a record: what it opens beyond what is asked for, then the rest of it."""
    credential = record.credential
    if credential is None:
        return []
    found: list[Shape] = []
    if more := beyond(credential, record.submission):
        found.append(
            {
                "icon": "warning",
                "tone": "no",
                "lead": "It opens more than is asked for:",
                "text": "",
                "code": ", ".join(more),
            }
        )
    opens = ", ".join(credential.reach) or "not known"
    found.append({"icon": "key", "lead": "What it opens:", "text": f"{opens}."})
    found += [
        {"icon": "clock", "tone": "no", "lead": f"{said}.", "text": ""}
        for said in credential_facts.problems(credential, now)
    ]
    said = credential_facts.age(credential, now)
    found.append({"icon": "clock", "lead": "How old it is:", "text": f"{said[:1].lower()}{said[1:]}."})
    owner = credential.owner.name if credential.owner is not None else credential_facts.NOBODY
    found.append({"icon": "person", "lead": "Its owner:", "text": f"{owner}."})
    found.append({"icon": "database", "lead": "Where it is kept:", "text": f"{_kept(credential)}."})
    link = {"href": credential.href, "link": "What is known of it"}
    found.append({"icon": "file", "lead": "", "text": "Everything that was said of it stands on its own page.", **link})
    return found


def _kept(credential: Credential) -> str:
    said = credential_facts.said_to_be_kept(credential)
    return f"{credential_facts.kept(credential)}. {said}" if said else credential_facts.kept(credential)


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
    return len(left) < len(uses) and bool(unused_credentials.left_out([record, *left], route.submission))
