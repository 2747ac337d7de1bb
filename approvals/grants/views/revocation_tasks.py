"""Pages of revocation tasks: the list of accesses to remove, and one task with the words of people (G4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Prefetch, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.grants import queries as grant_queries
from approvals.grants import revocation_tasks as grant_revocation_tasks
from approvals.grants.transitions import revocation_tasks
from approvals.models import Grant, RevocationTask, RevocationWord, WordSaid
from approvals.models import grant as model_grant
from approvals.models.circuit_breaker import READING
from approvals.models.revocation_task import RevocationTaskQuerySet
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused, refuse
from governance.core.models import Person
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Resource

Shape = dict[str, Any]

#: Rows of a page; choices of a filter; events of the timeline (the ledger has the rest).
PAGE, CHOICES, EVENTS = 50, 200, 20
#: Labels of the filter chips by query value.
SHOWN = {"": "Open", "overdue": "Overdue", "done": "Done"}
EMPTY = {
    "": "What ended here, and is still to be taken away where it is held, would be here.",
    "overdue": "What should have been taken away by now would be here. Nothing is overdue.",
    "done": "What was taken away and checked would be here, with who looked.",
}
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
#: Transitions by the name of the button.
VERDICTS = {WordSaid.REMOVED: revocation_tasks.say_removed, WordSaid.CANNOT: revocation_tasks.say_cannot}


@require_GET
def revocation_list(request: Request) -> HttpResponse:
    """Show the tasks visible to the reader, newest first; filters are in the URL."""
    now, query_params = business_time.now(), request.GET
    kept = _filters(query_params)
    visible = RevocationTask.objects.visible_to(request.actor, now)
    seen = _narrowed(visible, kept, request.actor, now)
    show, before = kept.get("show", ""), number(query_params.get("before"))
    tasks = seen.standing(show, now)
    tasks = (tasks.filter(pk__lt=before) if before else tasks).select_related(*TASK_RELATIONS).prefetch_related(WORDS)
    rows = list(tasks.order_by("-pk")[: PAGE + 1])
    older = _href(kept | {"before": rows[PAGE - 1].pk}) if len(rows) > PAGE else ""
    return page(
        request,
        "approvals/grants/revocation_tasks.html",
        {
            "now": now,
            "head": {
                "title": "Revocation tasks",
                "facts": [
                    "what ended here and is held elsewhere: not called revoked until somebody looked",
                    *_enforced_facts(request.actor, now),
                ],
                "actions": _actions(request.actor, now),
            },
            "chips": _chips(kept, seen, show, now),
            "filters": {
                "action": reverse("revocations"),
                "words": None,
                "kept": {name: value for name, value in kept.items() if name not in ("owner", "resource")},
                "fields": [
                    pager.choice(query_params, "resource", "Resource", _resources(visible)),
                    pager.choice(query_params, "owner", "With", _owners(visible)),
                ],
                "clear_href": _href({"show": show}) if set(kept) - {"show"} else "",
            },
            "rows": [_row(task, now) for task in rows[:PAGE]],
            "empty": EMPTY[show],
            "pager": {"newer_href": _href(kept) if before else "", "older_href": older},
        },
    )


def _actions(actor: Actor, now: datetime) -> list[Shape]:
    """Return the link to held batches, if the reader may see these (G6)."""
    if not READING & access.roles_held(actor, now):
        return []
    return [{"label": "Held batches", "icon": "lock", "href": reverse("held_batches")}]


def _enforced_facts(actor: Actor, now: datetime) -> list[str]:
    """Say how the grants visible to the reader are enforced (G4)."""
    shares = grant_queries.shares(Grant.objects.visible_to(actor, now).standing())
    return [f"grants that you see: {shares}"] if shares else []


def _filters(query_params: QueryDict) -> dict[str, Any]:
    """Return the filters of the URL."""
    show = query_params.get("show", "") if query_params.get("show", "") in SHOWN else ""
    ids = {name: number(query_params.get(name)) for name in ("owner", "resource", "automation")}
    mine = "1" if query_params.get("mine") else ""
    return {name: value for name, value in {"show": show, "mine": mine, **ids}.items() if value}


def _href(kept: Mapping[str, Any]) -> str:
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"{reverse('revocations')}?{query}" if query else reverse("revocations")


def _chips(kept: Mapping[str, Any], seen: RevocationTaskQuerySet, show: str, now: datetime) -> list[Shape]:
    mine = "mine" in kept
    states: list[Shape] = [
        {
            "label": label,
            "href": _href({**kept, "show": word}),
            "current": word == show,
            "count": seen.standing(word, now).order_by()[:100].count() if word != "done" else None,
        }
        for word, label in SHOWN.items()
    ]
    mine_chip = {
        "label": "Asked of me",
        "href": _href({**kept, "mine": "" if mine else "1"}),
        "current": mine,
        "count": None,
    }
    return [*states, {"separator": True}, mine_chip]


def _on_resource(resource: int) -> Q:
    """Filter tasks on a resource, as `RevocationTask.resource` defines it."""
    return Q(grant__entitlement__resource=resource) | Q(
        grant__entitlement__isnull=True, grant__approval__decided_on=resource
    )


def _narrowed(
    seen: RevocationTaskQuerySet, kept: Mapping[str, Any], actor: Actor, now: datetime
) -> RevocationTaskQuerySet:
    if "mine" in kept:
        seen = seen.filter(asked__overlap=list(access.answers_as(actor, now)))
    if "resource" in kept:
        seen = seen.filter(_on_resource(kept["resource"]))
    if "automation" in kept:
        seen = seen.filter(grant__automation=kept["automation"])
    return seen.filter(owner=kept["owner"]) if "owner" in kept else seen


def _resources(seen: RevocationTaskQuerySet) -> list[tuple[str, str]]:
    held, decided = (
        seen.order_by().values("grant__entitlement__resource"),
        seen.order_by().values("grant__approval__decided_on"),
    )
    rows = Resource.objects.filter(Q(pk__in=held) | Q(pk__in=decided)).order_by("name", "pk")[:CHOICES]
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]


def _owners(seen: RevocationTaskQuerySet) -> list[tuple[str, str]]:
    rows = Person.objects.filter(pk__in=seen.order_by().values("owner")).order_by("name", "pk")[:CHOICES]
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]


def _row(task: RevocationTask, now: datetime) -> Shape:
    grant, resource = task.grant, task.resource
    state, below = grant_revocation_tasks.state_words(task, now)
    return {
        "href": task.href,
        "level": grant.level if grant.entitlement_id is not None else "secret",
        "sentence": grant.sentence,
        "automation": grant.automation.name,
        "automation_href": grant.automation.href,
        "resource": resource.name if resource is not None else "",
        "owner": task.owner.name if task.owner is not None else "Nobody",
        "state": state,
        "below": below,
        "since": task.opened_at,
        "due": task.due_at if task.state == "open" else None,
        "closed": task.closed_at,
    }


@require_http_methods(["GET", "POST"])
def revocation(request: Request, pk: int) -> HttpResponse:
    """Show one task: the ended grant, its location, the steps and the words of people; with the form."""
    now = business_time.now()
    seen = RevocationTask.objects.visible_to(request.actor, now).select_related(*TASK_RELATIONS).prefetch_related(WORDS)
    task = get_object_or_404(seen, pk=pk)
    if request.method == "GET":
        return page(request, "approvals/grants/revocation_task.html", _context(task, request.actor, now))
    text = request.POST.get("reason", "")
    try:
        verb = VERDICTS.get(WordSaid(request.POST.get("says", ""))) if _is_verdict(request.POST) else None
        if verb is None:
            raise refuse(Refusal("G4", "input", "Say whether it is removed or not; what you typed is still there."))
        verb(task, actor=acting_as(task, request.actor, now), now=now, reason=text)
    except InvalidInput as invalid:
        context = _context(task, request.actor, now, typed=text, error=invalid.refusal.sentence)
        return page(request, "approvals/grants/revocation_task.html", context, status=invalid.status)
    except Refused as refused_error:
        return refused(request, refused_error.refusal, context={"back_href": task.href, "typed": text})
    return redirect(task.href)


def _is_verdict(posted: QueryDict) -> bool:
    return posted.get("says", "") in WordSaid.values


def acting_as(task: RevocationTask, actor: Actor, now: datetime) -> Actor:
    """Return the actor: the reader, or the reader for the giver of a delegation who was asked (A11)."""
    refusal = revocation_tasks.say_removed.refusal(task, actor=actor, now=now)
    if refusal is None or refusal.kind != "permission" or actor.person is None:
        return actor
    givers = (set(access.answers_as(actor, now)) - {actor.person.pk}) & set(task.asked)
    giver = Person.objects.filter(pk__in=givers).order_by("pk").first() if givers else None
    return actor.for_person(giver) if giver is not None else actor


def _context(task: RevocationTask, actor: Actor, now: datetime, *, typed: str = "", error: str = "") -> Shape:
    grant, resource = task.grant, task.resource
    speaker = acting_as(task, actor, now)
    refusal = revocation_tasks.say_removed.refusal(task, actor=speaker, now=now)
    cannot = revocation_tasks.say_cannot.refusal(task, actor=speaker, now=now)
    state, below = grant_revocation_tasks.state_words(task, now)
    return {
        "now": now,
        "crumbs": [
            {"label": "Revocation tasks", "href": reverse("revocations")},
            {"label": grant.automation.name, "href": grant.automation.href},
            {"label": "Take it away", "href": ""},
        ],
        "head": {
            "title": f"{'Take away' if task.state == 'open' else 'Taken away'}: {grant.sentence}",
            "tier": grant.counted_tier,
            "facts": [grant.automation.name, *([resource.name] if resource is not None else [])],
        },
        "task": {
            "state": state,
            "below": below,
            "due": task.due_at if task.state == "open" else None,
            "is_open": task.state == "open",
            "facts": _facts(task, now),
            "where": grant_revocation_tasks.location_sentence(task),
            "to_do": grant_revocation_tasks.steps(task),
            "words": _word_rows(task.words.all()),
        },
        "form": {
            "action": task.href,
            "reason": {"value": typed, "error": error},
            "for_whom": speaker.standing_for.name if speaker.standing_for is not None else "",
            "may_say_removed": refusal is None,
            "may_say_cannot": cannot is None,
            "is_second": any(word.says == WordSaid.REMOVED for word in task.words.all()),
        }
        if refusal is None or cannot is None
        else None,
        "locked": {"sentence": refusal.sentence, "code": refusal.code, "to_do": refusal.to_do}
        if refusal is not None and refusal.kind != "state"
        else None,
        "events": timeline_queries.shapes(task, reader=actor.person, limit=EVENTS, actor=actor, now=now),
        "ledger_href": ledger_href(task, actor=actor, now=now),
    }


def _facts(task: RevocationTask, now: datetime) -> list[Shape]:
    grant = task.grant
    names = dict(Person.objects.filter(pk__in=task.asked).values_list("pk", "name"))
    why = model_grant.WHY_WORDS.get(grant.ended_why, grant.ended_why)
    rows: list[Shape] = [
        {"label": "Ended", "text": f"{times.moment_words(task.opened_at, now)}: {why}"},
        {"label": "Held by", "text": grant.automation.name, "href": grant.automation.href},
        {
            "label": "Approved",
            "text": "see who said so",
            "href": reverse("review", args=[grant.approval.submission_id]),
        },
        {"label": "With", "text": task.owner.name if task.owner is not None else "nobody: nobody is left to ask"},
    ]
    others = [names[pk] for pk in task.asked if pk != task.owner_id and pk in names]
    if others:
        rows.append({"label": "Asked since", "text": ", ".join(others)})
    if task.checked_at is not None:
        rows.append({"label": "A check says", "text": f"{task.found}, {times.moment_words(task.checked_at, now)}"})
    return rows


def _word_rows(words: Iterable[RevocationWord]) -> list[Shape]:
    """Return the words of people in order."""
    return [
        {
            "who": word.who,
            "at": word.said_at,
            "is_removed": word.says == WordSaid.REMOVED,
            "words": "it is removed" if word.says == WordSaid.REMOVED else "they can’t",
            "text": word.text.shown,
        }
        for word in words
    ]
