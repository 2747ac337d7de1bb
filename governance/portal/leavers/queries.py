"""Who has left, what they held when they did, and who has it now (R8, I3). Reads only: as many queries for a page of people as for one.

What somebody held is read off what still names them, and off the history of what named them on the day they left. What counts no more by
itself, a role say, is settled; for what nobody has yet, `to_do` says what settles it and where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.urls import reverse

from approvals.models import Candidate, Proposal, ProposalState, RevocationTask
from approvals.proposals.kinds.leaver import UNDECIDED
from governance.core.models import ApiToken, Delegation, LedgerEvent, Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.models.ledger import Outcome
from governance.core.roles.roles import ROLE_WORDS, Role
from governance.recertification.items import item_title
from governance.recertification.items.due_dates import ABOUT
from governance.recertification.models import ItemState, Question
from inventory.models import (
    Automation,
    AutomationState,
    Credential,
    IdentityState,
    ImportItem,
    ImportState,
    InterimOwner,
    NonHumanIdentity,
    Resource,
    ResourceState,
)


@dataclass(frozen=True)
class Left:
    """One thing that somebody held when they left.

    Args:
        kind: what it is, in a word or two: parts of the page.
        what: what people call it, and in which capacity they held it.
        href: its page; empty where it has none.
        now: who has it now, or why nobody needs to; empty where nobody has it yet.
        to_do: what settles that, as the words of a link.
        to_do_href: where.
    """

    kind: str
    what: str
    capacity: str
    href: str = ""
    now: str = ""
    to_do: str = ""
    to_do_href: str = ""

    @property
    def waits(self) -> bool:
        """Whether nobody has it yet."""
        return not self.now


@dataclass(frozen=True)
class Word:
    """By whose word somebody left.

    Args:
        by: names; empty where a source of people said so.
        href: the proposal that two people signed; empty where it was one word.
    """

    by: tuple[str, ...] = ()
    href: str = ""


@dataclass
class Held:
    """What was found, by the id of who held it."""

    rows: dict[int, list[Left]] = field(default_factory=lambda: defaultdict(list))

    def of(self, person: int) -> list[Left]:
        """What one held, what waits first."""
        return sorted(self.rows.get(person, ()), key=lambda one: (not one.waits, one.kind, one.what))


#: A person's id, with one thing that they held.
Pair = tuple[int, Left]


def leavers() -> QuerySet[Person]:
    """Everybody who has left, the last first."""
    return Person.objects.filter(left_at__isnull=False).order_by("-left_at", "-pk")


def held(people: Collection[int], now: datetime) -> Held:
    """What some people held when they left, and who has it now."""
    ids, found = list(people), Held()
    parts: tuple[Iterable[Pair], ...] = (
        _automations(ids, now),
        _resources(ids, now),
        _keys(ids, now),
        _teams(ids),
        _roles(ids),
        _meanwhile(ids),
        _questions(ids),
        _approvals(ids),
        _revocations(ids),
        _delegations(ids),
        _tokens(ids),
        _drafts(ids),
    )
    for person, one in chain.from_iterable(parts) if ids else ():
        found.rows[person].append(one)
    return found


def words(people: Collection[Person]) -> dict[int, Word]:
    """By whose word each has left, by id: two queries, and one for the names."""
    keys = {str(one.pk): one.pk for one in people}
    by_two = Proposal.objects.filter(kind="leaving", target__in=keys, state=ProposalState.IN_FORCE)
    found: dict[int, Word] = {}
    for row in by_two.select_related("proposed_by", "answered_by").order_by("pk"):
        names = (row.proposed_by.name, *([row.answered_by.name] if row.answered_by else []))
        found[keys[row.target]] = Word(names, row.href)
    said = LedgerEvent.objects.filter(
        verb="person.left", subject_type="controls.person", subject_id__in=keys, outcome=Outcome.DONE
    )
    by_one = {keys[pk]: actor for pk, actor in said.order_by("pk").values_list("subject_id", "actor_id")}
    actors = {str(one.opaque_id): one.name for one in Person.objects.filter(opaque_id__in=_uuids(by_one.values()))}
    for pk, actor in by_one.items():
        found.setdefault(pk, Word((actors[actor],)) if actor in actors else Word())
    return found


def _uuids(texts: Iterable[str]) -> set[str]:
    return {text for text in texts if len(text) == 36}  # a job's name is shorter


# --- what names them, or did -------------------------------------------------------------------------------------------


def _named(model: Any, name: str, people: list[int]) -> dict[int, set[int]]:
    """Rows that name one of some people, or did when they left: key to their ids. Two queries."""
    found: dict[int, set[int]] = defaultdict(set)
    past = model.history.model.objects
    until = Q(history_date__lte=F(f"{name}__left_at"))
    later = past.filter(
        id=OuterRef("id"), history_id__gt=OuterRef("history_id"), history_date__lte=OuterRef(f"{name}__left_at")
    )
    then = past.filter(until, ~Exists(later), **{f"{name}__in": people})
    for pk, person in chain(
        then.values_list("id", name), model.objects.filter(**{f"{name}__in": people}).values_list("pk", name)
    ):
        found[pk].add(person)
    return found


def _here(person: Person | None) -> str:
    return person.name if person is not None and person.is_here else ""


def _pairs(named: Mapping[int, set[int]], pk: int, one: Left) -> Iterator[Pair]:
    return ((person, one) for person in sorted(named[pk]))


def _automations(people: list[int], now: datetime) -> Iterator[Pair]:
    for name, capacity in (("business_owner", "business owner"), ("technical_owner", "technical owner")):
        named = _named(Automation, name, people)
        rows = Automation.objects.filter(pk__in=named).select_related(
            "business_owner", "technical_owner", "interim__person"
        )
        for row in rows.order_by("name", "pk"):
            holder = _here(getattr(row, name))
            if not holder and name == "business_owner" and (meanwhile := row.interim_owner(now)) is not None:
                holder = f"{meanwhile.name}, meanwhile"
            if row.state == AutomationState.RETIRED:
                holder = "retired: nobody needs to"
            href, to_do = reverse("automation_amend", args=[row.pk]), "Name another, and submit that"
            yield from _pairs(named, row.pk, Left("Automations", row.name, capacity, row.href, holder, to_do, href))


def _resources(people: list[int], now: datetime) -> Iterator[Pair]:
    for name, capacity in (("owner", "owner"), ("deputy", "deputy")):
        named = _named(Resource, name, people)
        rows = Resource.objects.filter(pk__in=named).select_related("owner", "deputy", "interim__person")
        for row in rows.order_by("name", "pk"):
            holder = _here(getattr(row, name))
            if not holder and name == "owner" and (meanwhile := row.interim_owner(now)) is not None:
                holder = f"{meanwhile.name}, meanwhile"
            if row.state == ResourceState.RETIRED:
                holder = "retired: nobody needs to"
            href = reverse("resource_propose", args=[row.pk])
            one = Left("Resources", row.name, capacity, row.href, holder, f"Propose another {capacity}", href)
            yield from _pairs(named, row.pk, one)


def _keys(people: list[int], now: datetime) -> Iterator[Pair]:
    """Identities and credentials."""
    models: tuple[tuple[Any, str, str], ...] = (
        (NonHumanIdentity, "Identities", "identity"),
        (Credential, "Credentials", "credential"),
    )
    for model, kind, code in models:
        named = _named(model, "owner", people)
        for row in model.objects.filter(pk__in=named).select_related("owner", "interim__person").order_by("pk"):
            meanwhile = row.interim_owner(now)
            holder = _here(row.owner) or (f"{meanwhile.name}, meanwhile" if meanwhile is not None else "")
            if getattr(row, "state", "") == IdentityState.RETIRED:
                holder = "retired: nobody needs to"
            href = reverse("ownerless_one", args=[code, row.pk])
            yield from _pairs(
                named, row.pk, Left(kind, str(row), "owner", row.href, holder, "Name who answers for it", href)
            )


def _teams(people: list[int]) -> Iterator[Pair]:
    for name, capacity in (("lead", "lead"), ("deputy_lead", "deputy lead")):
        named = _named(Team, name, people)
        for row in Team.objects.filter(pk__in=named).select_related("lead", "deputy_lead").order_by("name", "pk"):
            href = reverse("team", args=[row.pk])
            holder = _here(getattr(row, name))
            yield from _pairs(
                named, row.pk, Left("Teams", row.name, capacity, href, holder, f"Propose another {capacity}", href)
            )
    fallback = Membership.objects.filter(person__in=people, team__kind=TeamKind.FALLBACK).select_related("team")
    for member in fallback.order_by("pk"):
        one = Left(
            "Teams", member.team.name, "fallback owner", reverse("team", args=[member.team_id]), "the others of it"
        )
        yield member.person_id, one


# --- what counts no more by itself -------------------------------------------------------------------------------------


def _roles(people: list[int]) -> Iterator[Pair]:
    then = Q(confirmed_at__lte=F("person__left_at")) & (Q(until=None) | Q(until__gt=F("person__left_at")))
    for row in RoleAssignment.objects.filter(then, person__in=people).order_by("pk"):
        yield row.person_id, Left("Roles", ROLE_WORDS[Role(row.role)], "", now="counts no more")


def _revocations(people: list[int]) -> Iterator[Pair]:
    """What they were to take away where it is held: whoever else it was put to goes on (G4)."""
    related = ("grant__approval__privilege__entitlement__resource", "grant__approval__credential", "grant__automation")
    rows = list(RevocationTask.objects.open().filter(owner__in=people).select_related(*related).order_by("pk"))
    asked = Person.objects.in_bulk({pk for row in rows for pk in row.asked})
    for row in rows:
        names = [_here(asked.get(pk)) for pk in row.asked]
        what = f"{row.grant.automation.name}: {row.grant.sentence}"
        now = ", ".join(filter(None, names))
        assert row.owner_id is not None  # it is one of some people
        yield row.owner_id, Left("Revocations", what, "to take away", row.href, now, "See who can be asked", row.href)


def _delegations(people: list[int]) -> Iterator[Pair]:
    for name, capacity in (("giver", "handed over"), ("taker", "stood in")):
        then = Q(until_at__gt=F(f"{name}__left_at")) & (Q(ended_at=None) | Q(ended_at__gte=F(f"{name}__left_at")))
        rows = Delegation.objects.filter(then, **{f"{name}__in": people}).select_related("giver", "taker")
        for row in rows.order_by("pk"):
            said = f"{row.taker.name} for {row.giver.name}"
            yield getattr(row, f"{name}_id"), Left("Delegations", said, capacity, now="counts no more")


def _tokens(people: list[int]) -> Iterator[Pair]:
    then = Q(expires_at__gt=F("person__left_at")) & (Q(revoked_at=None) | Q(revoked_at__gte=F("person__left_at")))
    for row in ApiToken.objects.filter(then, person__in=people).select_related("team").order_by("pk"):
        capacity = f"for {row.team.name}" if row.team is not None else "their own"
        yield row.person_id, Left("Tokens", row.name or row.shown, capacity, now="opens nothing any more")


# --- what others go on with --------------------------------------------------------------------------------------------


def _meanwhile(people: list[int]) -> Iterator[Pair]:
    """What they answered for in place of somebody else who had left."""
    rows = InterimOwner.objects.filter(person__in=people, ended_at=None)
    related = ("resource", "automation", "identity", "credential")
    for row in rows.select_related(*related).order_by("pk"):
        kind = next(name for name in related if getattr(row, f"{name}_id") is not None)
        href = reverse("ownerless_one", args=[kind, row.subject.pk])
        yield row.person_id, Left("Meanwhile", str(row.subject), f"{kind}, meanwhile", href, "", "Name another", href)


def _questions(people: list[int]) -> Iterator[Pair]:
    """Questions of reviews that they had not answered: whoever is next on the ladder is asked."""
    past = Question.history.model.objects
    until = Q(history_date__lte=F("reviewer__left_at"), answered_at=None)
    asked: dict[int, set[int]] = defaultdict(set)
    then = past.filter(until, reviewer__in=people).values_list("id", "reviewer").distinct()
    still = Question.objects.unanswered().filter(reviewer__in=people).values_list("pk", "reviewer")
    for pk, person in chain(then, still):
        asked[pk].add(person)
    passed = ~Q(reviewer__in=people) | Q(item__state__in=(ItemState.OPEN, ItemState.ESCALATED))
    rows = Question.objects.filter(passed, pk__in=asked, answered_at=None).exclude(item__state=ItemState.CLOSED)
    for row in rows.select_related("reviewer", *ABOUT).order_by("pk"):
        href = reverse("recert_item", args=[row.item_id])
        what = f"{item_title.title(row.item)}. Is it still {row.asks}?"
        one = Left("Reviews", what, "asked", href, _here(row.reviewer), "See what silence does", href)
        yield from _pairs(asked, row.pk, one)


def _approvals(people: list[int]) -> Iterator[Pair]:
    """Records of submissions that waited for them: whoever else is asked decides."""
    others = Candidate.objects.select_related("person").order_by("order", "pk")
    rows = Candidate.objects.filter(person__in=people, seat__approval__state__in=UNDECIDED)
    related = ("seat__approval__submission__automation", "seat__approval__submission__version")
    for row in rows.select_related(*related).prefetch_related(Prefetch("seat__candidates", others)).order_by("pk"):
        submission = row.seat.approval.submission
        href = reverse("review", args=[submission.pk])
        names = [one.person.name for one in row.seat.candidates.all() if one.person.is_here]
        what = f"{submission}: {row.seat.get_label_display().lower()}"
        now = ", ".join(dict.fromkeys(names[:3]))
        yield row.person_id, Left("Approvals", what, "asked to decide", href, now, "See who can be asked", href)


def _drafts(people: list[int]) -> Iterator[Pair]:
    """What they had brought in and nobody submitted: the owners of a draft, and its team, go on with it."""
    brought = Automation.objects.filter(state=AutomationState.DRAFT, versions__imported_by__in=people)
    columns = ("pk", "name", "team__name", "versions__imported_by")
    for pk, name, team, person in brought.order_by("pk").values_list(*columns).distinct():
        if person in people:
            yield person, Left("Drafts", name, "brought in", reverse("automation", args=[pk]), team)
    rows = ImportItem.objects.filter(batch__by__in=people, progress=ImportState.PREVIEW).select_related("batch", "team")
    for row in rows.order_by("pk"):
        now = row.team.name if row.team is not None else "nobody needs to: it is forgotten after 30 days"
        yield row.batch.by_id, Left("Drafts", row.filename, "a preview", now=now)
