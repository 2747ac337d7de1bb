"""The bindings that an approval rests on: which resource its connection opens, from the register (I8). Reads only.

A privilege rests on its own binding. A credential rests on the bindings of its uses if the owner of the opened
resource decides it. If the owner of its store decides it, it rests on none.
"""

from collections.abc import Mapping

from approvals.models import Approval
from approvals.policies.facts import SubmissionFacts
from governance.core.access import Refusal
from inventory.models import Binding, Privilege, Resource

TO_DO = "Reject it, or request changes: the builder then names another resource for the connection."


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
        return f"This connection now opens something other than {resource.name}."
    return ""


def uses_of(approval: Approval, facts: SubmissionFacts) -> list[Privilege]:
    """Return the privileges whose bindings determine the resource of an approval."""
    if approval.privilege is not None:
        return [approval.privilege]
    credential = approval.credential
    # It rests on none if the owner of the credential's store decides this approval.
    if credential is None or (approval.decided_on_id is not None and approval.decided_on_id == credential.kept_in_id):
        return []
    return [use for use in facts.privileges if use.credential_id == credential.pk]


def refusal(approval: Approval, facts: SubmissionFacts) -> Refusal | None:
    """Return why an approval can't be approved as asked, or None: its connection does not open the resource (I8)."""
    problems = (binding_problem(use, facts.bindings) for use in uses_of(approval, facts))
    sentence = next(filter(None, problems), "")
    return Refusal("I8", "state", sentence, TO_DO) if sentence else None


def unconfirmed_bindings(approval: Approval, facts: SubmissionFacts) -> list[Binding]:
    """Return the unconfirmed bindings, which the owner's first decision on an approval confirms or refuses (I8)."""
    uses = [use for use in uses_of(approval, facts) if _is_to_confirm(use, facts.bindings)]
    rows = [facts.bindings[use.connector, use.instance] for use in uses]
    return list({row.pk: row for row in rows}.values())


def bindings_by_party(approval: Approval, facts: SubmissionFacts) -> list[Binding]:
    """Return the bindings of an approval that rest on parties of its submission.

    They count as unconfirmed in it (I8).
    """
    return [row for row in _bindings_of(approval, facts) if row.is_word_of(facts.party_ids)]


def bindings_without_consent(approval: Approval, facts: SubmissionFacts) -> list[tuple[Binding, list[Resource]]]:
    """Return the bindings of an approval whose host also belongs to resources of other owners (I8).

    With each, the resources without host consent.
    """
    waits = [
        (row, [claim.resource for claim in facts.bindings.claims_on(row) if not claim.is_agreed(facts.party_ids)])
        for row in _bindings_of(approval, facts)
    ]
    return [(row, resources) for row, resources in waits if resources]


def _bindings_of(approval: Approval, facts: SubmissionFacts) -> list[Binding]:
    rows = (facts.bindings.get((use.connector, use.instance)) for use in uses_of(approval, facts))
    return list({row.pk: row for row in rows if row is not None}.values())


def _is_to_confirm(privilege: Privilege, bindings: Mapping[tuple[str, str], Binding]) -> bool:
    row = bindings.get((privilege.connector, privilege.instance))
    if row is None or not row.is_open or row.is_refused:
        return False
    return row.resource_id == privilege.entitlement.resource_id
