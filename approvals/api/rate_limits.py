"""Rate limits of the API: requests per minute and token, and over all tokens of a person. The cache counts over all web processes."""

from __future__ import annotations

from django.core.cache import cache

from approvals.api.requests import UnusableRequest
from governance.core.clock import business_time
from governance.core.models import ApiToken

#: Requests per minute and token: reads, and imports, previews or submissions.
READS, WRITES = 300, 60
#: Limit over all tokens of a person, as a multiple of one token's limit.
OF_PERSON = 3
MINUTE = 60


def count(token: ApiToken, *, reads: bool) -> None:
    """Count one request.

    Raises:
        UnusableRequest: it exceeds the limit in this minute of real time.
    """
    kind, most = ("reads", READS) if reads else ("writes", WRITES)
    _count(f"person:{token.person_id}:{kind}", most * OF_PERSON)
    _count(f"{token.pk}:{kind}", most)


def _count(counter: str, most: int) -> None:
    at = int(business_time.real().timestamp())
    key = f"api:{counter}:{at // MINUTE}"
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        requests = cache.incr(key)
    except ValueError:  # the cache has dropped the counter
        return
    if requests > most:
        wait = MINUTE - at % MINUTE
        raise UnusableRequest(429, "TOO_OFTEN", "This token asks too often.", f"Wait {wait} seconds.", wait)
