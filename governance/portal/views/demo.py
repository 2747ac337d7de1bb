"""What a demo has and nothing else: picking who to be, moving the clock, reading everybody's mail. Elsewhere all are 404."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.controls import clock, nudge
from governance.controls.models import Notice, Person
from governance.web.middleware import SIGNED_IN_AT
from governance.web.pages import page

View = Callable[..., HttpResponse]

STEPS = ((1, "1 day on"), (7, "7 days on"), (30, "30 days on"), (90, "90 days on"))
#: Woken when the clock has moved: what is due now should not wait for beat's next minute.
SWEEPS = ("approvals.sweep", "recertification.sweep", "controls.send_notices")


def demo_only(view: View) -> View:
    """Answer 404 outside a demo, before anything else."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEMO:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@login_not_required
@demo_only
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Be one of the demo's people."""
    person = get_object_or_404(Person.objects.filter(is_active=True, left_at__isnull=True), opaque_id=_uuid(request))
    login(request, person, backend="allauth.account.auth_backends.AuthenticationBackend")
    request.session[SIGNED_IN_AT] = int(time.time())
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return redirect(wanted if wanted and safe else reverse("home"))


def _uuid(request: HttpRequest) -> str:
    value = request.POST.get("person", "")
    if len(value) != 36:
        raise Http404
    return value


@demo_only
@require_http_methods(["GET", "POST"])
def clock_page(request: HttpRequest) -> HttpResponse:
    """Move business time for every process, forward only."""
    error = ""
    if request.method == "POST":
        days = request.POST.get("days", "")
        if days.isdecimal() and 1 <= int(days) <= 366:
            clock.move(timedelta(days=int(days)))
            for job in SWEEPS:
                nudge.send(job)
            return redirect("clock")
        error = "Choose between 1 and 366 days."
    ahead = clock.offset().days
    context = {
        "action": reverse("clock"),
        "ahead": f"{ahead} day{'s' if ahead != 1 else ''} ahead of real time" if ahead else "",
        "steps": [{"days": days, "label": label} for days, label in STEPS],
        "coming": [],
        "error": error,
    }
    return page(request, "portal/clock.html", context, status=422 if error else 200)


@demo_only
@require_GET
def mail_list(request: HttpRequest) -> HttpResponse:
    """Everybody's mail, newest first."""
    before = request.GET.get("before", "")
    rows = Notice.objects.select_related("recipient").order_by("-pk")
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[:51])
    older = f"{reverse('mail_list')}?before={found[49].pk}" if len(found) > 50 else ""
    context = {
        "head": {"title": "Mail", "facts": ["What the portal sent, as this demo keeps it"]},
        "mails": [
            {
                "href": reverse("mail", args=[one.pk]),
                "subject": one.subject or one.event.replace("_", " ").capitalize(),
                "to": one.recipient.name,
                "at": one.sent_at or one.created_at,
                "state": one.state,
                "why": one.error,
            }
            for one in found[:50]
        ],
        "pager": {"newer_href": "", "older_href": older, "words": ""},
        "empty": {"sentence": "No mail was sent yet.", "href": reverse("home"), "action": "Home"},
    }
    return page(request, "portal/mail_list.html", context, fragment="mails")


@demo_only
@require_GET
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """One mail as it was sent."""
    one = get_object_or_404(Notice.objects.select_related("recipient"), pk=pk)
    context = {
        "crumbs": [{"label": "Mail", "href": reverse("mail_list")}, {"label": f"To {one.recipient.name}", "href": ""}],
        "mail": {
            "subject": one.subject or one.event.replace("_", " ").capitalize(),
            "sender": settings.DEFAULT_FROM_EMAIL,
            "to": f"{one.recipient.name} <{one.recipient.email}>",
            "at": one.sent_at or one.created_at,
            "state": one.state,
            "body": one.text,
            "headers": [
                {"label": "Message-ID", "text": one.message_id, "mono": True},
                {"label": "Thread", "text": one.thread, "mono": True},
            ],
        },
    }
    return page(request, "portal/mail.html", context)
