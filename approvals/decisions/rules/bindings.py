"""The bindings that a record rests on: which resource its connection opens, as the register says it now (I8). Reads only.

A privilege rests on the binding it was resolved by; a credential that the owner of what it opens decides, on those of its uses; one that its store's owner decides, on none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from approvals.models import Approval
from approvals.policies import tiers
from governance.core.duties.refusals import Refusal
from inventory.models import Binding, Privilege, Resource
from inventory.resources import queries as resource_queries

TO_DO = "Reject it, or ask for changes: whoever brings it in again says what the connection opens."


def problem(privilege: Privilege, bindings: Mapping[tuple[str, str], Binding]) -> str:
    """Why a privilege does not touch the resource that it was resolved to, in a sentence; empty where nothing speaks against it."""
    row = bindings.get((privilege.connector, privilege.instance))
    if row is None:
        return ""
    resource = privilege.entitlement.resource
    if resource.pk in row.refused_for:
        who = row.refused_by.name if row.refused_by and row.resource_id == resource.pk else "Its owner"
        return f"{who} said that this connection does not open {resource.name}."
    if row.resource_id != resource.pk:
        return f"This connection is said to open something else than {resource.name} now."
    return ""


def uses_of(record: Approval) -> list[Privilege]:
    """The privileges by whose bindings it is known what a record's resource is."""
    if record.privilege is not None:
        return [record.privilege]
    credential = record.credential
    if credential is None or _is_of_its_store(record):
        return []
    uses = tiers.privileges_of(record.submission)
    return [one for one in uses if one.credential_id == credential.pk]


def _is_of_its_store(record: Approval) -> bool:
    """Whether a credential's record is decided by the side of the store that keeps it."""
    kept_in = record.credential.kept_in_id if record.credential is not None else None
    return record.decided_on_id is not None and record.decided_on_id == kept_in


def refusal(record: Approval) -> Refusal | None:
    """Why a record can't be approved as it was asked, or None: its connection does not open that resource (I8)."""
    found = tiers.bindings_of(record.submission)
    said = next((said for one in uses_of(record) if (said := problem(one, found))), "")
    return Refusal("I8", "state", said, TO_DO) if said else None


def unconfirmed(record: Approval) -> list[Binding]:
    """The bindings that the owner's first decision on a record confirms or refuses: those that nobody has confirmed (I8)."""
    found = tiers.bindings_of(record.submission)
    uses = [one for one in uses_of(record) if _is_to_confirm(one, found)]
    rows = [found[one.connector, one.instance] for one in uses]
    return list({row.pk: row for row in rows}.values())


def by_party(record: Approval) -> list[Binding]:
    """The bindings of a record that rest on parties of its submission: they count as unconfirmed in it (I8)."""
    parties = tiers.party_ids(record.submission)
    return [row for row in _rows(record) if row.is_word_of(parties)]


def claimed(record: Approval) -> list[tuple[Binding, list[Resource]]]:
    """The bindings of a record whose host other owners' resources are known by, with those whose side has not agreed (I8)."""
    parties = tiers.party_ids(record.submission)
    waits = [(row, [one.resource for one in row.claims if not one.is_agreed(parties)]) for row in _rows(record)]
    return [(row, resources) for row, resources in waits if resources]


def _rows(record: Approval) -> list[Binding]:
    found = tiers.bindings_of(record.submission)
    rows = (found.get((one.connector, one.instance)) for one in uses_of(record))
    return list({row.pk: row for row in rows if row is not None}.values())


def resting_on_unconfirmed(records: Sequence[Approval]) -> set[int]:
    """Ids of the records, of any submissions, whose first decision by its owner would confirm a binding (I8): two queries."""
    credentials = [one for one in records if one.credential is not None and not _is_of_its_store(one)]
    versions = {one.submission.version_id for one in credentials}
    used = Privilege.objects.filter(version__in=versions, credential__in=[one.credential_id for one in credentials])
    by_use: dict[tuple[int, int | None], list[Privilege]] = {}
    for privilege in used.select_related("entitlement") if credentials else ():
        by_use.setdefault((privilege.version_id, privilege.credential_id), []).append(privilege)
    uses = {
        one.pk: [one.privilege] if one.privilege else by_use.get((one.submission.version_id, one.credential_id), [])
        for one in records
    }
    found = resource_queries.bindings_of(use for some in uses.values() for use in some)
    return {pk for pk, some in uses.items() if any(_is_to_confirm(use, found) for use in some)}


def _is_to_confirm(privilege: Privilege, bindings: Mapping[tuple[str, str], Binding]) -> bool:
    row = bindings.get((privilege.connector, privilege.instance))
    if row is None or not row.is_open or row.is_refused:
        return False
    return row.resource_id == privilege.entitlement.resource_id
