"""The test client's middleware, made once a run: each client makes its own otherwise, and WhiteNoise reads every static file for it.

A chain keeps nothing of a request; of the settings that tests change it was made from those which `_made` is kept by.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test.client import ClientHandler

#: By the middleware that the settings name and where sessions stand: what a handler keeps of its chain.
_made: dict[tuple[str, ...], dict[str, Any]] = {}


def share() -> None:
    """Have every synchronous test client of this process use the chain that the first one made."""
    load = ClientHandler.load_middleware

    def load_once(self: ClientHandler, is_async: bool = False) -> None:
        key = (*settings.MIDDLEWARE, settings.SESSION_ENGINE, str(is_async))
        if key not in _made:
            before = set(vars(self))
            load(self, is_async)
            _made[key] = {name: value for name, value in vars(self).items() if name not in before}
        vars(self).update(_made[key])

    ClientHandler.load_middleware = load_once  # type: ignore[method-assign]
