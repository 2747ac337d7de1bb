"""The policy in force, read and typed. Changes are proposals that two people sign (S8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any

import rfc8785

from approvals.models import PolicyVersion
from approvals.policies import document as policy_document
from inventory.risk import tiers as risk_tiers


def _number(*path: str) -> cached_property[int]:
    """Declare a whole number of a policy, by its path in the document."""

    def number_of(policy: Policy) -> int:
        value = policy.part(path[0])
        for name in path[1:]:
            value = value[name]
        return int(value)

    return cached_property(number_of)


@dataclass(frozen=True)
class Policy:
    """One policy document, typed.

    Args:
        version: the stored version.
        document: the whole document, for display and digest.
    """

    version: PolicyVersion
    document: Mapping[str, Any]

    #: Working days for a builder's answer (A14).
    builder_days = _number("builder_working_days")
    #: Days for which an earlier refusal counts (A15).
    resubmission_days = _number("resubmission_days")
    #: Days over which auto-approved grants are counted (A13).
    light_days = _number("light_path", "days")
    #: One in this many auto-approved items is spot-checked (A12, A13), within so many working days.
    sampled_one_in = _number("sampling", "one_in")
    sampled_days = _number("sampling", "working_days")
    #: Submissions in which two people may approve for each other before a signal (S10).
    signal_mutual = _number("signals", "mutual")
    #: Percentage of a builder's approvals that one person may give before a signal (S10).
    signal_share = _number("signals", "share")
    #: Days covered by the search for signals (S10).
    signal_days = _number("signals", "days")
    #: Hours that a tightening by one person stays in force without a countersignature (S8).
    at_once_hours = _number("proposals", "at_once_hours")
    #: Days until an unanswered proposal lapses (S8).
    open_days = _number("proposals", "open_days")
    #: Maximum length of a waiver in days, and of consecutive waivers (S7).
    waiver_days = _number("waivers", "days")
    waivers_in_a_row = _number("waivers", "in_a_row")
    #: Measured days without a call after which a grant is reviewed (R1).
    unused_days = _number("events", "unused_days")
    #: Days after a review in which events open no other review (R1).
    quiet_days = _number("events", "quiet_days")
    #: Days until a grant suspended by a review ends (R4, R6).
    correction_days = _number("correction_days")
    #: Hours to remove the access of an ended grant in the target system (G4).
    revocation_hours = _number("revocation_hours")
    #: Percentage of live grants, or number of grants, that one cause may end within an hour (G6).
    brake_share = _number("brake", "share")
    brake_grants = _number("brake", "grants")
    #: Hours to answer a held batch (G6).
    brake_hours = _number("brake", "hours")

    @property
    def light_grants(self) -> int:
        """Maximum auto-approved grants per builder within `light_days`; 0 for a policy without a light path (A13)."""
        return int(self.document.get("light_path", {}).get("grants", 0))

    @property
    def tiers(self) -> Mapping[str, Any]:
        """The rules that compute tiers (T1, T2): see `risk.DEFAULT_RULES`."""
        tier_rules: Mapping[str, Any] = self.document.get("tiers", risk_tiers.DEFAULT_RULES)
        return tier_rules

    def seats(self, kind: str, tier: str) -> tuple[str, ...]:
        """Return the seat labels of a kind and tier (T3)."""
        return tuple(self.document["seats"][kind][tier])

    def longest_term(self, tier: str) -> int:
        """Return the longest term of a grant of this tier in days (G1)."""
        return int(self.document["longest_term"][tier])

    def review_after(self, tier: str) -> int:
        """Return the days until a grant of this tier is reviewed (R1)."""
        return int(self.document["review_after"][tier])

    def due_days(self, tier: str) -> int:
        """Return the working days until an approval is due (A10)."""
        return int(self.document["due_working_days"][tier])

    def expiry_days(self, tier: str) -> int:
        """Return the working days until an approval expires (A10)."""
        return int(self.document["expires_working_days"][tier])

    def needs_two_owners(self, tier: str) -> bool:
        """Return whether an automation of this tier needs two different owners (I1)."""
        return tier in self.document["two_owners"]

    def needs_second_factor(self, tier: str) -> bool:
        """Return whether a decision of this tier needs a sign-in with a second factor (S5, P1)."""
        return tier in self.part("second_factor")

    def resolve_days(self, rating: str) -> int:
        """Return the days to resolve or waive a conflict that is older than its rule, by the rule's rating (S6)."""
        return int(self.part("conflicts")[rating])

    def part(self, name: str) -> Any:
        """Return a part of the document, or the shipped part if the document is older."""
        return self.document.get(name, _shipped()[name])

    def fresh_minutes(self, tier: str) -> int | None:
        """Return the maximum age of a sign-in in minutes for a decision of this tier; None for any age (S5)."""
        minutes = self.document["fresh_sign_in_minutes"].get(tier)
        return None if minutes is None else int(minutes)


@cache
def _shipped() -> Mapping[str, Any]:
    return policy_document.from_text(policy_document.SHIPPED.read_text(encoding="utf-8"))


def shipped() -> dict[str, Any]:
    """Return the shipped document as data."""
    return {**_shipped()}


def with_shipped_parts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored document with shipped values for missing parts."""
    whole = {name: document.get(name, default) for name, default in _shipped().items()}
    high = {**_shipped()["tiers"]["high"], **whole["tiers"]["high"]}
    return policy_document.ordered({**whole, "tiers": {**whole["tiers"], "high": high}})


def digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the document's canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()


def policy_of(version: PolicyVersion) -> Policy:
    """Return the typed form of a stored version."""
    return Policy(version=version, document=version.document)


def in_force(now: datetime) -> Policy:
    """Return the newest version effective at ``now``; the shipped one always is."""
    return policy_of(PolicyVersion.objects.effective(now)[0])
