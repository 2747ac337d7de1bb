"""Findings and stored facts of the scrubber's results, and the last passwords of a manifest (I6)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from inventory.importers.facts import facts
from inventory.importers.manifest import Finding, Manifest, Privilege, Severity
from inventory.importers.secrets.names import may_say_password, passwords_in_path
from inventory.importers.secrets.scrubber import Occurrence, Scrubbed, replace_spans

_WHERE: dict[str, str] = facts("secrets")["where"]


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
            detail = f"A secret stands in {where}; treat it as known to everybody with the file, and replace it"
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


def without_passwords(manifest: Manifest) -> Manifest:
    """Manifest without passwords in its other texts: paths, tables, channels, topics, packages and tools.

    In a document such a text is no name, because a path or an id may stand anywhere. In a manifest each has its field.
    """
    return replace(
        manifest,
        triggers=tuple(replace(each, detail=_clean(each.detail)) for each in manifest.triggers),
        privileges=tuple(map(_privilege, manifest.privileges)),
        on_error=_clean(manifest.on_error),
    )


def _privilege(privilege: Privilege) -> Privilege:
    """A privilege without passwords; the place of a tool ends in the tool's name."""
    at, operation = privilege.at, _clean(privilege.operation)
    if operation != privilege.operation and at.endswith(privilege.operation):
        at = at.removesuffix(privilege.operation) + operation
    return replace(
        privilege,
        at=at,
        operation=operation,
        scope=_clean(privilege.scope),
        target=_clean(privilege.target),
        origin=_clean(privilege.origin),
    )


def _clean(text: str) -> str:
    return replace_spans(text, passwords_in_path(text)) if may_say_password(text) else text
