"""Which low-risk grants are drawn, so that somebody else looks at them too (S4). Reads only, and says the same each time.

The draw is a keyed digest of the grant and the day on which it comes up: nobody without the installation's key can tell beforehand
which are drawn, and whoever holds the automation can't arrange not to be. A successor is another grant and is drawn anew.
"""

from __future__ import annotations

from datetime import date, datetime

from approvals.models import Grant
from governance.core.keys import key_files

#: One low-risk grant in so many is drawn (S4).
ONE_IN = 10


def is_drawn(grant: Grant) -> bool:
    """Whether a grant is drawn for the review that it comes up for. Asked of low risk only: else everything is looked at twice.

    Raises:
        KeyMissing: the installation's digest key can't be read.
    """
    return falls_on(key_files.digest_key(), grant.pk, period(grant.review_on, grant.ends_at))


def period(review_on: date | None, ends_at: datetime) -> str:
    """The day on which a grant comes up, as the draw names it."""
    return (review_on or ends_at.date()).isoformat()


def falls_on(key: bytes, grant: int, period: str) -> bool:
    """Whether the draw falls on a grant in a period: pure, the same for the same arguments.

    Args:
        key: 32 bytes that the installation keeps private.
        grant: the grant's key.
        period: the day on which it comes up, as ISO 8601 writes it.
    """
    drawn = key_files.keyed_digest(key, f"recertification.sample:{grant}:{period}")
    return int(drawn, 16) % ONE_IN == 0
