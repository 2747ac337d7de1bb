"""How often a program may ask: so many requests a minute and token, and so many of all tokens of a person, counted where every web process counts (the cache)."""

from __future__ import annotations

from django.core.cache import cache

from governance.core.clock import business_time
from governance.core.models import ApiToken

#: Requests a minute for one token: those that only read, and those that bring in, preview or submit.
READS, WRITES = 300, 60
#: All tokens of one person together ask as often as so many of them.
OF_PERSON = 3
MINUTE = 60


class TooOften(Exception):
    """A token, or its person by all of theirs, has asked as often as it may in this minute.

    Args:
        wait: seconds until it may again.
    """

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


def count(token: ApiToken, *, reads: bool) -> None:
    """Count one request.

    Raises:
        TooOften: it is one too many in this minute of real time.
    """
    kind, most = ("reads", READS) if reads else ("writes", WRITES)
    _count(f"person:{token.person_id}:{kind}", most * OF_PERSON)
    _count(f"{token.pk}:{kind}", most)


def _count(what: str, most: int) -> None:
    at = int(business_time.real().timestamp())
    key = f"api:{what}:{at // MINUTE}"
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        asked = cache.incr(key)
    except ValueError:  # the cache has dropped it since
        return
    if asked > most:
        raise TooOften(MINUTE - at % MINUTE)
