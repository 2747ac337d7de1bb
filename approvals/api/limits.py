"""How often a program may ask: so many requests a minute and token, counted where every web process counts (the cache)."""

from __future__ import annotations

from django.core.cache import cache

from governance.controls import clock
from governance.controls.models import ApiToken

#: Requests a minute for one token: those that only read, and those that bring in, preview or submit.
READS, WRITES = 300, 60
MINUTE = 60


class TooOften(Exception):
    """A token has asked as often as it may in this minute.

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
    at = int(clock.real().timestamp())
    key = f"api:{token.pk}:{'reads' if reads else 'writes'}:{at // MINUTE}"
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        asked = cache.incr(key)
    except ValueError:  # the cache has dropped it since
        return
    if asked > (READS if reads else WRITES):
        raise TooOften(MINUTE - at % MINUTE)
