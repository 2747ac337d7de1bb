"""Pages for the erasure of people who have left: request, confirmation by a second admin, and status (H6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal
from governance.core.erasure.transitions import ask_erasure, drop_erasure, erase
from governance.core.models import Erasure, Person
from governance.portal.view_guards.decorators import answers_refusals
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request

Shape = dict[str, Any]


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


def erase_actions(person: Person, actor: Actor, now: datetime) -> list[Shape]:
    """The button for a request, with the permission."""
    if ask_erasure.refusal(person, actor=actor, now=now) is not None:
        return []
    return [{"label": "Erase this person", "href": reverse("person_erase", args=[person.pk])}]


def open_erasures() -> QuerySet[Erasure]:
    """Requests that wait for a second admin, oldest first."""
    rows = Erasure.objects.filter(confirmed_at__isnull=True, dropped_at__isnull=True)
    return rows.select_related("person", "asked_by")[:50]


@require_http_methods(["GET", "POST"])
@answers_refusals
def person_erase(request: Request, pk: int) -> HttpResponse:
    """Request an erasure; the admin types the person's name (H6)."""
    person, now = get_object_or_404(Person, pk=pk), business_time.now()
    reason = request.POST.get("reason", "")
    ask = {
        "id": "erase",
        "title": f"Erase {person.name}?",
        "text": "It happens once a second admin confirms it, and can’t be undone.",
        "action": reverse("person_erase", args=[pk]),
        "label": "Ask to erase",
        "reason": {"label": "Why", "required": True, "value": reason, "help": "It stays on record."},
    }

    def act(named: str) -> object:
        return ask_erasure(person, actor=request.actor, now=now, reason=reason, named=named)

    return _ask_for_name(request, ask, act, ask_erasure.refusal(person, actor=request.actor, now=now), person)


@require_http_methods(["GET", "POST"])
@answers_refusals
def erasure_confirm(request: Request, pk: int) -> HttpResponse:
    """Confirm another admin's request: the person is erased (H6)."""
    row, now = get_object_or_404(Erasure.objects.select_related("person", "asked_by"), pk=pk), business_time.now()
    ask = {
        "id": "erase",
        "title": f"Erase {row.person.name} for good?",
        "text": f"{row.asked_by.name} asks for it. It happens at once, and can’t be undone.",
        "action": reverse("erasure_confirm", args=[pk]),
        "label": "Erase for good",
    }

    def act(named: str) -> object:
        return erase(row, actor=request.actor, now=now, named=named)

    return _ask_for_name(request, ask, act, erase.refusal(row, actor=request.actor, now=now), row.person)


@require_POST
@answers_refusals
def erasure_drop(request: Request, pk: int) -> HttpResponse:
    """Drop a request: the person's data stay."""
    row = get_object_or_404(Erasure, pk=pk)
    drop_erasure(row, actor=request.actor, now=business_time.now())
    return redirect("person", row.person_id)


def _ask_for_name(
    request: Request, ask: Shape, act: Callable[[str], object], erase_refusal: Refusal | None, person: Person
) -> HttpResponse:
    """Ask for the person's name on a page of its own; a wrong name keeps the typed text."""
    back_href, typed = person.href, request.POST.get("named", "")
    ask |= {"kind": "danger", "consequences": "portal/erasure/consequences.html"}
    ask["named"] = {"label": f"Type their name: {person.name}", "value": typed}
    status = 200
    if request.method == "POST":
        try:
            act(typed)
            return redirect(back_href)
        except InvalidInput as invalid:
            problem, status = invalid.refusal, invalid.status
            ask["named" if problem.code == "NAME" else "reason"]["error"] = problem.sentence
    elif erase_refusal is not None:
        return refused(request, erase_refusal, context={"back_href": back_href})
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": back_href}, status=status)
