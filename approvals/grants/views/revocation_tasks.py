"""Pages of revocation tasks: the list of access to remove, and one task with the words of people (G4)."""

from datetime import datetime

from django.db.models import Prefetch, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.grants import queries as grant_queries
from approvals.grants.transitions import revocation_tasks
from approvals.models import Grant, RevocationTask, RevocationWord
from approvals.models.circuit_breaker import READING
from approvals.models.revocation_task import RevocationTaskQuerySet
from governance.core.access import Actor, InvalidInput, access
from governance.core.models import Person
from governance.web.pages import pager
from governance.web.pages.page import Shape, finish, page, timeline_context
from governance.web.requests.request import Request, number
from inventory.models import Resource

#: Choices of the filters that are links.
AGES = (("24", "Less than 24 hours"), ("48", "24 to 48 hours"), ("older", "More than 48 hours"))
SHOWN = (("", "Open"), ("overdue", "Overdue"), *AGES, ("done", "Done"))
MINE = (("", "Of everybody"), ("1", "Asked of me"))
#: Relations that the rows and the page of a task read.
TASK_RELATIONS = (
    "owner",
    "grant__automation__team",
    "grant__entitlement__resource__owner",
    "grant__credential__kept_in",
    "grant__approval__decided_on",
    "grant__app_approval",
)
WORDS = Prefetch("words", RevocationWord.objects.select_related("person", "for_person", "text"))


@require_GET
def revocation_list(request: Request) -> HttpResponse:
    """Show the tasks visible to the reader, newest first; filters are in the URL."""
    now, query, path = request.now(), request.GET, reverse("revocations")
    show = query.get("show", "") if query.get("show", "") in dict(SHOWN) else ""
    visible = RevocationTask.objects.visible_to(request.actor, now)
    seen = _narrowed(visible, query, request.actor, now)
    tasks = seen.standing(show, now).select_related(*TASK_RELATIONS).prefetch_related(WORDS)
    paged = pager.newest_first(tasks, query, path)
    counts = {word: seen.standing(word, now).order_by()[:100].count() for word in ("", "overdue")}
    chips = pager.chips(path, query, "show", SHOWN, counts)
    context = {
        "shares": grant_queries.shares(Grant.objects.visible_to(request.actor, now).standing()),
        "reads_batches": bool(READING & access.roles_held(request.actor, now)),
        "chips": [*chips, {"separator": True}, *pager.chips(path, query, "mine", MINE)],
        "filters": pager.filter_bar(
            query,
            path,
            [
                ("resource", "Resource", _resources(visible)),
                ("owner", "Waiting for", pager.choices(visible, "owner")),
                ("team", "Team", pager.choices(visible, "grant__automation__team")),
            ],
        ),
        "rows": [{"task": task, "state": grant_queries.state_words(task, now)} for task in paged.rows],
        "show": show,
        "pager": paged,
    }
    return page(request, "approvals/grants/revocation_tasks.html", context)


def _narrowed(seen: RevocationTaskQuerySet, query: QueryDict, actor: Actor, now: datetime) -> RevocationTaskQuerySet:
    """Filter by the URL. The resource of a task is the one that `RevocationTask.resource` names."""
    if query.get("mine"):
        seen = seen.filter(asked__overlap=list(access.answers_as(actor, now)))
    if (resource := number(query.get("resource"))) is not None:
        decided_on = Q(grant__entitlement__isnull=True, grant__approval__decided_on=resource)
        seen = seen.filter(Q(grant__entitlement__resource=resource) | decided_on)
    for name, column in (("automation", "grant__automation"), ("owner", "owner"), ("team", "grant__automation__team")):
        if (key := number(query.get(name))) is not None:
            seen = seen.filter(**{column: key})
    return seen


def _resources(seen: RevocationTaskQuerySet) -> list[tuple[int, str]]:
    held = seen.order_by().values("grant__entitlement__resource")
    decided = seen.order_by().values("grant__approval__decided_on")
    rows = Resource.objects.filter(Q(pk__in=held) | Q(pk__in=decided)).order_by("name", "pk")
    return list(rows.values_list("pk", "name")[: pager.CHOICES])


@require_http_methods(["GET", "POST"])
def revocation(request: Request, pk: int) -> HttpResponse:
    """Show one task: the ended grant, its location, the steps and the words of people; with the form."""
    now = request.now()
    seen = RevocationTask.objects.visible_to(request.actor, now).select_related(*TASK_RELATIONS).prefetch_related(WORDS)
    task = get_object_or_404(seen, pk=pk)
    error, status = "", 200
    if request.method == "POST":
        actor, text = acting_as(task, request.actor, now), request.POST.get("reason", "")
        try:
            revocation_tasks.say_removed(task, actor=actor, now=now, reason=text)
            return finish(request, revocation_tasks.say_removed, task.href, subject=f"“{task.grant.sentence}”")
        except InvalidInput as invalid:
            error, status = invalid.refusal.sentence, invalid.status
    context = _context(task, request.actor, now, error)
    return page(request, "approvals/grants/revocation_task.html", context, status=status)


def acting_as(task: RevocationTask, actor: Actor, now: datetime) -> Actor:
    """Return the actor: the reader, or the reader for the giver of a delegation who was asked (A11)."""
    refusal = revocation_tasks.say_removed.refusal(task, actor=actor, now=now)
    if refusal is None or refusal.kind != "permission" or actor.person is None:
        return actor
    givers = (set(access.answers_as(actor, now)) - {actor.person.pk}) & set(task.asked)
    giver = Person.objects.filter(pk__in=givers).order_by("pk").first() if givers else None
    return actor.for_person(giver) if giver is not None else actor


def _context(task: RevocationTask, actor: Actor, now: datetime, error: str) -> Shape:
    speaker = acting_as(task, actor, now)
    refusal = revocation_tasks.say_removed.refusal(task, actor=speaker, now=now)
    names = dict(Person.objects.filter(pk__in=task.asked).values_list("pk", "name"))
    return {
        "task": task,
        "state": grant_queries.state_words(task, now),
        "also_asked": [names[pk] for pk in task.asked if pk != task.owner_id and pk in names],
        "may_say": refusal is None,
        "for_whom": speaker.standing_for.name if speaker.standing_for is not None else "",
        "reason_error": error,
        "locked": refusal if refusal is not None and refusal.kind != "state" else None,
        **timeline_context(task, actor=actor, now=now, limit=20),
    }
