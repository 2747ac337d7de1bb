"""Who is asked in a review, in which order, and who may not be (S4, A9, R8). Reads only.

*Needed* is said by who answers for the automation; *acceptable* by who answers for the resource, and by nobody who gains. Both go
on along the ladder of A9. About a low-risk grant that was not drawn as a sample, and about an automation, *needed* alone is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import F, Model, Q

from approvals.assignment.escalation_chain import Bench, lead_ladder, resource_ladder
from approvals.models import Grant, Party, SubmissionState
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_zone
from governance.core.database.key_filters import among
from governance.core.models import Delegation, Person
from governance.recertification.items import sampling
from governance.recertification.models import SETTLING, Asks, Item, Question
from inventory.models import Automation, Resource

#: Under what a grant object keeps the parties that were read for it.
_PARTIES = "_known_parties"


def asked_about(item: Item, tier: str) -> tuple[Asks, ...]:
    """What is asked: both questions about a standard or high grant and a low one that was drawn, else whether it is needed (S4)."""
    if item.grant is not None and (tier != "low" or sampling.is_drawn(item.grant)):
        return (Asks.NEEDED, Asks.ACCEPTABLE)
    return (Asks.NEEDED,)


def bench_of(item: Item, now: datetime) -> Bench:
    """The groups that stand on every ladder at ``now``; in the same query, whoever else stands on the item's own ladders.

    They are set on the rows that name them, so that `ladder` asks the database nothing more.
    """
    named = [(row, name) for row, names in _naming(item) for name in names]
    bench, people = Bench.with_people(
        now, [pk for row, name in named if (pk := getattr(row, f"{name}_id")) is not None]
    )
    for row, name in named:
        if (pk := getattr(row, f"{name}_id")) is not None:
            setattr(row, name, people[pk])
    return bench


def _naming(item: Item) -> Iterator[tuple[Model, tuple[str, ...]]]:
    """The rows whose people stand on an item's ladders, each with the names of its relations to them."""
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
    """Everybody who can be asked, in order, each once; who may not be is passed over when it comes to them (A9).

    Args:
        item: what is reviewed.
        asks: which question.
        bench: the groups that stand on every ladder.
    """
    if asks == Asks.ACCEPTABLE:
        return who_accepts(resource_of(item.grant), bench)
    return who_needs(item.of_automation, bench)


def who_needs(automation: Automation, bench: Bench) -> list[Person]:
    """Everybody who can be asked whether something of an automation is still needed, in order, each once (S4, A9)."""
    leads = (one for rung in lead_ladder(automation, bench) for one in rung.people)
    return list({one.pk: one for one in (*automation.answering(bench.now), *leads)}.values())


def who_accepts(resource: Resource | None, bench: Bench) -> list[Person]:
    """Everybody who can be asked whether something on a resource is still acceptable, in order, each once (S4, A9)."""
    if resource is None:
        people = [*bench.fallback, *bench.security]
    else:
        people = [one for rung in resource_ladder(resource, bench) for one in rung.people]
    return list({one.pk: one for one in people}.values())


def resource_of(grant: Grant | None) -> Resource | None:
    """The resource on which a grant is held; for a credential the one whose owner decides it (A2)."""
    if grant is None:
        return None
    if grant.entitlement is not None:
        return grant.entitlement.resource
    return grant.credential.decided_on if grant.credential is not None else None


def gains(item: Item, person: Person) -> bool:
    """Whether a person gains from what is reviewed.

    They own the automation, or were the last to answer for it meanwhile (I3), or took part in asking for what a grant rests on (S1).
    """
    automation = item.of_automation
    meanwhile = automation.interim.person_id if automation.interim is not None else None
    if person.pk in (meanwhile, automation.business_owner_id, automation.technical_owner_id):
        return True
    return item.grant is not None and person.pk in _parties(item.grant)


def _parties(grant: Grant) -> Collection[int]:
    """Ids of the parties of both approvals of a grant; read once for the grant object, since they only accumulate."""
    if _PARTIES not in grant.__dict__:
        know_parties([grant])
    known: Collection[int] = grant.__dict__[_PARTIES]
    return known


def know_parties(grants: Collection[Grant]) -> None:
    """Read for many grants whoever took part in asking for what they rest on: one query, however many there are (S1)."""
    rests = {pk for one in grants for pk in (one.approval_id, one.app_approval_id)}
    rows = Party.objects.filter(among(rests, "submission__approvals")).order_by()
    parties: dict[int, set[int]] = {}
    for approval, person in rows.values_list("submission__approvals", "person").distinct():
        parties.setdefault(approval, set()).add(person)
    for one in grants:
        both = (one.approval_id, one.app_approval_id)
        one.__dict__[_PARTIES] = frozenset[int]().union(*(parties.get(pk, ()) for pk in both))


def parties_of(automations: Collection[int]) -> dict[int, set[int]]:
    """By automation, ids of whoever took part in asking for anything that it holds: one query for many items at once (S1)."""
    rows = Party.objects.filter(submission__automation__in=automations, submission__state=SubmissionState.IN_FORCE)
    found: dict[int, set[int]] = {}
    for automation, person in rows.order_by().values_list("submission__automation", "person").distinct():
        found.setdefault(automation, set()).add(person)
    return found


def may_not(question: Question) -> bool:
    """Whether whoever is asked may not answer by now: they gain, or the other question uses them up (S4, R8)."""
    item, asks = question.item, Asks(question.asks)
    if asks == Asks.ACCEPTABLE and gains(item, question.reviewer):
        return True
    return question.reviewer_id in in_the_way(item, asks)


def is_out(question: Question) -> bool:
    """Whether whoever is asked has left, or may not answer by now (R8)."""
    return not question.reviewer.is_here or may_not(question)


def vacant(item: Item) -> list[Asks]:
    """Which of an item's unanswered questions nobody whom they were put to, or could be passed on to, answers any more (R8, A9)."""
    waiting = (one for one in item.questions.all() if one.answered_at is None)
    return [Asks(one.asks) for one in waiting if is_out(one) and next_after(one) is None]


def asked_who_may_not() -> set[int]:
    """Keys of the questions that wait for somebody who has come to gain: a few queries, however many wait (S4, R8).

    Asked from the side of the people: those who say *acceptable* own few automations and took part in few submissions, while thousands of
    questions wait for them. That the other question uses somebody up never comes after they are asked: the duties refuse that answer.
    """
    asked = Question.objects.filter(answered_at__isnull=True, asks=Asks.ACCEPTABLE).order_by()
    people = sorted(set(asked.values_list("reviewer", flat=True).distinct()))
    held = "item__grant__automation"
    owners = (f"{held}__business_owner", f"{held}__technical_owner", f"{held}__interim__person")
    parties = (f"item__grant__{one}__submission__parties__person" for one in ("approval", "app_approval"))
    found = set[int]()
    for who in (*owners, *parties) if people else ():
        gaining = asked.filter(Q((f"{who}__in", people), (who, F("reviewer"))))
        found.update(gaining.values_list("pk", flat=True))
    return found


def in_the_way(item: Item, asks: Asks) -> set[int]:
    """Ids of people whom the item's other question uses up: who is asked it, who answered it, for whom (S4, A11)."""
    used = set[int]()
    for other in item.questions.all():
        if other.asks != asks:
            said = [one for one in other.answers.all() if one.answer in SETTLING]
            ids = [other.reviewer_id, *(pk for one in said for pk in (one.person_id, one.for_person_id))]
            used.update(pk for pk in ids if pk is not None)
    return used


def next_on(people: Iterable[Person], item: Item, asks: Asks, *, without: Iterable[int] = ()) -> Person | None:
    """The first of some people who may be asked, or None.

    Not who is no longer here (R8), nor who gains by saying *acceptable*, nor whom the other question uses up (S4).

    Args:
        people: in order.
        item: what is reviewed, with its other question already there.
        asks: which question.
        without: ids of people who were asked before (R4: never back).
    """
    return _first(people, item, asks, in_the_way(item, asks) | set(without))


def _first(people: Iterable[Person], item: Item, asks: Asks, out: Collection[int]) -> Person | None:
    for person in people:
        if person.is_here and person.pk not in out and not (asks == Asks.ACCEPTABLE and gains(item, person)):
            return person
    return None


def next_after(question: Question) -> Person | None:
    """Who is asked a question after its present reviewer, or None when nobody is left."""
    without = [*question.asked_before, question.reviewer_id]
    return next_on(on_the_ladder(question), question.item, Asks(question.asks), without=without)


def next_now(question: Question, bench: Bench) -> Person | None:
    """As `next_after`; and where nobody is left there, who stands on its ladder as it is now: somebody may have been named since (A9)."""
    item, asks = question.item, Asks(question.asks)
    without = [*question.asked_before, question.reviewer_id]
    return next_after(question) or next_on(ladder(item, asks, bench), item, asks, without=without)


def on_the_ladder(question: Question) -> list[Person]:
    """Who stands on a question's ladder, in order; read once for the question object and its ladder."""
    known: dict[tuple[int, ...], list[Person]] = question.__dict__.setdefault("_on_the_ladder", {})
    key = tuple(question.ladder)
    if key not in known:
        people = Person.objects.in_bulk(key)
        known[key] = [people[pk] for pk in key if pk in people]
    return known[key]


def nobody_for(item: Item, tier: str, bench: Bench) -> list[str]:
    """Which questions of an item that is about to be opened could be asked of nobody; empty when all can (A9)."""
    short, _ = firsts({asks: ladder(item, asks, bench) for asks in asked_about(item, tier)}, item)
    return short


def wanted(item: Item) -> tuple[Asks, ...]:
    """Which questions an item that is open must have had answered to be kept, by what its grant has come to (S4)."""
    grant = item.grant
    is_both = grant is not None and (grant.counted_tier != "low" or bool(item.snapshot.get("drawn")))
    return (Asks.NEEDED, Asks.ACCEPTABLE) if is_both else (Asks.NEEDED,)


def missing(item: Item) -> list[Asks]:
    """Which of them are not put to anybody: its risk rose, or nobody was there."""
    there = {one.asks for one in item.questions.all()}
    return [asks for asks in wanted(item) if asks not in there]


def short_of(item: Item, bench: Bench) -> list[str]:
    """Which of those can be asked of nobody still; empty where each can, or is asked (A9)."""
    lacking = missing(item)
    if len(lacking) == len(wanted(item)):
        return firsts({asks: ladder(item, asks, bench) for asks in lacking}, item)[0]
    return [asks.value for asks in lacking if next_on(ladder(item, asks, bench), item, asks) is None]


def firsts(
    ladders: Mapping[Asks, Sequence[Person]], item: Item, *, parties: Collection[int] = ()
) -> tuple[list[str], dict[Asks, Person]]:
    """Whom the questions of an item that is about to be opened go to: the first on each ladder who may be asked, two people (S4, A9).

    Args:
        ladders: by question, in the order in which they are asked.
        item: what is reviewed, or one about the same automation.
        parties: ids of who took part in asking for it, where ``item`` names no grant that tells (S1).

    Returns:
        Which questions can be asked of nobody, and who is asked the others.
    """
    short: list[str] = []
    asked: dict[Asks, Person] = {}
    for asks, people in ladders.items():
        out = {one.pk for one in asked.values()}
        first = _first(people, item, asks, out | set(parties) if asks == Asks.ACCEPTABLE else out)
        if first is None:
            short.append(asks.value)
        else:
            asked[asks] = first
    return short, asked


def told_with(reviewer: Person, now: datetime) -> list[Person]:
    """Who hears what a reviewer hears: they and, while a delegation runs, who stands in for them (A11)."""
    takers = Person.objects.filter(delegations_taken__in=Delegation.objects.running(now).filter(giver=reviewer))
    return [reviewer, *takers.order_by("pk")]


def zone_of(person: Person) -> ZoneInfo:
    """Where somebody's day ends (H8)."""
    return working_days.zone_of(person.time_zone, organisation_zone())
