"""Suggestions for a field that names a person (P1)."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from governance.core.models import Person
from governance.core.people.person_field import LONGEST, text_of
from governance.portal.view_guards.decorators import reader
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request
from inventory.ownership import delegates

#: Most suggestions, and the fewest letters that are searched for.
MOST, FEWEST = 20, 2


def _everybody(reader: Person, now: datetime) -> QuerySet[Person]:
    return Person.objects.here()


#: Who is suggested, by its name in the address.
AMONG: dict[str, Callable[[Person, datetime], QuerySet[Person]]] = {
    "everybody": _everybody,
    "delegates": delegates.eligible_delegates,
}


@require_GET
def pick_people(request: Request, among: str) -> HttpResponse:
    """Answer with the first people whose name, address or title holds each typed word."""
    if among not in AMONG:
        raise Http404
    typed = request.GET.get(request.GET.get("field", ""), "")[:LONGEST]
    words = pager.words_in(typed.replace("<", " ").replace(">", " "))
    rows = AMONG[among](reader(request), request.now()).order_by("name", "pk")
    found = pager.search(rows, words, "name", "email", "title") if sum(map(len, words)) >= FEWEST else rows.none()
    people = [(text_of(person), person.title) for person in found[:MOST]]
    return page(request, "portal/people/suggestions.html", {"people": people})
