"""Find previews that would change nothing, for many at once: a repeated import costs a fraction of a confirmation (I7).

Reads only. A preview is unchanged if `confirm_import` and `write_version` would write nothing: no version, assessment,
connection, credential or author. Uncertain previews are confirmed as usual, with the same result.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from governance.core.database.grouping import grouped
from governance.core.models import Team
from governance.core.texts import free_text
from inventory.credentials import rules as credential_rules
from inventory.importers import reader
from inventory.importers.manifest import Manifest, binding_key, manifest_digest, platform_name, privilege_key, sha256
from inventory.imports.resolution import credential_places
from inventory.models import (
    REGISTERED,
    Automation,
    AutomationState,
    Binding,
    Credential,
    Environment,
    ImportItem,
    Resource,
    Version,
    VersionAuthor,
)
from inventory.models.version import newest_assessment

#: Key of a known version: its automation and the digest of its manifest.
Key = tuple[int, str]


@dataclass
class _Read:
    """One preview with its manifest."""

    item: ImportItem
    manifest: Manifest
    automation: Automation

    def __post_init__(self) -> None:
        self.digest = manifest_digest(self.manifest)
        self.places = credential_places(self.manifest, self.automation.platform_instance, self.automation)
        self.hint = free_text.seen(self.manifest.source.owner_hint)


def unchanged_items(
    items: Iterable[ImportItem], team: Team, environment: str, *, apart: QuerySet[Automation]
) -> dict[int, Version]:
    """Existing version of each unchanged preview, by the preview's key.

    A fixed number of queries, except for credentials with conflicting claims of several automations.

    Args:
        items: with manifests and without drafts.
        team: the team that imports them.
        environment: their environment.
        apart: automations for which an unchanged preview still counts, for example in review.
    """
    manifests = [(item, Manifest.from_dict(item.manifest)) for item in items]
    read = list(_match_automations(manifests, team, environment or Environment.PRODUCTION))
    excluded = set(apart.filter(pk__in={reading.automation.pk for reading in read}).values_list("pk", flat=True))
    read = [reading for reading in read if reading.automation.pk not in excluded]
    if not read:
        return {}
    register = _Register(read)
    versions = {reading.item.pk: _version(reading, register) for reading in read}
    return {pk: version for pk, version in versions.items() if version is not None}


def _match_automations(
    manifests: Sequence[tuple[ImportItem, Manifest]], team: Team, environment: str
) -> Iterator[_Read]:
    """Match each preview with its automation like `find_automation`; without an id by the only one with the same source."""
    automations = Automation.objects.filter(environment=environment, team=team).exclude(state=AutomationState.RETIRED)
    sources = [manifest.source for _, manifest in manifests]
    ids = {source.external_id[:160] for source in sources} - {""}
    by_id = {(row.platform_instance, row.external_id): row for row in automations.filter(external_id__in=ids)}
    contents = {source.content for source in sources if not source.external_id}
    by_source: dict[tuple[str, str], dict[int, Automation]] = {}
    if contents:
        rows = Version.objects.filter(automation__in=automations.filter(external_id=""), source_digest__in=contents)
        for row in rows.select_related("automation").only("source_digest", "automation"):
            place = (row.automation.platform_instance, row.source_digest)
            by_source.setdefault(place, {})[row.automation_id] = row.automation
    for item, manifest in manifests:
        platform, source = platform_name(manifest), manifest.source
        if source.external_id:
            automation = by_id.get((platform, source.external_id[:160]))
        else:
            same = list(by_source.get((platform, source.content), {}).values())
            automation = same[0] if len(same) == 1 else None
        if automation is not None:
            yield _Read(item, manifest, automation)


class _Register:
    """Register rows that the previews name: versions, bindings and credentials by key, and authors of the versions."""

    def __init__(self, read: Sequence[_Read]) -> None:
        rows = Version.objects.filter(
            automation__in={reading.automation.pk for reading in read},
            manifest_digest__in={reading.digest for reading in read},
        ).annotate(judged_by=newest_assessment("pk", "importer_version"), judged=newest_assessment("pk", "tier"))
        rows = rows.defer("manifest", "secrets")
        self.versions = grouped(((row.automation_id, row.manifest_digest), row) for row in rows)
        instances = {privilege.instance for reading in read for privilege in reading.manifest.privileges}
        bound = Binding.objects.filter(instance_name__in=instances).select_related("resource")
        has_hints = any(each.hint for each in read)
        version_ids = [row.pk for same in self.versions.values() for row in same] if has_hints else []
        named = VersionAuthor.objects.filter(version__in=version_ids)
        credentials = Credential.objects.filter(
            platform_instance__in={place for reading in read for place, _, _ in reading.places},
            external_id__in={external_id for reading in read for _, _, external_id in reading.places},
        ).select_related("opens")
        self.bindings = {row.key: row for row in bound}
        self.credentials = {(row.platform_instance, row.kind, row.external_id): row for row in credentials}
        self.authors = frozenset(named.values_list("version_id", "said__text"))


def _version(reading: _Read, register: _Register) -> Version | None:
    """Existing version of a preview, if confirming it would write nothing."""
    keys = {binding_key(privilege) for privilege in reading.manifest.privileges}
    rows = {key: register.bindings[key] for key in keys if key in register.bindings}
    if len(rows) < len(keys) or any(key[0] == REGISTERED or row.is_refused for key, row in rows.items()):
        return None
    opens = {key: row.resource for key, row in rows.items()}
    bound = {
        privilege_key(privilege, str(opens[binding_key(privilege)].pk)) for privilege in reading.manifest.privileges
    }
    digest = sha256(sorted(bound))
    same = register.versions.get((reading.automation.pk, reading.digest), ())
    version = next((row for row in same if row.binding_digest == digest), None)
    if version is None or version.judged_by != reader.VERSION:  # annotated
        return None
    if reading.automation.approved_version_id is None and version.judged != reading.automation.tier:
        return None
    if reading.hint and (version.pk, reading.hint) not in register.authors:
        return None
    return version if _changes_no_credential(reading, register, opens) else None


def _changes_no_credential(reading: _Read, register: _Register, opens: Mapping[tuple[str, str], Resource]) -> bool:
    """Whether the import would add no credential and change the resource of none (I6)."""
    places = zip(reading.manifest.credentials, reading.places, strict=True)
    known = {credential.key: register.credentials.get(place) for credential, place in places}
    if None in known.values():
        return False
    uses = [
        (credential, binding_key(privilege))
        for privilege in reading.manifest.privileges
        if privilege.credential is not None and (credential := known.get(privilege.credential.key)) is not None
    ]
    return not credential_rules.resources_of_credentials(uses, opens, register.bindings, reading.automation)
