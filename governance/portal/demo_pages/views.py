"""Demo-only pages: choose a person, move the clock, read all mail. 404 outside a demo."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor
from governance.core.clock import current_time, demo_clock
from governance.core.jobs import nudge
from governance.core.models import Notice, NoticeState, Person
from governance.core.sign_in import transitions as sign_in_transitions
from governance.portal.sessions import queries as sessions
from governance.portal.sign_in.adapters import note_sign_in
from governance.portal.sign_in.views.sign_in import next_address
from governance.web.pages import pager
from governance.web.pages.page import calendar_file, page
from governance.web.requests.request import Request, midnight, number

View = Callable[..., HttpResponseBase]

#: Longest move of the clock, and jobs to wake after it, so that due work starts before beat's next minute.
FURTHEST = timedelta(days=366)
SWEEPS = ("approvals.sweep", "recertification.sweep", "controls.send_notices")


def demo_only(view: View) -> View:
    """Answer 404 outside a demo."""

    @wraps(view)
    def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.DEMO:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@login_not_required
@require_POST
def demo_sign_in(request: Request) -> HttpResponse:
    """Sign in as one of the demo's people."""
    person = get_object_or_404(Person.objects.filter(is_active=True, left_at__isnull=True), opaque_id=_chosen(request))
    begin = partial(login, request, person, backend="governance.portal.sign_in.adapters.ByAddress")
    sign_in_transitions.sign_in(person, actor=Actor.of_person(person), now=request.now(), begin=begin)
    note_sign_in(request)
    sessions.note(request, {})
    return redirect(next_address(request))


def _chosen(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("person", ""))
    except ValueError as error:
        raise Http404 from error


@require_http_methods(["GET", "POST"])
def clock_page(request: Request) -> HttpResponse:
    """Move business time forward for all processes."""
    now, error = request.now(), ""
    if request.method == "POST":
        target = _target(request.POST, now)
        if target is not None and now < target <= now + FURTHEST:
            demo_clock.move(target - now, actor=request.actor)
            for job in SWEEPS:
                nudge.send(job)
            return redirect("clock")
        error = f"Choose a time that lies ahead, and at most {FURTHEST.days} days."
    context = {"ahead": current_time.offset().days, "error": error}
    return page(request, "portal/demo_pages/clock.html", context, status=422 if error else 200)


def _target(query: QueryDict, now: datetime) -> datetime | None:
    """Requested clock time: some days ahead, or nine o'clock of a day."""
    days = number(query.get("days"))
    if days is not None:
        return now + timedelta(days=min(days, FURTHEST.days + 1))
    begins = midnight(query.get("until"))
    return begins + timedelta(hours=9) if begins else None


@require_GET
def mail_list(request: Request) -> HttpResponse:
    """List all mail, newest first, with notices that wait for a digest; sent digests include their notices."""
    apart = Notice.objects.exclude(state__in=(NoticeState.CARRIED, NoticeState.DROPPED))
    if to := number(request.GET.get("to")):
        apart = apart.filter(recipient=to)
    paged = pager.newest_first(apart.select_related("recipient"), request.GET, reverse("mail_list"))
    context = {
        "mails": paged.rows,
        "pager": paged,
        "empty": {"sentence": "No mail was sent yet.", "href": reverse("home"), "action": "Home"},
    }
    return page(request, "portal/demo_pages/mail_list.html", context, fragment="mails")


@require_GET
def mail(request: Request, pk: int) -> HttpResponse:
    """Show a mail as sent, or a notice with its digest."""
    notice = get_object_or_404(Notice.objects.select_related("recipient", "digest"), pk=pk)
    context = {"mail": notice, "sender": settings.DEFAULT_FROM_EMAIL}
    return page(request, "portal/demo_pages/mail.html", context)


@require_GET
def mail_dates(request: Request, pk: int) -> HttpResponse:
    """Send the calendar file of a mail."""
    return calendar_file(get_object_or_404(Notice.objects.exclude(dates=""), pk=pk).dates)


#: Mails only have inline styles: such a page may load and run nothing.
MAIL_CSP = {"default-src": [NONE], "style-src": [UNSAFE_INLINE], "frame-ancestors": [NONE], "base-uri": [NONE]}


@require_GET
@csp(MAIL_CSP)  # type: ignore[arg-type]  # its types exclude views with arguments
def mail_html(request: Request, pk: int) -> HttpResponse:
    """Show the HTML of a mail."""
    return HttpResponse(get_object_or_404(Notice.objects.exclude(html=""), pk=pk).html)
