"""What prevents a submission, one sentence each, for the page and for the write (A1, A9, I1, I3, I8). Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from approvals.decisions.rules import bindings as rule_bindings
from approvals.decisions.rules import ownership
from approvals.policies.queries import Policy
from approvals.submissions.plan.context import PlanContext
from approvals.submissions.reapproval import RequestedItem
from governance.core.access import Refusal
from governance.core.texts import free_text
from inventory.models import ResourceState


@dataclass(frozen=True)
class ItemRequest:
    """The builder's wish for one approval.

    Args:
        justification: one sentence or more.
        term_days: the requested term; None for the longest of the tier.
    """

    justification: str = ""
    term_days: int | None = None


@dataclass(frozen=True)
class Problem:
    """A problem to settle before the submission.

    Args:
        sentence: the problem.
        place: the field of the automation, or the key of the privilege or credential; else empty.
    """

    sentence: str
    place: str = ""


def problems_of(context: PlanContext) -> list[Problem]:
    """Return the problems of the automation, its identities, and the requested privileges and credentials."""
    found = [*_automation_problems(context)]
    for item in context.changes.asked:
        found += [Problem(sentence, item.key) for sentence in _item_problems(item, context)]
    return found + [Problem(text) for text in ownership.identity_problems(context.content.identities, context.now)]


def _automation_problems(context: PlanContext) -> Iterator[Problem]:
    automation, (business, technical) = context.content.automation, context.owners
    if not str(automation.asked["purpose"]).strip():
        yield Problem("Say what it is for: the purpose is empty.", "purpose")
    interim = automation.interim_owner(context.now)
    if not all(owner.is_here for owner in (interim or business, technical) if owner is not None):
        yield Problem("An owner of this automation is not here any more: name another.", "business_owner")
    if context.policy.needs_two_owners(context.tier) and technical in (None, business):
        sentence = "High risk needs two different owners: name a technical owner beside the business owner."
        yield Problem(sentence, "technical_owner")


def _item_problems(item: RequestedItem, context: PlanContext) -> Iterator[str]:
    """Yield sentences on what the item is about.

    The target must be known and owned. The operation may be unknown: it is shown as unknown, counts as write and is never
    low, and the owner of the resource decides (I4, I8, T1).
    """
    privilege, credential, now = item.privilege, item.credential, context.now
    if credential is not None and credential.is_ownerless(now):
        yield ownership.no_owner_sentence(credential, f"the credential {credential}")
    on = credential.decided_on if credential is not None else None
    if privilege is not None and privilege.instance:
        on = privilege.entitlement.resource
    elif privilege is not None:
        yield f"Say what {', '.join(privilege.at)} talks to: it was not recognised."
    if on is not None and on.state != ResourceState.ACTIVE:
        yield f"{on.name} has nobody who accepted to own it: an admin activates it once its owner has accepted."
    elif on is not None and on.is_ownerless(now):
        yield f"{on.name} has no active owner: nothing new on it can be approved until one is named."
    if privilege is not None and (problem := rule_bindings.binding_problem(privilege, context.content.bindings)):
        yield problem


def problems_refusal(problems: Iterable[Problem]) -> Refusal | None:
    """Return the refusal of all these problems together; None without any."""
    sentences = tuple(dict.fromkeys(problem.sentence for problem in problems))
    if not sentences:
        return None
    detail = tuple(("", sentence) for sentence in sentences)
    return Refusal("I8", "input", " ".join(sentences), "It is saved; submit it when this is settled.", detail)


def no_change_refusal(context: PlanContext) -> Refusal | None:
    """Return a refusal for the approved version without changes: it needs no approval (A12)."""
    registered, version, changes = context.content.registered, context.content.version, context.changes
    is_approved = registered is not None and version is not None and version.pk == registered.approved_version_id
    if context.before is not None or not is_approved or changes.app or changes.asked:
        return None
    sentence = "This version is in force already, and nothing about it has changed."
    return Refusal("A12", "input", sentence, "Import a newer version, or change what it asks for.")


def justification_refusal(items: Iterable[RequestedItem], wishes: Mapping[str, ItemRequest]) -> Refusal | None:
    """Return a refusal if an item has no justification (A1)."""
    missing = [item for item in items if not free_text.clean(wishes.get(item.key, ItemRequest()).justification)]
    if not missing:
        return None
    words = "one privilege or credential" if len(missing) == 1 else f"{len(missing)} privileges or credentials"
    detail = tuple((item.key, "Say why in one sentence.") for item in missing)
    return Refusal("A1", "input", f"Say why it needs {words}.", detail=detail)


def term_refusal(items: Iterable[RequestedItem], wishes: Mapping[str, ItemRequest], policy: Policy) -> Refusal | None:
    """Return a refusal if a requested term is too short or too long (G1)."""
    for item in items:
        longest, days = policy.longest_term(item.tier), wishes.get(item.key, ItemRequest()).term_days
        if days is not None and not 1 <= days <= longest:
            detail = ((item.key, f"Between 1 and {longest} days."),)
            return Refusal("G1", "input", f"A {item.tier}-risk term is 1 to {longest} days.", detail=detail)
    return None


def shortage_refusal(missing_seats: list[str]) -> Refusal | None:
    """Return the refusal if there are not enough distinct eligible people (A9)."""
    if not missing_seats:
        return None
    sentence = f"Nobody without a conflict is left to decide: {'; '.join(missing_seats)}."
    to_do = "Name a deputy for the resource, or let somebody else submit."
    return Refusal("A9", "input", sentence, to_do, tuple(("", name) for name in missing_seats), is_attempt=True)
