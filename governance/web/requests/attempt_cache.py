"""The cache that counts attempts: Redis for all web processes, and memory while Redis is away."""

import time
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = structlog.get_logger(__name__)

#: Seconds that Redis may take to answer, and seconds until a process asks again after it failed.
ANSWERS_WITHIN, ASKS_AGAIN_AFTER = 1, 10

_asks_again_at = 0.0


def forget() -> None:
    """Ask Redis at the next operation, whatever it did before."""
    global _asks_again_at
    _asks_again_at = 0.0


def _fail(error: Exception) -> None:
    global _asks_again_at
    _asks_again_at = time.monotonic() + ASKS_AGAIN_AFTER
    log.warning("cache.redis_away", error=type(error).__name__)


def _either(name: str) -> Any:
    """An operation of the cache, done in Redis or, while that fails, in memory."""

    def operate(cache: RedisOrMemory, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= _asks_again_at:
            try:
                return getattr(RedisCache, name)(cache, *args, **kwargs)
            except RedisError as error:
                _fail(error)
        return getattr(cache._memory, name)(*args, **kwargs)

    return operate


class RedisOrMemory(RedisCache):
    """Redis; while it fails, this process's own memory. Nothing but limits may rest on it: they are then counted per process."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_connect_timeout": ANSWERS_WITHIN, "socket_timeout": ANSWERS_WITHIN}
        super().__init__(server, {**params, "OPTIONS": {**options, **params.get("OPTIONS", {})}})
        self._memory = LocMemCache("while-redis-is-away", params)


OPERATIONS = ("add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many", "delete_many", "clear")
for _name in OPERATIONS:
    setattr(RedisOrMemory, _name, _either(_name))
