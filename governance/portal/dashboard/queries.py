"""Rows of home: groups of the reader's open tasks, and their automations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse

from approvals.inbox.queries import approvals, tasks
from approvals.inbox.task import Task
from approvals.models import Decision, Submission
from governance.core.access import Actor
from governance.core.models import Person
from governance.core.texts.number_words import counted
from governance.recertification.items import cards
from governance.recertification.items.cards import Card
from governance.recertification.models import Asks
from inventory.models import Automation, AutomationState
from inventory.ownership import queries as ownership_queries

#: Most rows of each group and of my automations; a link leads to the others.
MOST = 8


@dataclass(frozen=True)
class TaskGroup:
    """Tasks of one kind.

    Args:
        key: its kind; ``portal/dashboard/group_head.html`` has its heading.
        tasks: the tasks, the most urgent first.
        more_href: page that has all of them.
        words: note beside the heading.
        total: number of tasks if ``tasks`` has only the first.
    """

    key: str
    tasks: list[Task]
    more_href: str = ""
    words: str = ""
    total: int = 0

    @property
    def shown_tasks(self) -> list[Task]:
        """Tasks to show."""
        return self.tasks[:MOST]

    @property
    def count(self) -> int:
        """Number of tasks that wait for the reader."""
        return self.total or sum(not task.is_own for task in self.tasks)


def load_groups(
    actor: Actor, person: Person, now: datetime, under_way: Iterable[Submission], questions: Iterable[Decision]
) -> list[TaskGroup]:
    """Load the reader's open tasks by kind, in the order of home; groups may be empty.

    Args:
        actor, person: the reader.
        now: business time.
        under_way: their unfinished submissions.
        questions: approvers' questions about these.
    """
    decisions, proposals, waivers = (
        approvals.decisions(actor, now),
        tasks.proposals(actor, now),
        tasks.waivers(actor, now),
    )
    open_approvals = sum(len(task.approvals) for task in decisions)
    words = f"{counted(open_approvals, 'approval')} in {counted(len(decisions), 'submission')}"
    return [
        TaskGroup("batches", tasks.paused_mass_revocations(actor, now), reverse("held_batches")),
        TaskGroup("over", tasks.ended_waivers(actor, now)),
        TaskGroup("approvals", [*decisions], reverse("approvals"), words),
        TaskGroup("proposals", [task for task in proposals if not task.is_own], reverse("proposals")),
        TaskGroup("waivers", [task for task in waivers if not task.is_own], reverse("waiver_list")),
        TaskGroup("revocations", tasks.revocation_tasks(actor, now), f"{reverse('revocations')}?mine=1"),
        TaskGroup("samples", approvals.spot_checks(actor, now)),
        load_recertifications(actor, now),
        TaskGroup("questions", approvals.questions(questions, under_way)),
        TaskGroup("handovers", approvals.acceptances(under_way, person, now)),
        _load_ownerless(actor, now),
        TaskGroup("proposed", [task for task in proposals if task.is_own]),
        TaskGroup("asked", [task for task in waivers if task.is_own]),
    ]


def load_recertifications(actor: Actor, now: datetime) -> TaskGroup:
    """Load the first cards of the reader with the total number. One query."""
    waiting = cards.load_cards(actor, now, most=MOST)
    recertifications = [_recertification(card, actor) for card in waiting.cards]
    return TaskGroup(
        "recertifications", recertifications, reverse("recert_mine"), f"{waiting.count} to answer", waiting.count
    )


def _recertification(card: Card, actor: Actor) -> Task:
    is_own = actor.person is not None and card.key.reviewer == actor.person.pk
    words = Asks(card.key.asks).label if card.count == 1 else f"Are they still {card.key.asks}?"
    return Task(
        thread=f"item:{card.item}",
        href=card.href,
        name=card.automation_name,
        text=f"{words} {card.words[:1].upper()}{card.words[1:]}",
        who="" if is_own else f"for {card.reviewer_name}",
        since=card.opened_at,
        due=card.deadline,
        level=card.level if card.count == 1 else "",
        seal="full",
    )


def _load_ownerless(actor: Actor, now: datetime) -> TaskGroup:
    """Load ownerless things of teams that the reader leads; all of them for a security reviewer (I3)."""
    items = ownership_queries.ownerless_items(actor, now, most=MOST + 1)
    ownerless = [
        Task(
            thread=f"{item.kind}:{item.pk}",
            href=item.href,
            name=item.called,
            text=f"This {item.kind} has no owner: its team’s lead and a security reviewer name an interim owner",
            who=f"{item.left} is gone",
            since=item.left_at or now,
        )
        for item in items[:MOST]
    ]
    words = f"{len(items)}" if len(items) <= MOST else f"more than {MOST}"
    return TaskGroup("ownerless", ownerless, reverse("ownerless"), words)


def own_automations(person: Person, now: datetime) -> QuerySet[Automation]:
    """Automations that the person answers for, by name, with the instant of the last submission (``submitted_at``)."""
    last = Submission.objects.filter(automation=OuterRef("pk")).order_by("-pk").values("submitted_at")[:1]
    rows = Automation.objects.answered_by([person.pk], now).exclude(state=AutomationState.RETIRED)
    shown = rows.annotate(submitted_at=Subquery(last)).select_related("approved_version")
    return shown.only("name", "state", "approved_version__number").order_by("name", "pk")[:MOST]
