"""Reviewers of an item, in order, and the people who may not answer (S4, A9, R8). Reads only.

The automation's owners answer *needed*. The resource's owner answers *acceptable*; nobody who gains may. Both
questions move down the escalation chain of A9.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import F, Q

from approvals.assignment.escalation_chain import Bench, chain_of_lead, chain_of_resource
from approvals.models import Grant, Party, SubmissionState
from governance.core.database.grouping import grouped
from governance.core.models import Delegation, Person
from governance.recertification.items.context import ItemContext, missing_questions
from governance.recertification.models import Asks, Item, Question
from inventory.models import Automation, Resource


def escalation_chain(item: Item, asks: Asks, bench: Bench) -> list[Person]:
    """All possible reviewers in order, each once; ineligible people are skipped later (A9).

    Args:
        item: the item.
        asks: the question.
        bench: the groups on every escalation chain.
    """
    if asks == Asks.ACCEPTABLE:
        return acceptable_chain(resource_of(item.grant), bench)
    return needed_chain(item.of_automation, bench)


def needed_chain(automation: Automation, bench: Bench) -> list[Person]:
    """Possible reviewers for *needed*, in order, each once (S4, A9)."""
    leads = (person for rung in chain_of_lead(automation, bench) for person in rung.people)
    return list(dict.fromkeys([*automation.answering(bench.now), *leads]))


def acceptable_chain(resource: Resource | None, bench: Bench) -> list[Person]:
    """Possible reviewers for *acceptable*, in order, each once (S4, A9)."""
    if resource is None:
        return list(dict.fromkeys([*bench.fallback, *bench.security]))
    return list(dict.fromkeys(person for rung in chain_of_resource(resource, bench) for person in rung.people))


def resource_of(grant: Grant | None) -> Resource | None:
    """The resource of a grant; for a credential, the one whose owner decides it (A2)."""
    if grant is None:
        return None
    if grant.entitlement is not None:
        return grant.entitlement.resource
    return grant.credential.decided_on if grant.credential is not None else None


def gains_access(automation: Automation, parties: Collection[int], person: Person) -> bool:
    """Whether a person gains from an automation or its grant.

    They own the automation, were its last interim owner (I3), or are a party of the grant's submission (S1).
    """
    interim_id = automation.interim.person_id if automation.interim is not None else None
    return person.pk in (interim_id, automation.business_owner_id, automation.technical_owner_id, *parties)


def parties_of(automations: Collection[int]) -> dict[int, list[int]]:
    """Ids of the parties of all submissions in force, by automation. One query (S1)."""
    rows = Party.objects.filter(submission__automation__in=automations, submission__state=SubmissionState.IN_FORCE)
    return grouped(rows.order_by().values_list("submission__automation", "person").distinct())


def is_out(context: ItemContext, question: Question) -> bool:
    """Whether the reviewer has left, gains, or has a part in the other question (S4, R8)."""
    return not _is_eligible(context, question.reviewer, Asks(question.asks))


def _is_eligible(context: ItemContext, person: Person, asks: Asks) -> bool:
    is_free = person.pk not in people_of_other_question(context, asks)
    return is_free and _may_answer(person, asks, context.item.of_automation, context.parties)


def _may_answer(person: Person, asks: Asks, automation: Automation, parties: Collection[int]) -> bool:
    return person.is_here and not (asks == Asks.ACCEPTABLE and gains_access(automation, parties, person))


def vacant_questions(context: ItemContext) -> list[Asks]:
    """Unanswered questions without an eligible reviewer, now or further down the escalation chain (R8, A9)."""
    return [
        Asks(question.asks)
        for question in context.unanswered
        if is_out(context, question) and next_reviewer(context, question) is None
    ]


def ineligible_questions() -> set[int]:
    """Ids of unanswered questions whose reviewer has come to gain. A few queries for any number (S4, R8).

    The query starts from the reviewers: they own few automations and are parties of few submissions, but have
    thousands of questions. The other question cannot exclude them later, because the duties refuse such an answer.
    """
    questions = Question.objects.filter(answered_at__isnull=True, asks=Asks.ACCEPTABLE).order_by()
    people = sorted(set(questions.values_list("reviewer", flat=True).distinct()))
    held = "item__grant__automation"
    owners = (f"{held}__business_owner", f"{held}__technical_owner", f"{held}__interim__person")
    parties = (f"item__grant__{approval}__submission__parties__person" for approval in ("approval", "app_approval"))
    question_ids = set[int]()
    for relation in (*owners, *parties) if people else ():
        gaining = questions.filter(Q((f"{relation}__in", people), (relation, F("reviewer"))))
        question_ids.update(gaining.values_list("pk", flat=True))
    return question_ids


def people_of_other_question(context: ItemContext, asks: Asks) -> set[int]:
    """Ids of people with a part in the item's other question: reviewer, answerers, and those they acted for (S4, A11)."""
    others = [question for question in context.questions if question.asks != asks]
    answers = [answer for question in others for answer in context.settling(question)]
    ids = [*(question.reviewer_id for question in others), *(answer.person_id for answer in answers)]
    return {*ids, *(answer.for_person_id for answer in answers if answer.for_person_id is not None)}


def first_eligible(
    context: ItemContext, people: Iterable[Person], asks: Asks, *, without: Collection[int] = ()
) -> Person | None:
    """The first eligible person, or None.

    Not eligible: people who have left (R8), who gain (for *acceptable*), or with a part in the other question (S4).

    Args:
        context: of the item.
        people: in order.
        asks: the question.
        without: ids of people who were asked before (R4: never back).
    """
    return next((who for who in people if who.pk not in without and _is_eligible(context, who, asks)), None)


def next_reviewer(context: ItemContext, question: Question, among: Sequence[Person] | None = None) -> Person | None:
    """The next reviewer of a question on its escalation chain, or among other people; None if nobody is eligible."""
    people = people_on_chain(context, question) if among is None else among
    without = [*question.asked_before, question.reviewer_id]
    return first_eligible(context, people, Asks(question.asks), without=without)


def next_reviewer_now(context: ItemContext, question: Question, bench: Bench) -> Person | None:
    """As `next_reviewer`; if that is empty, the first on the escalation chain as it is now, with newly named people (A9)."""
    present = escalation_chain(context.item, Asks(question.asks), bench)
    return next_reviewer(context, question) or next_reviewer(context, question, present)


def people_on_chain(context: ItemContext, question: Question) -> list[Person]:
    """People on a question's escalation chain, in order."""
    return [context.people[pk] for pk in question.escalation_chain if pk in context.people]


def missing_without_reviewer(context: ItemContext, bench: Bench) -> list[str]:
    """Missing questions without an eligible reviewer; of a new item, all questions are missing (A9)."""
    item = context.item
    escalation_chains = {asks: escalation_chain(item, asks, bench) for asks in missing_questions(context)}
    taken = {pk for asks in escalation_chains for pk in people_of_other_question(context, asks)}
    first = first_reviewers(escalation_chains, item.of_automation, context.parties, taken)
    return [asks.value for asks in escalation_chains if asks not in first]


def first_reviewers(
    escalation_chains: Mapping[Asks, Sequence[Person]],
    automation: Automation,
    parties: Collection[int],
    taken: Collection[int] = (),
) -> dict[Asks, Person]:
    """First reviewers for the questions of a new item: two different eligible people (S4, A9).

    Args:
        escalation_chains: by question, in the order of asking.
        automation: the reviewed one, or the one of the grant.
        parties: ids of the parties (S1).
        taken: ids of people with a part in a question that was asked before.

    Returns:
        The reviewer of each question that has an eligible one.
    """
    chosen: dict[Asks, Person] = {}
    for asks, people in escalation_chains.items():
        free = (person for person in people if person.pk not in taken and person not in chosen.values())
        first = next((person for person in free if _may_answer(person, asks, automation, parties)), None)
        if first is not None:
            chosen[asks] = first
    return chosen


def with_delegates(people: Collection[Person], now: datetime) -> list[tuple[Person, Person]]:
    """Reviewers and their current delegates, each with the reviewer (A11)."""
    running = Delegation.objects.running(now).filter(giver__in=[person.pk for person in people]).order_by()
    rows = sorted(running.select_related("taker", "giver"), key=lambda delegation: delegation.pk)
    delegates = [(delegation.taker, delegation.giver) for delegation in rows]
    return [*((person, person) for person in people), *delegates]
