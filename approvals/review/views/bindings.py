"""Notes on the connections of an approval: confirmations by parties, and missing consents (I8)."""

from collections.abc import Collection, Iterator

from approvals.decisions.rules import bindings
from approvals.models import Approval
from approvals.policies.facts import SubmissionFacts
from governance.core.database.related_people import load_people
from inventory.models import Binding


def binding_notes(record: Approval, facts: SubmissionFacts) -> Iterator[tuple[Binding, str, str]]:
    """Yield each binding with what is wrong and what follows: confirmations by parties, other owners of a host, unconfirmed bindings."""
    by_party = bindings.bindings_by_party(record, facts)
    for row in by_party:
        text = (
            "The data class counts as not set. An approval by somebody else who answers for the resource confirms it."
        )
        yield row, _party_sentence(row, facts.party_ids), text
    for row, resources in bindings.bindings_without_consent(record, facts):
        for other in resources:
            who = f"{other.owner.name if other.owner else 'its owner'} or the backup approver"
            text = f"The data class counts as not set until {who} confirms that it also opens {row.resource.name}."
            yield row, f"This host is known to open {other.name} too.", text
    for row in bindings.unconfirmed_bindings(record, facts):
        if row not in by_party:
            who = row.proposed_by.name if row.proposed_by else "Nobody"
            lead = f"{who} says that this connection opens {row.resource.name}."
            yield row, lead, "Its owner’s first approval confirms that."


def load_people_of(facts: SubmissionFacts) -> None:
    """Read the people that `binding_notes` names, for all bindings of a submission: at most one query."""
    names = ("proposed_by", "confirmed_by", "confirmed_for", "moved_by", "moved_for")
    load_people((row, name) for row in facts.bindings.values() for name in names)


def _party_sentence(row: Binding, parties: Collection[int]) -> str:
    """Name the party that a binding rests on, in a sentence."""
    opens = f"that this connection opens {row.resource.name}"
    if row.moved_by is not None and not {row.confirmed_by_id, row.confirmed_for_id}.intersection(parties):
        for_whom = f" for {row.moved_for.name}" if row.moved_for else ""
        return f"{row.moved_by.name} asked{for_whom} {opens}, and is a party here."
    if row.confirmed_by is not None:
        for_whom = f" for {row.confirmed_for.name}" if row.confirmed_for else ""
        return f"{row.confirmed_by.name} confirmed{for_whom} {opens}, and is a party here."
    who = row.proposed_by.name if row.proposed_by else "Somebody"
    return f"{who} proposed {opens}, for which a party answers."
