"""Findings of a version: from its source, its credentials' reach, and shared credentials or identities (I5, I6). Reads
only.

Preview, review and the automation's page use the same sentences.
"""

from collections.abc import Iterable, Sequence

from django.db.models import Count

from governance.core.texts.number_words import counted
from inventory.importers.manifest import Manifest
from inventory.models import Automation, Credential, NonHumanIdentity, Privilege, Reach, Version, VersionCredential

SHARED_IDENTITY = "Serves another automation: two automations must not share an identity"


def findings_of_manifest(manifest: Manifest, version: Version) -> list[dict[str, str]]:
    """Findings of the importer; a found secret has its keyed fingerprint next to its place (I6)."""
    prints = {str(secret["at"]): str(secret.get("fingerprint") or "") for secret in version.secrets}
    return [
        _finding(
            *(finding.code, finding.at, finding.severity, finding.detail),
            fingerprint=prints.get(finding.at, "") if finding.code == "embedded_secret" else "",
        )
        for finding in manifest.findings
    ]


def _finding(code: str, place: str, severity: str, detail: str, fingerprint: str = "") -> dict[str, str]:
    """Columns of a finding, as long as the register keeps them."""
    columns = {"code": code, "place": place[:400], "severity": severity, "detail": detail[:400]}
    return columns | {"fingerprint": fingerprint}


def findings_of_reach(credentials: Iterable[Credential], privileges: Sequence[Privilege]) -> list[dict[str, str]]:
    """Credentials that open more than the version asks for (I6)."""
    return [
        _finding("credential_reach", _place_of(credential), "high", reach_words(more))
        for credential in credentials
        if (more := codes_beyond_request(credential, privileges))
    ]


def reach_words(more: Sequence[str]) -> str:
    """Sentence that a credential opens more than requested: the first entitlements, and the number of others."""
    named, hidden = ", ".join(more[:4]), len(more) - 4
    return f"It opens more than is asked for: {named}{f' and {hidden} more' if hidden > 0 else ''}"[:400]


def findings_of_register(
    automation: Automation | None, credentials: Sequence[Credential], identities: Sequence[NonHumanIdentity]
) -> list[dict[str, str]]:
    """Findings from the register: credentials or identities that other automations use too (I5). None for a new one."""
    shared = [
        _finding("shared_identity", f"identities/{identity.subject}", "high", SHARED_IDENTITY)
        for identity in identities
        if identity.automation_id not in (None, automation.pk if automation is not None else None)
    ]
    return [*_shared_credentials(automation, credentials), *shared]


def _shared_credentials(automation: Automation | None, credentials: Sequence[Credential]) -> list[dict[str, str]]:
    """Credentials that other automations use too, in one query."""
    elsewhere = VersionCredential.objects.filter(credential__in=[credential.pk for credential in credentials])
    if automation is not None:
        elsewhere = elsewhere.exclude(version__automation=automation)
    counts = elsewhere.values_list("credential").annotate(others=Count("version__automation", distinct=True))
    others = dict(counts.order_by())
    return [
        _finding(
            *("shared_credential", _place_of(credential), "medium"),
            f"Also used by {counted(others[credential.pk], 'other automation')} in the register",
        )
        for credential in credentials
        if credential.pk in others
    ]


def _place_of(credential: Credential) -> str:
    return f"credentials/{credential.name or credential.external_id}"


def codes_beyond_request(credential: Credential, privileges: Iterable[Privilege]) -> list[str]:
    """Entitlement codes that a credential opens and no privilege with it asks for (I6); empty with an unknown reach.

    Args:
        credential: with its resource.
        privileges: all privileges of the version, each with its entitlement.
    """
    if credential.reach_kind == Reach.UNKNOWN:
        return []
    uses = (privilege.entitlement for privilege in privileges if privilege.credential_id == credential.pk)
    asked_codes = {entitlement.code for entitlement in uses if entitlement.resource_id == credential.opens_id}
    return sorted(set(credential.reach) - asked_codes)


#: Label of each finding code; other codes are shown as they are.
WORDS = {
    "env_reference": "Takes something from its environment",
    "wildcard": "Allows every tool",
    "opaque_code": "Code that nobody can judge from here",
    "open_webhook": "Can be started by anybody who knows its address",
    "dynamic_host": "Its target is chosen at run time",
    "unpinned_component": "The version of a part is not fixed",
    "dormant": "Switched off",
    "pinned_data": "The export holds captured data",
    "credential_reach": "Reach of a credential",
}


def finding_label(code: str, place: str = "") -> str:
    """Label of a finding, with its credential or identity."""
    words = WORDS.get(code) or code.replace("_", " ").capitalize()
    kind, _, name = place.partition("/")
    return f"{words}: {name}" if kind in ("credentials", "identities") and name else words
