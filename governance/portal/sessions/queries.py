"""Sessions of people: rows of allauth, which name the browser, beside Django's own."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import QuerySet
from django.http import HttpRequest

from governance.core.models import Person

#: Where a session keeps how its provider signed it in: ``source``, ``sub``, ``sid``, ``mfa`` (whether with a second factor), and ``at`` in
#: seconds since the epoch.
SIGNED_IN_BY = "signed_in_by"


#: How browsers and systems name themselves, the more special first.
BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def browser_words(user_agent: str) -> str:
    """Return browser and system in words, such as "Firefox on Windows"; the text itself if neither is known."""
    browser, system = (
        next((words for mark, words in table.items() if mark in user_agent), "") for table in (BROWSERS, SYSTEMS)
    )
    return " on ".join(filter(None, (browser, system))) or user_agent[:90] or "Unknown browser"


def of_person(person: Person) -> list[UserSession]:
    """Return the running sessions of a person, the newest first. Rows of ended ones are deleted."""
    running = UserSession.objects.purge_and_list(person)
    return sorted(running, key=lambda row: row.created_at, reverse=True)


def of_provider(source: str, *, sub: object, sid: object) -> QuerySet[UserSession]:
    """Return the sessions that a provider signed in, of an account, or the one with an id of the provider."""
    facts = {"source": source} | ({"sid": sid} if sid else {"sub": sub})
    rows = UserSession.objects.filter(data__contains=facts)
    return rows.filter(data__contains={"sub": sub}) if sub else rows


def by_person(rows: QuerySet[UserSession]) -> Iterator[tuple[Person, list[UserSession]]]:
    """Group sessions by their person."""
    ordered = rows.select_related("user").order_by("user_id", "pk")
    return ((person, list(sessions)) for person, sessions in groupby(ordered, key=lambda row: row.user))


def end(rows: Iterable[UserSession]) -> int:
    """Delete sessions; returns how many."""
    ended = 0
    for row in rows:
        row.end()
        ended += 1
    return ended


def facts_of(request: HttpRequest) -> dict[str, object]:
    """Return how a provider signed this session in; nothing if none did."""
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    return dict(row.data) if row is not None else {}


def note(request: HttpRequest, facts: dict[str, object]) -> None:
    """Store the session's browser, and how its provider signed it in, so that the provider can end it."""
    if not isinstance(request.session, SessionStore):
        return  # a session in a cookie can't be ended from here
    request.session.save()  # allauth deletes rows of sessions that the database does not know as signed in
    UserSession.objects.create_from_request(request)
    UserSession.objects.filter(session_key=request.session.session_key).update(data=facts)
