"""Facts of a credential on the review page, starting with what it opens beyond the requested access (I6).

It also tells whether a credential and its privileges can still be granted together (A2).
"""

from collections.abc import Sequence
from datetime import datetime

from approvals.grants import unused_credentials
from approvals.models import Approval, ApprovalState
from approvals.policies.facts import SubmissionFacts
from governance.web.pages.page import Shape
from inventory.credentials.views import credential_facts
from inventory.models import Credential, Reach
from inventory.versions import findings


def beyond(credential: Credential, facts: SubmissionFacts) -> Sequence[str]:
    """Codes of entitlements that it is known to open and the version does not request."""
    if credential.reach_kind == Reach.UNKNOWN:
        return ()
    return findings.codes_beyond_request(credential, facts.privileges)


def tags(record: Approval, facts: SubmissionFacts) -> list[Shape]:
    """Notable facts of an approval's credential, worst first."""
    credential = record.credential
    return stands_out(credential, beyond(credential, facts), facts.now) if credential is not None else []


def stands_out(credential: Credential, more: Sequence[str], now: datetime) -> list[Shape]:
    """Notable facts of a credential; ``more``: entitlements beyond the requested ones."""
    found_tags = []
    if more:
        found_tags.append({"text": f"Opens {len(more)} more than asked for", "tone": "no", "icon": "warning"})
    if credential.reach_kind == Reach.UNKNOWN:
        found_tags.append({"text": "Reach unknown", "tone": "wait", "icon": "warning"})
    found_tags += [
        {"text": problem, "tone": "no", "icon": "clock"} for problem in credential_facts.problems(credential, now)
    ]
    return found_tags


def facts_of(record: Approval, facts: SubmissionFacts) -> Shape | None:
    """Computed facts of an approval's credential for ``approvals/review/evidence.html``; None for a privilege."""
    credential = record.credential
    if credential is None:
        return None
    age = credential_facts.age_text(credential, facts.now)
    return {
        "beyond": beyond(credential, facts),
        "problems": credential_facts.problems(credential, facts.now),
        "age": f"{age[:1].lower()}{age[1:]}",
        "store": credential_facts.store_texts(credential),
    }


REFUSED = (ApprovalState.REJECTED, ApprovalState.EXPIRED)


def is_refused(record: Approval, facts: SubmissionFacts) -> bool:
    """Whether the credential that a privilege needs was refused."""
    needed = record.privilege.credential_id if record.privilege else None
    return needed is not None and any(
        other.credential_id == needed and other.state in REFUSED for other in facts.approvals
    )


def is_left_out(record: Approval, facts: SubmissionFacts) -> bool:
    """Whether every privilege that uses the credential was refused, so that it is not granted."""
    if record.credential_id is None or record.state in REFUSED:
        return False
    uses = [
        other
        for other in facts.approvals
        if other.privilege is not None and other.privilege.credential_id == record.credential_id
    ]
    left = [use for use in uses if use.state not in REFUSED]
    return len(left) < len(uses) and bool(unused_credentials.unneeded_credentials([record, *left], facts))
