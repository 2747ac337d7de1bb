"""Rows of home: groups of the reader's open tasks, and their automations that wait for somebody."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from approvals.inbox.queries import approvals, tasks
from approvals.inbox.task import Task
from approvals.models import Approval, Decision, Submission
from approvals.models.approval import UNENDED
from governance.core.access import Actor, Role, access
from governance.core.models import Person
from governance.core.texts.number_words import counted
from governance.portal.figures.queries import load_admin_figures
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
        key: its kind; ``portal/dashboard/kind.html`` has its name.
        tasks: the tasks, the most urgent first.
        more_href: page that has all of them.
        total: number of tasks if ``tasks`` has only the first.
    """

    key: str
    tasks: list[Task]
    more_href: str = ""
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
    actor: Actor,
    person: Person,
    now: datetime,
    under_way: Iterable[Submission],
    questions: Iterable[Decision],
    counts: Mapping[str, int],
) -> list[TaskGroup]:
    """Load the reader's open tasks by kind; groups may be empty.

    Args:
        actor, person: the reader.
        now: business time.
        under_way: their unfinished submissions.
        questions: approvers' questions about these.
        counts: `Chrome.counts`: a group without tasks takes no query.
    """

    def load(entry: str, *readers: Callable[[Actor, datetime], Sequence[Task]]) -> list[Task]:
        is_any = counts.get(entry) or counts.get(f"{entry}.mine")
        return [task for tasks_of in readers for task in tasks_of(actor, now)] if is_any else []

    proposals, waivers = load("proposals", tasks.proposals), load("waivers", tasks.waivers)
    return [
        TaskGroup("batches", load("held", tasks.paused_mass_revocations), reverse("held_batches")),
        TaskGroup("over", tasks.ended_waivers(actor, now)),
        TaskGroup("approvals", load("approvals", approvals.decisions, approvals.spot_checks), reverse("approvals")),
        TaskGroup("proposals", [task for task in proposals if not task.is_own], reverse("proposals")),
        TaskGroup("waivers", [task for task in waivers if not task.is_own], reverse("waiver_list")),
        TaskGroup("revocations", load("revocations", tasks.revocation_tasks), f"{reverse('revocations')}?mine=1"),
        load_recertifications(actor, now) if counts.get("recertify") else TaskGroup("recertifications", []),
        TaskGroup("resources", load("resources", tasks.resources), f"{reverse('resource_list')}?state=proposed"),
        load_health(actor, now),
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
    return TaskGroup("recertifications", recertifications, reverse("recert_mine"), waiting.count)


def _recertification(card: Card, actor: Actor) -> Task:
    is_own = actor.person is not None and card.key.reviewer == actor.person.pk
    words = Asks(card.key.asks).label if card.count == 1 else f"Are they still {card.key.asks}?"
    return Task(
        thread=f"item:{card.first_item}",
        href=card.href,
        name=card.automation_name,
        text=f"{words} {card.words[:1].upper()}{card.words[1:]}" + (f". {cards.ESCALATED}" if card.escalated else ""),
        who="" if is_own else f"for {card.reviewer_name}",
        since=card.opened_at,
        due=card.deadline,
        level=card.level if card.count == 1 else "",
        seal="full",
    )


def _load_ownerless(actor: Actor, now: datetime) -> TaskGroup:
    """Load ownerless things of teams that the reader leads; all of them for a security reviewer (I3)."""
    items = ownership_queries.ownerless_items(actor, now, most=MOST)
    ownerless = [
        Task(
            thread=f"{item.kind}:{item.pk}",
            href=item.href,
            name=item.called,
            text=f"This {item.kind} has no owner: its team’s lead and a security reviewer name an interim owner",
            who=f"{item.left} is gone",
            since=item.left_at or now,
        )
        for item in items
    ]
    return TaskGroup("ownerless", ownerless, reverse("ownerless"))


def sort_tasks(groups: Iterable[TaskGroup], show: str) -> list[tuple[str, Task]]:
    """Sort the tasks that wait for the reader by due date, then risk, with the keys of their groups.

    Args:
        groups: the groups.
        show: key of one group; empty or ``all`` for each.
    """
    shown = [group for group in groups if show in ("", "all", group.key)]
    pairs = [(group.key, task) for group in shown for task in group.shown_tasks if not task.is_own]
    return sorted(pairs, key=lambda pair: (pair[1].due is None, pair[1].due or pair[1].since, pair[1].tier != "high"))


def load_health(actor: Actor, now: datetime) -> TaskGroup:
    """Load problems of the installation and missing people, as last counted: for admins, one query (R9, S9)."""
    figures = load_admin_figures(now) if Role.ADMIN in access.roles_held(actor, now) else []
    words = {
        "failures": ("problem", "The health page says what to do"),
        "advice": ("gap", "Roles, approvers or settings are missing"),
    }
    tasks = [
        Task(
            thread=f"health:{figure.pk}",
            href=reverse("health"),
            name=f"{counted(figure.value, words[kind][0])} of the installation",
            text=words[kind][1],
            since=figure.at,
        )
        for figure in figures
        for kind in [figure.name.removeprefix("health.")]
    ]
    return TaskGroup("health", tasks, reverse("health"))


def waiting_automations(person: Person, now: datetime) -> QuerySet[Automation]:
    """Automations of the person that wait for somebody, by name: submitted ones, drafts, suspended and observed ones.

    They have ``submitted_at`` (the last submission) and ``in_stage_1`` (whether its app is undecided).
    """
    last = Submission.objects.filter(automation=OuterRef("pk")).order_by("-pk").values("submitted_at")[:1]
    submitted = Submission.objects.unfinished().filter(automation=OuterRef("pk"))
    app = Approval.objects.filter(submission__automation=OuterRef("pk"), stage=1, state__in=UNENDED)
    answered_for = Automation.objects.answered_by([person.pk], now).exclude(state=AutomationState.RETIRED)
    rows = answered_for.filter(Exists(submitted) | ~Q(state=AutomationState.LIVE))
    shown = rows.annotate(submitted_at=Subquery(last), in_stage_1=Exists(app)).select_related("approved_version")
    return shown.only("name", "state", "approved_version__number").order_by("name", "pk")[:MOST]
