"""Sample of low-risk grants that a second person reviews (S4). Reads only and repeatable.

The draw is a keyed digest of the grant and its review day. Without the installation's key, nobody can predict or
influence it. A successor is a new grant with a new draw.
"""

from __future__ import annotations

from datetime import date, datetime

from approvals.models import Grant
from governance.core.keys import key_files

#: One low-risk grant in so many is in the sample (S4).
ONE_IN = 10


def is_drawn(grant: Grant) -> bool:
    """Whether a low-risk grant is in the sample of its review. Other tiers always get a second reviewer.

    Raises:
        KeyMissing: the installation's digest key can't be read.
    """
    return falls_on(key_files.digest_key(), grant.pk, period(grant.review_on, grant.ends_at))


def period(review_on: date | None, ends_at: datetime) -> str:
    """The review day of a grant, as the draw uses it."""
    return (review_on or ends_at.date()).isoformat()


def falls_on(key: bytes, grant: int, period: str) -> bool:
    """Whether a grant is in the sample for a period. Pure.

    Args:
        key: 32 private bytes of the installation.
        grant: id of the grant.
        period: review day in ISO 8601.
    """
    drawn = key_files.keyed_digest(key, f"recertification.sample:{grant}:{period}")
    return int(drawn, 16) % ONE_IN == 0
