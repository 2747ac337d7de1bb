"""The bindings that an approval rests on: which resource its connection opens, from the register (I8). Reads only.

A privilege rests on its own binding. A credential rests on the bindings of its uses if the owner of the opened
resource decides it. If the owner of its store decides it, it rests on none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from approvals.models import Approval
from approvals.policies import tiers
from governance.core.duties.refusals import Refusal
from inventory.models import Binding, Privilege, Resource
from inventory.resources import queries as resource_queries

TO_DO = "Reject it, or ask for changes: whoever brings it in again says what the connection opens."


def binding_problem(privilege: Privilege, bindings: Mapping[tuple[str, str], Binding]) -> str:
    """Return why a privilege's connection does not open its resource, in a sentence; empty if it does."""
    row = bindings.get((privilege.connector, privilege.instance))
    if row is None:
        return ""
    resource = privilege.entitlement.resource
    if resource.pk in row.refused_for:
        refused_by = row.refused_by.name if row.refused_by and row.resource_id == resource.pk else "Its owner"
        return f"{refused_by} said that this connection does not open {resource.name}."
    if row.resource_id != resource.pk:
        return f"This connection is said to open something else than {resource.name} now."
    return ""


def uses_of(approval: Approval) -> list[Privilege]:
    """Return the privileges whose bindings determine the resource of an approval."""
    if approval.privilege is not None:
        return [approval.privilege]
    credential = approval.credential
    if credential is None or _is_of_its_store(approval):
        return []
    uses = tiers.privileges_of(approval.submission)
    return [use for use in uses if use.credential_id == credential.pk]


def _is_of_its_store(approval: Approval) -> bool:
    """Return whether the owner of the credential's store decides this approval."""
    kept_in = approval.credential.kept_in_id if approval.credential is not None else None
    return approval.decided_on_id is not None and approval.decided_on_id == kept_in


def refusal(approval: Approval) -> Refusal | None:
    """Return why an approval can't be approved as asked, or None: its connection does not open the resource (I8)."""
    bindings_by_key = tiers.bindings_of(approval.submission)
    sentence = next((sentence for use in uses_of(approval) if (sentence := binding_problem(use, bindings_by_key))), "")
    return Refusal("I8", "state", sentence, TO_DO) if sentence else None


def unconfirmed_bindings(approval: Approval) -> list[Binding]:
    """Return the unconfirmed bindings, which the owner's first decision on an approval confirms or refuses (I8)."""
    bindings_by_key = tiers.bindings_of(approval.submission)
    uses = [use for use in uses_of(approval) if _is_to_confirm(use, bindings_by_key)]
    rows = [bindings_by_key[use.connector, use.instance] for use in uses]
    return list({row.pk: row for row in rows}.values())


def bindings_by_party(approval: Approval) -> list[Binding]:
    """Return the bindings of an approval that rest on parties of its submission.

    They count as unconfirmed in it (I8).
    """
    parties = tiers.party_ids(approval.submission)
    return [row for row in _bindings_of(approval) if row.is_word_of(parties)]


def bindings_without_consent(approval: Approval) -> list[tuple[Binding, list[Resource]]]:
    """Return the bindings of an approval whose host also belongs to resources of other owners (I8).

    With each, the resources without host consent.
    """
    parties = tiers.party_ids(approval.submission)
    waits = [
        (row, [claim.resource for claim in row.claims if not claim.is_agreed(parties)])
        for row in _bindings_of(approval)
    ]
    return [(row, resources) for row, resources in waits if resources]


def _bindings_of(approval: Approval) -> list[Binding]:
    bindings_by_key = tiers.bindings_of(approval.submission)
    rows = (bindings_by_key.get((use.connector, use.instance)) for use in uses_of(approval))
    return list({row.pk: row for row in rows if row is not None}.values())


def approvals_with_unconfirmed_binding(approvals: Sequence[Approval]) -> set[int]:
    """Return ids of the approvals whose first decision by the owner would confirm a binding (I8). Two queries."""
    credentials = [
        approval for approval in approvals if approval.credential is not None and not _is_of_its_store(approval)
    ]
    versions = {approval.submission.version_id for approval in credentials}
    used = Privilege.objects.filter(
        version__in=versions, credential__in=[approval.credential_id for approval in credentials]
    )
    by_use: dict[tuple[int, int | None], list[Privilege]] = {}
    for privilege in used.select_related("entitlement") if credentials else ():
        by_use.setdefault((privilege.version_id, privilege.credential_id), []).append(privilege)
    uses = {
        approval.pk: [approval.privilege]
        if approval.privilege
        else by_use.get((approval.submission.version_id, approval.credential_id), [])
        for approval in approvals
    }
    bindings_by_key = resource_queries.bindings_of(use for some in uses.values() for use in some)
    return {pk for pk, some in uses.items() if any(_is_to_confirm(use, bindings_by_key) for use in some)}


def _is_to_confirm(privilege: Privilege, bindings: Mapping[tuple[str, str], Binding]) -> bool:
    row = bindings.get((privilege.connector, privilege.instance))
    if row is None or not row.is_open or row.is_refused:
        return False
    return row.resource_id == privilege.entitlement.resource_id
