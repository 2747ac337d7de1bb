"""Findings and stored facts of the scrubber's results: place, kind and keyed fingerprint (I6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inventory.importers.facts import facts
from inventory.importers.manifest import Finding, Severity
from inventory.importers.secrets.scrubber import Occurrence, Scrubbed

_FACTS = facts("secrets")
_WHERE = _FACTS["where"]


@dataclass(frozen=True, slots=True)
class SecretFound:
    """Secret in an import. `fingerprint` is keyed for the installation, and None without a key."""

    at: str
    kind: str
    severity: Severity
    fingerprint: str | None


def findings_of(scrubbed: Scrubbed, occurrences: Iterable[Occurrence]) -> list[Finding]:
    """An `embedded_secret` for each literal and a `placeholder_secret` for each placeholder, once for each place."""
    findings = []
    for each in occurrences:
        where = _WHERE.get(each.kind, "a parameter")
        if each.what == "literal":
            detail = f"A secret stands in {where}; treat it as known to whoever has the file, and replace it"
            findings.append(Finding("embedded_secret", scrubbed.place(each), "high", detail))
        elif each.what == "placeholder":
            detail = f"A placeholder stands in {where}; a secret belongs there"
            findings.append(Finding("placeholder_secret", scrubbed.place(each), "low", detail))
    return list(dict.fromkeys(findings))


def secrets_of(scrubbed: Scrubbed) -> tuple[SecretFound, ...]:
    """Literal secrets in the source's order, without their values."""
    literals = (each for each in scrubbed.found if each.what == "literal")
    return tuple(
        SecretFound(scrubbed.place(each), each.provider or each.kind, "high", each.fingerprint) for each in literals
    )
