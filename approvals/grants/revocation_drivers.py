"""Drivers that check whether an access is really gone, registered for the systems that they reach (G4).

A driver talks to the target system and changes nothing. None ships: a company registers its own in its app's
`ready()`. An exception from a driver leaves the task open.
"""

from dataclasses import dataclass
from typing import Protocol

from approvals.models import Grant


@dataclass(frozen=True)
class CheckResult:
    """The result of a driver's check.

    Args:
        is_gone: whether the target system refuses the access now.
        found: the observation in a few words; nothing secret.
        driver: name of the driver.
    """

    is_gone: bool
    found: str
    driver: str = ""


class Driver(Protocol):
    """A way to check one kind of access."""

    name: str

    def handles(self, grant: Grant) -> bool:
        """Return whether it can check this grant, by enforcement, resource or credential kind. Calls no other system."""

    def check(self, grant: Grant) -> CheckResult:
        """Check whether the access of a grant still exists.

        Raises:
            Exception: the check failed; the task stays open and is checked again.
        """


_drivers: dict[str, Driver] = {}


def register(driver: Driver) -> None:
    """Register a driver. Call it in an app's `ready()`; a driver with the same name is replaced."""
    _drivers[driver.name] = driver


def has_drivers() -> bool:
    """Return whether any driver is registered."""
    return bool(_drivers)


def driver_for(grant: Grant) -> Driver | None:
    """Return the first driver, by name, that handles a grant; None if people must check."""
    return next((driver for _, driver in sorted(_drivers.items()) if driver.handles(grant)), None)
