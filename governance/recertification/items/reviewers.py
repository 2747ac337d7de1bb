"""Reviewers of an item, in order, and the people who may not answer (S4, A9, R8). Reads only.

The automation's owners answer *needed*. The resource's owner answers *acceptable*; nobody who gains may. Both
questions move down the ladder of A9. Low-risk grants outside the sample and automations ask only *needed*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import F, Model, Q, prefetch_related_objects

from approvals.assignment.escalation_chain import Bench, chain_of_lead, chain_of_resource
from approvals.models import Grant, Party, SubmissionState
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_zone
from governance.core.database.key_filters import among
from governance.core.models import Delegation, Person
from governance.recertification.items import sampling
from governance.recertification.models import SETTLING, Asks, Item, Question
from inventory.models import Automation, Resource

#: Attribute of a grant object that caches its parties.
_PARTIES = "_known_parties"


def questions_for(item: Item, tier: str) -> tuple[Asks, ...]:
    """Questions to ask: both for standard, high and sampled low-risk grants, otherwise only *needed* (S4)."""
    if item.grant is not None and (tier != "low" or sampling.is_drawn(item.grant)):
        return (Asks.NEEDED, Asks.ACCEPTABLE)
    return (Asks.NEEDED,)


def bench_of(item: Item, now: datetime) -> Bench:
    """Load the groups on every ladder at ``now``, and the people on the item's own ladders."""
    for row, names in _rows_with_people(item):
        prefetch_related_objects([row], *names)
    return Bench.load(now)


def _rows_with_people(item: Item) -> Iterator[tuple[Model, tuple[str, ...]]]:
    """Rows whose people are on an item's ladders, each with the names of its relations."""
    automation, resource = item.of_automation, resource_of(item.grant)
    yield automation, ("business_owner", "technical_owner")
    yield automation.team, ("lead", "deputy_lead")
    if automation.team.parent is not None:
        yield automation.team.parent, ("lead",)
    if resource is not None:
        yield resource, ("owner", "deputy")
        if resource.team is not None:
            yield resource.team, ("lead", "deputy_lead")


def ladder(item: Item, asks: Asks, bench: Bench) -> list[Person]:
    """All possible reviewers in order, each once; ineligible people are skipped later (A9).

    Args:
        item: the item.
        asks: the question.
        bench: the groups on every ladder.
    """
    if asks == Asks.ACCEPTABLE:
        return acceptable_ladder(resource_of(item.grant), bench)
    return needed_ladder(item.of_automation, bench)


def needed_ladder(automation: Automation, bench: Bench) -> list[Person]:
    """Possible reviewers for *needed*, in order, each once (S4, A9)."""
    leads = (person for rung in chain_of_lead(automation, bench) for person in rung.people)
    return list({person.pk: person for person in (*automation.answering(bench.now), *leads)}.values())


def acceptable_ladder(resource: Resource | None, bench: Bench) -> list[Person]:
    """Possible reviewers for *acceptable*, in order, each once (S4, A9)."""
    if resource is None:
        people = [*bench.fallback, *bench.security]
    else:
        people = [person for rung in chain_of_resource(resource, bench) for person in rung.people]
    return list({person.pk: person for person in people}.values())


def resource_of(grant: Grant | None) -> Resource | None:
    """The resource of a grant; for a credential, the one whose owner decides it (A2)."""
    if grant is None:
        return None
    if grant.entitlement is not None:
        return grant.entitlement.resource
    return grant.credential.decided_on if grant.credential is not None else None


def gains(item: Item, person: Person) -> bool:
    """Whether a person gains from the reviewed grant or automation.

    They own the automation, were its last interim owner (I3), or are a party of the grant's submission (S1).
    """
    automation = item.of_automation
    interim_id = automation.interim.person_id if automation.interim is not None else None
    if person.pk in (interim_id, automation.business_owner_id, automation.technical_owner_id):
        return True
    return item.grant is not None and person.pk in _parties(item.grant)


def _parties(grant: Grant) -> Collection[int]:
    """Ids of the parties of both approvals of a grant; cached on the object, since parties are only ever added."""
    if _PARTIES not in grant.__dict__:
        load_parties([grant])
    parties: Collection[int] = grant.__dict__[_PARTIES]
    return parties


def load_parties(grants: Collection[Grant]) -> None:
    """Load the parties of many grants. One query for any number (S1)."""
    approval_ids = {pk for grant in grants for pk in (grant.approval_id, grant.app_approval_id)}
    rows = Party.objects.filter(among(approval_ids, "submission__approvals")).order_by()
    parties: dict[int, set[int]] = {}
    for approval, person in rows.values_list("submission__approvals", "person").distinct():
        parties.setdefault(approval, set()).add(person)
    for grant in grants:
        both = (grant.approval_id, grant.app_approval_id)
        grant.__dict__[_PARTIES] = frozenset[int]().union(*(parties.get(pk, ()) for pk in both))


def parties_of(automations: Collection[int]) -> dict[int, set[int]]:
    """Ids of the parties of all submissions in force, by automation. One query (S1)."""
    rows = Party.objects.filter(submission__automation__in=automations, submission__state=SubmissionState.IN_FORCE)
    people_by_automation: dict[int, set[int]] = {}
    for automation, person in rows.order_by().values_list("submission__automation", "person").distinct():
        people_by_automation.setdefault(automation, set()).add(person)
    return people_by_automation


def is_ineligible(question: Question) -> bool:
    """Whether the reviewer may not answer: they gain, or have a part in the other question (S4, R8)."""
    item, asks = question.item, Asks(question.asks)
    if asks == Asks.ACCEPTABLE and gains(item, question.reviewer):
        return True
    return question.reviewer_id in people_of_other_question(item, asks)


def is_out(question: Question) -> bool:
    """Whether the reviewer has left or may not answer (R8)."""
    return not question.reviewer.is_here or is_ineligible(question)


def vacant_questions(item: Item) -> list[Asks]:
    """Unanswered questions without an eligible reviewer, now or further down the ladder (R8, A9)."""
    waiting = (question for question in item.questions.all() if question.answered_at is None)
    return [Asks(question.asks) for question in waiting if is_out(question) and next_reviewer(question) is None]


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


def people_of_other_question(item: Item, asks: Asks) -> set[int]:
    """Ids of people with a part in the item's other question: reviewer, answerers, and those they acted for (S4, A11)."""
    used = set[int]()
    for other in item.questions.all():
        if other.asks != asks:
            settling = [answer for answer in other.answers.all() if answer.answer in SETTLING]
            ids = [other.reviewer_id, *(pk for answer in settling for pk in (answer.person_id, answer.for_person_id))]
            used.update(pk for pk in ids if pk is not None)
    return used


def first_eligible(people: Iterable[Person], item: Item, asks: Asks, *, without: Iterable[int] = ()) -> Person | None:
    """The first eligible person, or None.

    Not eligible: people who have left (R8), who gain (for *acceptable*), or with a part in the other question (S4).

    Args:
        people: in order.
        item: with its other question.
        asks: the question.
        without: ids of people who were asked before (R4: never back).
    """
    return _first_eligible(people, item, asks, people_of_other_question(item, asks) | set(without))


def _first_eligible(people: Iterable[Person], item: Item, asks: Asks, out: Collection[int]) -> Person | None:
    for person in people:
        if person.is_here and person.pk not in out and not (asks == Asks.ACCEPTABLE and gains(item, person)):
            return person
    return None


def next_reviewer(question: Question) -> Person | None:
    """The next reviewer of a question on its ladder, or None."""
    without = [*question.asked_before, question.reviewer_id]
    return first_eligible(people_on_ladder(question), question.item, Asks(question.asks), without=without)


def next_reviewer_now(question: Question, bench: Bench) -> Person | None:
    """As `next_reviewer`; if that is empty, the first on the ladder as it is now, with newly named people (A9)."""
    item, asks = question.item, Asks(question.asks)
    without = [*question.asked_before, question.reviewer_id]
    return next_reviewer(question) or first_eligible(ladder(item, asks, bench), item, asks, without=without)


def people_on_ladder(question: Question) -> list[Person]:
    """People on a question's ladder, in order; cached on the question object."""
    cache: dict[tuple[int, ...], list[Person]] = question.__dict__.setdefault("_on_the_ladder", {})
    key = tuple(question.ladder)
    if key not in cache:
        people = Person.objects.in_bulk(key)
        cache[key] = [people[pk] for pk in key if pk in people]
    return cache[key]


def questions_without_reviewer(item: Item, tier: str, bench: Bench) -> list[str]:
    """Questions of a new item without an eligible reviewer (A9)."""
    short, _ = first_reviewers({asks: ladder(item, asks, bench) for asks in questions_for(item, tier)}, item)
    return short


def wanted_questions(item: Item) -> tuple[Asks, ...]:
    """Questions an open item needs answered to keep its grant, by the present tier (S4)."""
    grant = item.grant
    is_both = grant is not None and (grant.counted_tier != "low" or bool(item.snapshot.get("drawn")))
    return (Asks.NEEDED, Asks.ACCEPTABLE) if is_both else (Asks.NEEDED,)


def missing_questions(item: Item) -> list[Asks]:
    """Wanted questions that were not put to anybody: the risk rose, or there was no eligible reviewer."""
    asked_now = {question.asks for question in item.questions.all()}
    return [asks for asks in wanted_questions(item) if asks not in asked_now]


def missing_without_reviewer(item: Item, bench: Bench) -> list[str]:
    """Missing questions that still have no eligible reviewer (A9)."""
    lacking = missing_questions(item)
    if len(lacking) == len(wanted_questions(item)):
        return first_reviewers({asks: ladder(item, asks, bench) for asks in lacking}, item)[0]
    return [asks.value for asks in lacking if first_eligible(ladder(item, asks, bench), item, asks) is None]


def first_reviewers(
    ladders: Mapping[Asks, Sequence[Person]], item: Item, *, parties: Collection[int] = ()
) -> tuple[list[str], dict[Asks, Person]]:
    """First reviewers for the questions of a new item: two different eligible people (S4, A9).

    Args:
        ladders: by question, in the order of asking.
        item: the item, or one about the same automation.
        parties: ids of the parties, if ``item`` has no grant to read them from (S1).

    Returns:
        The questions without an eligible reviewer, and the reviewer of each other question.
    """
    short: list[str] = []
    chosen: dict[Asks, Person] = {}
    for asks, people in ladders.items():
        out = {person.pk for person in chosen.values()}
        first = _first_eligible(people, item, asks, out | set(parties) if asks == Asks.ACCEPTABLE else out)
        if first is None:
            short.append(asks.value)
        else:
            chosen[asks] = first
    return short, chosen


def reviewer_and_delegates(reviewer: Person, now: datetime) -> list[Person]:
    """A reviewer and their current delegates (A11)."""
    takers = Person.objects.filter(delegations_taken__in=Delegation.objects.running(now).filter(giver=reviewer))
    return [reviewer, *takers.order_by("pk")]


def zone_of(person: Person) -> ZoneInfo:
    """A person's time zone (H8)."""
    return working_days.zone_of(person.time_zone, organisation_zone())
