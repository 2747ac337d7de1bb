"""Who can look whether an access is really gone: drivers, registered for what they reach (G4).

A driver talks to the system on which something was held and changes nothing. None ships: what a company runs brings its own, from its app's
`ready()`. Whatever a driver raises leaves the task open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from approvals.models import Grant


@dataclass(frozen=True)
class CheckResult:
    """What a driver found.

    Args:
        is_gone: whether the access is refused there now.
        found: what it saw, in a few words for people; nothing secret.
        driver: which driver, by name.
    """

    is_gone: bool
    found: str
    driver: str = ""


class Driver(Protocol):
    """One way to look."""

    name: str

    def handles(self, grant: Grant) -> bool:
        """Whether it can look after this grant: by how it is enforced, by its resource, by its credential's kind. Asks no other system."""

    def check(self, grant: Grant) -> CheckResult:
        """Look whether what a grant allowed is still there.

        Raises:
            Exception: it could not look; the task stays open and is looked at again.
        """


_drivers: dict[str, Driver] = {}


def register(driver: Driver) -> None:
    """Have a driver asked about whatever it handles. Call it in an app's `ready()`; the same name again takes its place."""
    _drivers[driver.name] = driver


def forget(name: str) -> None:
    """Ask a driver no more."""
    _drivers.pop(name, None)


def are_there() -> bool:
    """Whether there is any."""
    return bool(_drivers)


def of(grant: Grant) -> Driver | None:
    """The first driver, by name, that can look after a grant; None where people do."""
    return next((one for _, one in sorted(_drivers.items()) if one.handles(grant)), None)
