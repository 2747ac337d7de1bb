"""What prevents a submission, one sentence each, for the page, the API and the write (A1, A9, I1, I3, I8, I10, S6). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from approvals.conflicts.check import submission as conflict_check
from approvals.decisions.rules import bindings as rule_bindings
from approvals.decisions.rules import ownership
from approvals.policies.queries import Policy
from approvals.submissions.plan.context import PlanContext
from approvals.submissions.reapproval import RequestedItem
from governance.core.access import Refusal
from governance.core.texts import free_text
from inventory.models import ResourceState

#: Kinds of problems of the automation.
AutomationProblem = Literal["purpose", "no_owner", "owner_left", "one_owner", "identity", "sibling"]
#: Kinds of problems of a requested privilege or credential: its target is chosen at run time; its connection opens no known
#: resource; the credential's resource follows from such a connection; the resource is not accepted or has no owner.
ItemProblem = Literal["at_run_time", "connection", "follows_connection", "not_accepted", "ownerless", "other"]
ProblemKind = Literal[AutomationProblem, ItemProblem, "justification", "conflict", "takeover", "shortage"]
#: What to do about too few eligible people (A9).
SHORTAGE_TO_DO = "Name a backup approver for the resource, or let somebody else submit."
#: Kinds that have a refusal with a code of their own (A1, S6, A9).
REFUSED_APART = ("justification", "conflict", "takeover", "shortage")


@dataclass(frozen=True)
class ItemRequest:
    """The builder's wish for one approval.

    Args:
        justification: one sentence or more.
        term_days: the requested term; None for the longest of the tier.
        is_left_out: whether the builder does not request it, though the version uses it: it gets no approval and no grant.
    """

    justification: str = ""
    term_days: int | None = None
    is_left_out: bool = False


@dataclass(frozen=True)
class Problem:
    """A problem to settle before the submission.

    Args:
        kind: what is missing or wrong.
        sentence: the problem.
        key: of the privilege or credential; empty for a problem of the automation or of the whole submission.
    """

    kind: ProblemKind
    sentence: str
    key: str = ""


def problems_of(context: PlanContext, wishes: Mapping[str, ItemRequest], short: Iterable[str]) -> list[Problem]:
    """Return all problems, also of an incomplete draft.

    Args:
        context: of the plan.
        wishes: the builder's wishes by key of the requested item.
        short: names of approvals with too few different eligible people.
    """
    content, items = context.content, context.changes.asked
    problems = [*_automation_problems(context)]
    problems += [Problem(kind, text, item.key) for item in items for kind, text in _item_problems(item, context)]
    problems += [Problem("identity", text) for text in ownership.identity_problems(content.identities, context.now)]
    unjustified = _unjustified_items(items, wishes)
    problems += [Problem("justification", "Say why in one sentence.", item.key) for item in unjustified]
    problems += [
        Problem("conflict", conflict.sentence) for conflict in conflict_check.enforced_conflicts(context.conflicts)
    ]
    if (joined := takeover_refusal(context)) is not None:
        problems.append(Problem("takeover", joined.sentence))
    # Without a business owner, the parties are not complete.
    return problems + [Problem("shortage", f"Nobody is left to decide {name}.") for name in short if content.has_owner]


def _automation_problems(context: PlanContext) -> Iterator[Problem]:
    content, (business, technical) = context.content, context.owners
    if not free_text.seen(str(content.automation.requested_fields["purpose"])):
        yield Problem("purpose", "Say what it is for: the purpose is empty.")
    if not content.has_owner:
        yield Problem("no_owner", "Name who is accountable for it.")
    interim = content.automation.interim_owner(context.now)
    if not all(owner.is_here for owner in (interim or business, technical) if owner is not None):
        yield Problem("owner_left", "An owner of this automation is not here any more: name another.")
    if content.has_owner and context.policy.needs_two_owners(context.tier) and technical in (None, business):
        sentence = "High risk needs two different owners: name a technical owner beside the business owner."
        yield Problem("one_owner", sentence)
    if content.is_sibling_here:
        yield Problem("sibling", "What it is promoted from is in this environment already.")


def _item_problems(item: RequestedItem, context: PlanContext) -> Iterator[tuple[ItemProblem, str]]:
    """Yield kinds and sentences on what the item is about.

    The target must be known and owned. The operation may be unknown: it is shown as unknown, counts as write and is never
    low, and the owner of the resource decides (I4, I8, T1).
    """
    privilege, credential, now = item.privilege, item.credential, context.now
    if credential is not None and credential.is_ownerless(now):
        yield "other", ownership.no_owner_sentence(credential, f"the credential {credential}")
    on = credential.decided_on if credential is not None else None
    if privilege is not None and privilege.instance:
        on = privilege.entitlement.resource
    elif privilege is not None:
        yield "at_run_time", f"Say what {', '.join(privilege.at)} talks to: it was not recognised."
    if on is not None and on.state != ResourceState.ACTIVE:
        kind: ItemProblem = "not_accepted" if on.pk else "connection" if privilege else "follows_connection"
        yield kind, f"{on.name} is not active yet. This waits for {on.waits_for}."
    elif on is not None and on.is_ownerless(now):
        yield "ownerless", f"{on.name} has no active owner: nothing new on it can be approved until one is named."
    if privilege is not None and (problem := rule_bindings.binding_problem(privilege, context.content.bindings)):
        yield "other", problem


def _unjustified_items(items: Sequence[RequestedItem], wishes: Mapping[str, ItemRequest]) -> list[RequestedItem]:
    """Return the items without a justification. A credential waits for the privileges that use it, and takes theirs."""
    items = [item for item in items if not free_text.clean(wishes.get(item.key, ItemRequest()).justification)]
    used = [item.privilege.credential for item in items if item.privilege is not None]
    return [item for item in items if item.credential is None or item.credential not in used]


def problems_refusal(problems: Iterable[Problem]) -> Refusal | None:
    """Return the refusal of all these problems together, apart from `REFUSED_APART`; None without any."""
    sentences = tuple(dict.fromkeys(problem.sentence for problem in problems if problem.kind not in REFUSED_APART))
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


def justification_refusal(problems: Iterable[Problem]) -> Refusal | None:
    """Return a refusal if an item has no justification (A1)."""
    missing = [problem for problem in problems if problem.kind == "justification"]
    if not missing:
        return None
    words = "one privilege or credential" if len(missing) == 1 else f"{len(missing)} privileges or credentials"
    detail = tuple((problem.key, problem.sentence) for problem in missing)
    return Refusal("A1", "input", f"Say why it needs {words}.", detail=detail)


def takeover_refusal(context: PlanContext) -> Refusal | None:
    """Return a refusal if the access in force would be in a new conflict at once, before any decision (S6, A16, I5)."""
    refusal = conflict_check.refusal(context.takeover_conflicts, "input")
    if refusal is None:
        return None
    names = ", ".join(sorted(identity.subject for identity in context.content.taken_over))
    sentence = f"What is in force of it would be joined at once with what else runs as {names}. {refusal.sentence}"
    return replace(refusal, sentence=sentence)


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
    return Refusal(
        "A9", "input", sentence, SHORTAGE_TO_DO, tuple(("", name) for name in missing_seats), is_attempt=True
    )
