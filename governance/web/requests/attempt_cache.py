"""The cache that counts attempts: Redis for all web processes, and memory while Redis is away."""

from __future__ import annotations

import time
from collections.abc import Callable
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


class RedisOrMemory(RedisCache):
    """Redis; while it fails, this process's own memory. Nothing but limits may rest on it: they are then counted per process."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_connect_timeout": ANSWERS_WITHIN, "socket_timeout": ANSWERS_WITHIN}
        super().__init__(server, {**params, "OPTIONS": {**options, **params.get("OPTIONS", {})}})
        self._memory = LocMemCache("while-redis-is-away", params)

    def _either(self, name: str, ask_redis: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do one operation where it can be done."""
        if time.monotonic() >= _asks_again_at:
            try:
                return ask_redis(*args, **kwargs)
            except RedisError as error:
                _fail(error)
        return getattr(self._memory, name)(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        """See Django, as all of these."""
        return self._either("add", super().add, *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("get", super().get, *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("set", super().set, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("touch", super().touch, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("delete", super().delete, *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("get_many", super().get_many, *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("has_key", super().has_key, *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("incr", super().incr, *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("set_many", super().set_many, *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._either("delete_many", super().delete_many, *args, **kwargs)

    def clear(self) -> Any:  # noqa: D102
        return self._either("clear", super().clear)
