"""Notes on the connections of an approval: confirmations by parties, and missing consents (I8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from approvals.decisions.rules import bindings
from approvals.models import Approval
from approvals.policies.facts import SubmissionFacts
from inventory.models import Binding, Resource

Shape = dict[str, Any]


def binding_notes(record: Approval, facts: SubmissionFacts) -> list[Shape]:
    """Rows of ``components/reasons.html``: confirmations by parties, other owners of a host, and unconfirmed bindings."""
    by_party, parties = bindings.bindings_by_party(record, facts), facts.party_ids
    notes = [_by_party(binding, parties) for binding in by_party]
    notes += [
        _claimed(row, resource)
        for row, resources in bindings.bindings_without_consent(record, facts)
        for resource in resources
    ]
    return notes + [
        _binding(binding) for binding in bindings.unconfirmed_bindings(record, facts) if binding not in by_party
    ]


def _by_party(row: Binding, parties: Collection[int]) -> Shape:
    """The binding counts as unconfirmed here, because it rests on a party (I8)."""
    text = "The data class counts as not set. An approval by somebody else who answers for the resource confirms it."
    return {"icon": "plug", "lead": _party_sentence(row, parties), "text": text, "code": row.instance_name}


def _party_sentence(row: Binding, parties: Collection[int]) -> str:
    """Name the party that a binding rests on, in a sentence."""
    if row.moved_by is not None and not {row.confirmed_by_id, row.confirmed_for_id}.intersection(parties):
        for_whom = f" for {row.moved_for.name}" if row.moved_for else ""
        return (
            f"{row.moved_by.name} asked{for_whom} that this connection opens {row.resource.name}, and is a party here."
        )
    if row.confirmed_by is not None:
        for_whom = f" for {row.confirmed_for.name}" if row.confirmed_for else ""
        return f"{row.confirmed_by.name} confirmed{for_whom} that this connection opens {row.resource.name}, and is a party here."
    who = row.proposed_by.name if row.proposed_by else "Somebody"
    return f"{who} proposed that this connection opens {row.resource.name}, for which a party answers."


def _claimed(row: Binding, other: Resource) -> Shape:
    """The connection's host also belongs to another owner's resource, and that owner has not agreed (I8)."""
    lead = f"This host is known to open {other.name} too."
    who = other.owner.name if other.owner else "its owner"
    text = f"The data class counts as not set until {who} or the backup approver confirms that it also opens {row.resource.name}."
    return {"icon": "plug", "lead": lead, "text": text, "code": row.instance_name}


def _binding(row: Binding) -> Shape:
    """Nobody on the resource's side has confirmed the connection yet (I8)."""
    who = row.proposed_by.name if row.proposed_by else "Nobody"
    lead = f"{who} says that this connection opens {row.resource.name}."
    return {
        "icon": "plug",
        "lead": lead,
        "text": "Its owner’s first approval confirms that.",
        "code": row.instance_name,
    }
