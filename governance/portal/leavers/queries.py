"""People who have left, what they held, and who has it now (R8, I3). Reads only.

The number of queries does not depend on the number of people. Present rows and their history on the last day show what
a person held. `to_do` names the next step. Things that end without action, such as roles, are left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q
from django.urls import reverse

from approvals.models import Candidate, RevocationTask
from approvals.models.approval import UNENDED
from governance.core.models import Person, Team
from governance.recertification.items.notices import QUESTION_RELATIONS
from governance.recertification.models import ItemState, Question
from inventory.models import Automation, AutomationState, Credential, InterimOwner, NonHumanIdentity, Resource


@dataclass(frozen=True)
class HeldThing:
    """One thing that a person held when they left.

    Args:
        kind: part of the page, in one or two words.
        what: its name.
        capacity: how the person held it.
        href: its page, or empty.
        now: its present holder, or why it needs none; empty if it has none yet.
        to_do: label of the link that settles it.
        to_do_href: address of that link.
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
        """Whether it has no new holder yet."""
        return not self.now


#: A person's id with one thing they held.
Pair = tuple[int, HeldThing]
#: The state of automations, resources and identities that need no owner any more.
RETIRED = AutomationState.RETIRED


def load_held(people: Collection[int], now: datetime) -> dict[int, list[HeldThing]]:
    """Things that each of these people held when they left, unsettled ones first, with the present holders."""
    ids, held = list(people), {pk: list[HeldThing]() for pk in people}
    parts: tuple[Iterable[Pair], ...] = (
        *(_responsibilities(ids, now), _interim_ownerships(ids)),
        *(_questions(ids), _approvals(ids), _revocations(ids)),
    )
    for person, thing in chain.from_iterable(parts) if ids else ():
        held[person].append(thing)
    return {pk: sorted(things, key=lambda row: (not row.waits, row.kind, row.what)) for pk, things in held.items()}


# --- rows that name them, now or at their departure -------------------------------------------------------------------------------------------


def _people_by_row(model: Any, name: str, people: list[int]) -> dict[int, set[int]]:
    """Rows that name one of these people now, or did when they left, with the person ids. Two queries."""
    people_by_row: dict[int, set[int]] = defaultdict(set)
    past = model.history.model.objects
    until = Q(history_date__lte=F(f"{name}__left_at"))
    later = past.filter(
        id=OuterRef("id"), history_id__gt=OuterRef("history_id"), history_date__lte=OuterRef(f"{name}__left_at")
    )
    then = past.filter(until, ~Exists(later), **{f"{name}__in": people})
    for pk, person in chain(
        then.values_list("id", name), model.objects.filter(**{f"{name}__in": people}).values_list("pk", name)
    ):
        people_by_row[pk].add(person)
    return people_by_row


def _name_if_here(person: Person | None) -> str:
    return person.name if person is not None and person.is_here else ""


@dataclass(frozen=True)
class Responsibility:
    """A column that names a responsible person, and the next step when that person leaves.

    Args:
        model: the rows.
        column: the person's column, named after the capacity.
        kind: as for `HeldThing`.
        to_do: label of the next step.
        url_name: its page; the row's own if empty.
        by_interim: whether an interim owner can hold it.
    """

    model: Any
    column: str
    kind: str
    to_do: str
    url_name: str = ""
    by_interim: bool = False


SUBMIT_OTHER = "Name another, and submit that"
RESPONSIBILITIES = (
    Responsibility(Automation, "business_owner", "Automations", SUBMIT_OTHER, "automation_amend", by_interim=True),
    Responsibility(Automation, "technical_owner", "Automations", SUBMIT_OTHER, "automation_amend"),
    Responsibility(Resource, "owner", "Resources", "Propose another owner", "resource_propose", by_interim=True),
    Responsibility(Resource, "deputy", "Resources", "Propose another backup approver", "resource_propose"),
    Responsibility(NonHumanIdentity, "owner", "Identities", "Name an owner", by_interim=True),
    Responsibility(Credential, "owner", "Credentials", "Name an owner", by_interim=True),
    Responsibility(Team, "lead", "Teams", "Propose another lead"),
    Responsibility(Team, "deputy_lead", "Teams", "Propose another deputy lead"),
)


def _responsibilities(people: list[int], now: datetime) -> Iterator[Pair]:
    for held in RESPONSIBILITIES:
        named = _people_by_row(held.model, held.column, people)
        related = (held.column, *(["interim__person"] if held.by_interim else []))
        for row in held.model.objects.filter(pk__in=named).select_related(*related).order_by("pk"):
            holder = _name_if_here(getattr(row, held.column))
            if not holder and held.by_interim and (interim_owner := row.interim_owner(now)) is not None:
                holder = f"{interim_owner.name}, interim owner"
            if getattr(row, "state", "") == RETIRED:
                holder = "retired: nobody needs to"
            href = reverse(held.url_name, args=[row.pk]) if held.url_name else row.href
            capacity = held.column.replace("_", " ")
            thing = HeldThing(held.kind, str(row), capacity, row.href, holder, held.to_do, href)
            yield from ((person, thing) for person in sorted(named[row.pk]))


def _revocations(people: list[int]) -> Iterator[Pair]:
    """Open revocation tasks of these people; other asked people continue (G4)."""
    tasks = RevocationTask.objects.open().filter(owner__in=people)
    rows = list(tasks.select_related("grant__automation").order_by("pk"))
    people_asked = Person.objects.in_bulk({pk for row in rows for pk in row.asked})
    for row in rows:
        names = [_name_if_here(people_asked.get(pk)) for pk in row.asked]
        what = f"{row.grant.automation.name}: {row.grant.sentence}"
        now = ", ".join(filter(None, names))
        assert row.owner_id is not None  # filtered above
        thing = HeldThing("Access to remove", what, "to remove", row.href, now, "See who can be asked", row.href)
        yield row.owner_id, thing


# --- things that others continue --------------------------------------------------------------------------------------------


def _interim_ownerships(people: list[int]) -> Iterator[Pair]:
    """Things for which they were the interim owner."""
    rows = InterimOwner.objects.filter(person__in=people, ended_at=None)
    related = ("resource", "automation", "identity", "credential")
    for row in rows.select_related(*related).order_by("pk"):
        kind = next(name for name in related if getattr(row, f"{name}_id") is not None)
        href = row.subject.href
        thing = HeldThing("Interim", str(row.subject), f"interim owner of a {kind}", href, "", "Name another", href)
        yield row.person_id, thing


def _questions(people: list[int]) -> Iterator[Pair]:
    """Unanswered review questions; the next person on the escalation chain gets them."""
    people_by_question = _people_by_row(Question, "reviewer", people)
    passed = ~Q(reviewer__in=people) | Q(item__state__in=(ItemState.OPEN, ItemState.ESCALATED))
    rows = Question.objects.filter(passed, pk__in=people_by_question, answered_at=None).exclude(
        item__state=ItemState.CLOSED
    )
    for row in rows.select_related("reviewer", *QUESTION_RELATIONS).order_by("pk"):
        href = reverse("recert_item", args=[row.item_id])
        what = f"{row.item.title}. Is it still {row.asks}?"
        holder = _name_if_here(row.reviewer)
        thing = HeldThing("Reviews", what, "asked", href, holder, "See what silence does", href)
        yield from ((person, thing) for person in sorted(people_by_question[row.pk]))


def _approvals(people: list[int]) -> Iterator[Pair]:
    """Open approvals; the other candidates decide."""
    others = Candidate.objects.select_related("person").order_by("order", "pk")
    rows = Candidate.objects.filter(person__in=people, seat__approval__state__in=UNENDED)
    related = ("seat__approval__submission__automation", "seat__approval__submission__version")
    for row in rows.select_related(*related).prefetch_related(Prefetch("seat__candidates", others)).order_by("pk"):
        submission = row.seat.approval.submission
        href = reverse("review", args=[submission.pk])
        names = [candidate.person.name for candidate in row.seat.candidates.all() if candidate.person.is_here]
        what = f"{submission}: {row.seat.get_label_display().lower()}"
        now = ", ".join(dict.fromkeys(names[:3]))
        yield row.person_id, HeldThing("Approvals", what, "asked to decide", href, now, "See who can be asked", href)
