"""The policy in force, read and typed. It is read-only here: changing it is a proposal that two people sign (S8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import rfc8785

from approvals.models import PolicyVersion
from approvals.policies import document as policy_document
from inventory.risk import tiers as risk_tiers


@dataclass(frozen=True)
class Policy:
    """One policy document, typed.

    Args:
        version: the row it was read from.
        document: the whole document, for display and digest.
    """

    version: PolicyVersion
    document: Mapping[str, Any]

    @property
    def tiers(self) -> Mapping[str, Any]:
        """The rules by which tiers are computed (T1, T2): see `risk.DEFAULT_RULES`."""
        found: Mapping[str, Any] = self.document.get("tiers", risk_tiers.DEFAULT_RULES)
        return found

    def seats(self, kind: str, tier: str) -> tuple[str, ...]:
        """Labels of the seats that a question of this kind needs at this tier (T3)."""
        return tuple(self.document["seats"][kind][tier])

    def longest_term(self, tier: str) -> int:
        """Days that a grant of this tier may last (G1)."""
        return int(self.document["longest_term"][tier])

    def review_after(self, tier: str) -> int:
        """Days after which what is held comes up for review (R1)."""
        return int(self.document["review_after"][tier])

    def due_days(self, tier: str) -> int:
        """Working days until a record is due (A10)."""
        return int(self.document["due_working_days"][tier])

    def expiry_days(self, tier: str) -> int:
        """Working days until a record expires as rejected (A10)."""
        return int(self.document["expires_working_days"][tier])

    @property
    def builder_days(self) -> int:
        """Working days that a builder has to answer (A14)."""
        return int(self.document["builder_working_days"])

    @property
    def rounds(self) -> int:
        """How many rounds a record may take (A14)."""
        return int(self.document["rounds"])

    @property
    def resubmission_days(self) -> int:
        """For how many days an earlier refusal counts (A15)."""
        return int(self.document["resubmission_days"])

    @property
    def light_grants(self) -> int:
        """How many grants policy approves for one builder within `light_days`; none where it has no light path (A13)."""
        return int(self.document.get("light_path", {}).get("grants", 0))

    @property
    def light_days(self) -> int:
        """Days over which those count (A13)."""
        return int(self.document.get("light_path", {}).get("days", 1))

    @property
    def sampled_one_in(self) -> int:
        """One in so many of what nobody was asked about is drawn (A12, A13)."""
        return int(self.document["sampling"]["one_in"])

    @property
    def sampled_days(self) -> int:
        """Working days in which somebody looks at what was drawn (A13)."""
        return int(self.document["sampling"]["working_days"])

    @property
    def signal_mutual(self) -> int:
        """In how many submissions two people may approve for each other before that is a signal (S10)."""
        return int(self.document["signals"]["mutual"])

    @property
    def signal_share(self) -> int:
        """How much of a builder's approvals, in percent, one person may give before that is a signal (S10)."""
        return int(self.document["signals"]["share"])

    @property
    def signal_days(self) -> int:
        """Days over which signals are looked for (S10)."""
        return int(self.document["signals"]["days"])

    def needs_two_owners(self, tier: str) -> bool:
        """Whether an automation of this tier needs two different owners (I1)."""
        return tier in self.document["two_owners"]

    @property
    def at_once_hours(self) -> int:
        """Hours that what one person tightened stands until it is countersigned (S8)."""
        return int(self._part("proposals")["at_once_hours"])

    @property
    def open_days(self) -> int:
        """Days until a proposal that nobody answers has lapsed (S8)."""
        return int(self._part("proposals")["open_days"])

    def resolve_days(self, rating: str) -> int:
        """Days to resolve or waive what was held before its rule, rated so, was enforced (S6)."""
        return int(self._part("conflicts")[rating])

    @property
    def waiver_days(self) -> int:
        """Days that a waiver lasts at most (S7)."""
        return int(self._part("waivers")["days"])

    @property
    def waivers_in_a_row(self) -> int:
        """How many waivers may follow each other (S7)."""
        return int(self._part("waivers")["in_a_row"])

    @property
    def unused_days(self) -> int:
        """Measured days without a call after which a grant is reviewed (R1)."""
        return int(self._part("events")["unused_days"])

    @property
    def quiet_days(self) -> int:
        """Days after a review in which nothing that happens opens another (R1)."""
        return int(self._part("events")["quiet_days"])

    @property
    def correction_days(self) -> int:
        """Days until what a review suspended ends for good (R4, R6)."""
        return int(self._part("correction_days"))

    @property
    def revocation_hours(self) -> int:
        """Hours to take away elsewhere what has ended here (G4)."""
        return int(self._part("revocation_hours"))

    @property
    def brake_share(self) -> int:
        """Percent of live grants of which one cause may not end more within an hour (G6)."""
        return int(self._part("brake")["share"])

    @property
    def brake_grants(self) -> int:
        """How many grants one cause may not end within an hour (G6)."""
        return int(self._part("brake")["grants"])

    @property
    def brake_hours(self) -> int:
        """Hours in which people answer what the brake holds (G6)."""
        return int(self._part("brake")["hours"])

    def _part(self, name: str) -> Any:
        """A part of the document; as it ships where the document is older than the part."""
        return self.document.get(name, _shipped()[name])

    def fresh_minutes(self, tier: str) -> int | None:
        """How old, in minutes, a sign-in may be for a decision of this tier; None for any age (S5)."""
        found = self.document["fresh_sign_in_minutes"].get(tier)
        return None if found is None else int(found)


@cache
def _shipped() -> Mapping[str, Any]:
    found = policy_document.from_text(policy_document.SHIPPED.read_text(encoding="utf-8"))
    if found.problems:
        raise ValueError(f"The shipped policy is wrong: {found.problems[0]}")
    return found.document


def shipped() -> dict[str, Any]:
    """The document that ships, as data."""
    return {**_shipped()}


def completed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document with every part that the schema has: what an earlier one left out holds as it ships."""
    whole = {name: document.get(name, said) for name, said in _shipped().items()}
    high = {**_shipped()["tiers"]["high"], **whole["tiers"]["high"]}
    return policy_document.ordered({**whole, "tiers": {**whole["tiers"], "high": high}})


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of a document."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()


def of(version: PolicyVersion) -> Policy:
    """The typed form of a stored version."""
    return Policy(version=version, document=version.document)


def in_force(now: datetime) -> Policy:
    """The newest version that is effective at ``now``; the shipped one always is."""
    return of(PolicyVersion.objects.effective(now)[0])


def tiers_at(now: datetime) -> Mapping[str, Any]:
    """The rules by which tiers are computed at ``now``: for the register, which knows no policy (T1)."""
    return in_force(now).tiers
