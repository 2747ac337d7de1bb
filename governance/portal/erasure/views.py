"""Erasing somebody who has left, as pages: the question with what it destroys, a second admin's, and what a person's page says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

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

#: What whoever asks or confirms weighs first: what is destroyed, what stays, with an icon each.
WEIGHED = (
    ("cross", "Destroyed: their name, mail address and title. Every page says “Erased person” from then on."),
    (
        "cross",
        "Destroyed: every text that they wrote, with its key. Reasons, justifications, comments, answers, also in what others "
        "decide about now.",
    ),
    ("cross", "Destroyed: how they signed in, mails to them, and whatever they had not submitted."),
    ("minus", "Taken out: their name, where it stands in what others wrote or were told."),
    (
        "check",
        "Kept: who decided what and who is a party, by id; the ledger, which still verifies; what automations and resources say "
        "of themselves.",
    ),
    ("info", "Out of reach: mail that was sent, and backups."),
)


def about_erasure(one: Person, actor: Actor, now: datetime) -> Shape:
    """What ``portal/people/person.html`` says about an erasure: that it was done, or asked for and by whom, and what the reader may do.

    Returns:
        ``done_at``; ``asked_by``, ``asked_at``, ``confirm``, ``drop`` (addresses, empty for those who may not) and ``why_not`` (a
        Refusal). Empty where nothing was asked.
    """
    row = one.erasures.filter(dropped_at__isnull=True).select_related("asked_by", "person").first()
    if row is None:
        return {}
    if row.confirmed_at is not None:
        return {"done_at": row.confirmed_at}
    no = erase.refusal(row, actor=actor, now=now)
    may_drop = drop_erasure.refusal(row, actor=actor, now=now) is None
    return {
        "asked_by": row.asked_by.name,
        "asked_at": row.asked_at,
        "confirm": reverse("erasure_confirm", args=[row.pk]) if no is None else "",
        "why_not": no if may_drop else None,
        "drop": reverse("erasure_drop", args=[row.pk]) if may_drop else "",
    }


def asking(one: Person, actor: Actor, now: datetime) -> list[Shape]:
    """The button that leads to the question, for whoever may ask."""
    if ask_erasure.refusal(one, actor=actor, now=now) is not None:
        return []
    return [{"label": "Erase this person", "href": reverse("person_erase", args=[one.pk])}]


def erasures_that_wait() -> list[Shape]:
    """What waits for a second admin, the oldest first, for ``portal/people/people.html``."""
    rows = Erasure.objects.filter(confirmed_at__isnull=True, dropped_at__isnull=True)
    return [
        {
            "href": reverse("person", args=[row.person_id]),
            "name": row.person.name,
            "by": row.asked_by.name,
            "at": row.asked_at,
        }
        for row in rows.select_related("person", "asked_by")[:50]
    ]


@require_http_methods(["GET", "POST"])
@answers_refusals
def person_erase(request: Request, pk: int) -> HttpResponse:
    """Ask that somebody who has left is erased, after a question and with their name typed (H6)."""
    one, now = get_object_or_404(Person, pk=pk), business_time.now()
    said = request.POST.get("reason", "")
    ask = {
        "id": "erase",
        "title": f"Erase {one.name}?",
        "text": "It happens once a second admin confirms it, and can’t be undone.",
        "action": reverse("person_erase", args=[pk]),
        "label": "Ask to erase",
        "reason": {"label": "Why", "required": True, "value": said, "help": "It stays on record."},
    }

    def act(named: str) -> object:
        return ask_erasure(one, actor=request.actor, now=now, reason=said, named=named)

    return _with_name(request, ask, act, ask_erasure.refusal(one, actor=request.actor, now=now), one)


@require_http_methods(["GET", "POST"])
@answers_refusals
def erasure_confirm(request: Request, pk: int) -> HttpResponse:
    """Confirm what another admin asked, after the same question: the person is erased for good (H6)."""
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

    return _with_name(request, ask, act, erase.refusal(row, actor=request.actor, now=now), row.person)


@require_POST
@answers_refusals
def erasure_drop(request: Request, pk: int) -> HttpResponse:
    """Drop what was asked: the person stays as they are."""
    row = get_object_or_404(Erasure, pk=pk)
    drop_erasure(row, actor=request.actor, now=business_time.now())
    return redirect("person", row.person_id)


def _with_name(
    request: Request, ask: Shape, act: Callable[[str], object], no: Refusal | None, one: Person
) -> HttpResponse:
    """Ask on a page of its own for the person's name, as it stands; nothing typed is lost when it is another."""
    back_href, typed = reverse("person", args=[one.pk]), request.POST.get("named", "")
    ask["kind"], ask["points"] = "danger", [{"icon": icon, "text": text} for icon, text in WEIGHED]
    ask["named"] = {"label": f"Type their name: {one.name}", "value": typed}
    status = 200
    if request.method == "POST":
        try:
            act(typed)
            return redirect(back_href)
        except InvalidInput as refusal:
            said, status = refusal.refusal, refusal.status
            ask["named" if said.code == "NAME" else "reason"]["error"] = said.sentence
    elif no is not None:
        return refused(request, no, context={"back_href": back_href})
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": back_href}, status=status)
