"""The reader's own sign-in: running sessions, and accounts of providers that they linked (P1)."""

from typing import NamedTuple

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from governance.core.models import LinkedAccount, Person
from governance.core.sign_in import accounts
from governance.core.sign_in import transitions as sign_in_transitions
from governance.portal.sessions import queries as sessions
from governance.portal.single_sign_on import providers
from governance.portal.view_guards.decorators import reader
from governance.web.pages.page import finish, page
from governance.web.requests.request import Request


class SessionRow(NamedTuple):
    """One session on the page.

    Args:
        row: allauth's row.
        browser: browser and system, in words.
        is_this: whether the reader uses it now.
        provider: the name of the provider that signed it in, or nothing.
    """

    row: UserSession
    browser: str
    is_this: bool
    provider: str


@require_GET
def my_sign_in(request: Request) -> HttpResponse:
    """List the reader's sessions and accounts."""
    person = reader(request)
    names = {provider.id: provider.name for provider in providers.configured()}
    key = request.session.session_key
    rows = [
        SessionRow(
            row,
            sessions.browser_words(row.user_agent),
            row.session_key == key,
            names.get(row.data.get("source", ""), ""),
        )
        for row in sessions.of_person(person)
    ]
    linked = person.linked_accounts.filter(ended_at__isnull=True)
    context = {
        "sessions": rows,
        "others": sum(not row.is_this for row in rows),
        "first": names.get(person.source, ""),
        "has_password": settings.PASSWORD_SIGN_IN and person.source == "local",
        "linked": [{"row": row, "name": names.get(row.source, row.source)} for row in linked],
        "providers": providers.configured(),
    }
    return page(request, "portal/sign_in/my_sign_in.html", context)


@require_POST
def session_end(request: Request, pk: int) -> HttpResponse:
    """End one of the reader's sessions."""
    row = get_object_or_404(UserSession, pk=pk, user=reader(request))
    return _end(request, [row])


@require_POST
def other_sessions_end(request: Request) -> HttpResponse:
    """End all sessions of the reader but this one."""
    rows = UserSession.objects.filter(user=reader(request)).exclude(session_key=request.session.session_key)
    return _end(request, list(rows))


def _end(request: Request, rows: list[UserSession]) -> HttpResponse:
    person = Person.objects.get(pk=reader(request).pk)
    sign_in_transitions.end_sessions(person, actor=request.actor, now=request.now(), end=lambda: sessions.end(rows))
    messages.success(request, "The session has ended." if len(rows) == 1 else f"{len(rows)} sessions have ended.")
    return redirect("my_sign_in")


@require_POST
def account_unlink(request: Request, pk: int) -> HttpResponse:
    """End the link of one of the reader's accounts."""
    row = get_object_or_404(LinkedAccount, pk=pk, person=reader(request), ended_at__isnull=True)
    accounts.unlink_account(row, actor=request.actor, now=request.now())
    opened = UserSession.objects.filter(user=reader(request), data__contains={"source": row.source})
    sessions.end(opened.exclude(session_key=request.session.session_key))
    return finish(request, accounts.unlink_account, "my_sign_in")
