"""Pages for the erasure of people who have left: request, confirmation by a second admin, and status (H6)."""

from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_POST

from governance.core.access import Actor, InvalidInput
from governance.core.engine.transition import Transition
from governance.core.erasure.transitions import ask_erasure, drop_erasure, erase
from governance.core.models import Erasure, Person
from governance.web.pages.page import Shape, finish, page, refused
from governance.web.requests.request import Request


def erasure_part(person: Person, actor: Actor, now: datetime) -> Shape:
    """The erasure part of ``portal/people/person.html``; empty without a request.

    Returns:
        ``row``; before the confirmation also ``may_confirm``, ``may_drop``, and ``why_not``: a Refusal or None.
    """
    row = person.erasures.filter(dropped_at__isnull=True).select_related("asked_by", "person").first()
    if row is None or row.confirmed_at is not None:
        return {"row": row}
    refusal = erase.refusal(row, actor=actor, now=now)
    may_drop = drop_erasure.refusal(row, actor=actor, now=now) is None
    return {"row": row, "may_confirm": refusal is None, "may_drop": may_drop, "why_not": refusal if may_drop else None}


def open_erasures() -> QuerySet[Erasure]:
    """Requests that wait for a second admin, oldest first."""
    rows = Erasure.objects.filter(confirmed_at__isnull=True, dropped_at__isnull=True)
    return rows.select_related("person", "asked_by")[:50]


@require_http_methods(["GET", "POST"])
def person_erase(request: Request, pk: int) -> HttpResponse:
    """Request an erasure; the admin types the person's name (H6)."""
    person = get_object_or_404(Person, pk=pk)
    text = "It happens once a second admin confirms it, and can’t be undone."
    return _ask_for_name(request, ask_erasure, person, person, f"Erase {person.name}?", text, "Ask to erase")


@require_http_methods(["GET", "POST"])
def erasure_confirm(request: Request, pk: int) -> HttpResponse:
    """Confirm another admin's request: the person is erased (H6)."""
    row = get_object_or_404(Erasure.objects.select_related("person", "asked_by"), pk=pk)
    title = f"Erase {row.person.name} permanently?"
    text = f"{row.asked_by.name} asks for it. It happens at once, and can’t be undone."
    return _ask_for_name(request, erase, row, row.person, title, text, "Erase permanently")


@require_POST
def erasure_drop(request: Request, pk: int) -> HttpResponse:
    """Drop a request: the person's data stay."""
    row = get_object_or_404(Erasure, pk=pk)
    drop_erasure(row, actor=request.actor, now=request.now())
    return finish(request, drop_erasure, "person", row.person_id)


def _ask_for_name(
    request: Request, verb: Transition[Any], row: Model, person: Person, title: str, text: str, label: str
) -> HttpResponse:
    """Ask for the person's name, and for a reason if the operation needs one; a wrong name keeps the typed text."""
    now, reason = request.now(), request.POST.get("reason", "") if verb.reason_needed else ""
    ask: Shape = {"id": "erase", "title": title, "text": text, "action": request.path, "label": label, "kind": "danger"}
    ask["consequences"] = "portal/erasure/consequences.html"
    ask["named"] = {"label": f"Type their name: {person.name}", "value": request.POST.get("named", "")}
    if verb.reason_needed:
        ask["reason"] = {"label": "Why", "required": True, "value": reason, "help": "It stays on record."}
    status = 200
    if request.method == "POST":
        try:
            verb(row, actor=request.actor, now=now, reason=reason, named=ask["named"]["value"])
            return finish(request, verb, person.href)
        except InvalidInput as invalid:
            problem, status = invalid.refusal, invalid.status
            ask["named" if problem.code == "NAME" else "reason"]["error"] = problem.sentence
    elif (refusal := verb.refusal(row, actor=request.actor, now=now)) is not None:
        return refused(request, refusal, context={"back_href": person.href})
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": person.href}, status=status)
