"""Page of the set-up: what an organisation needs before its first automation, and a test of its mail (S9, P1)."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from governance.core.access import Permission, access
from governance.core.clock import current_time
from governance.core.notices import outbox
from governance.portal.set_up.queries import MAIL_TEST, mail_test_of, steps
from governance.portal.view_guards.decorators import reader
from governance.web.pages.page import page, readers_only, refused
from governance.web.requests.request import Request

NOT_YOURS = readers_only("The portal is set up by governance admins.")


def _for_admins(view: Callable[[Request], HttpResponse]) -> Callable[[Request], HttpResponse]:
    @wraps(view)
    def guarded(request: Request) -> HttpResponse:
        if not access.may(request.actor, Permission.PERSON_MANAGE, None, now=request.now()):
            return refused(request, NOT_YOURS)
        return view(request)

    return guarded


@require_GET
@_for_admins
def set_up(request: Request) -> HttpResponse:
    """Show each step, and how far it is."""
    who = reader(request)
    shown = steps(who, now=request.now(), at=current_time.real())
    context = {
        "steps": shown,
        "missing": sum(step.state == "missing" for step in shown),
        "test": mail_test_of(who),
        "address": who.email,
        "has_server": settings.MAIL_SERVER is not None,
    }
    return page(request, "portal/set_up/set_up.html", context)


@require_POST
@_for_admins
def try_mail(request: Request) -> HttpResponse:
    """Send the reader a mail, at most one a minute."""
    who, now = reader(request), request.now()
    made = outbox.notify(
        [who], MAIL_TEST, thread=f"{MAIL_TEST}:{who.pk}", key=f"{now:%Y%m%d%H%M}", now=now, context={"page": ["set_up"]}
    )
    if made:
        messages.success(request, f"A test goes to {who.email}. This page shows whether the mail server took it.")
    else:
        messages.info(request, "A test was sent within this minute. Try again in the next one.")
    return redirect("set_up")
