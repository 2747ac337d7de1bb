"""Pages about people who have left: the list, and one person's things with their present holders (R8)."""

from datetime import datetime
from itertools import groupby

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.models import Person
from governance.portal.leavers import queries as leaver_queries
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request


@require_GET
@for_readers_of_the_ledger
def leavers_list(request: Request) -> HttpResponse:
    """List people who have left, latest first, with the number of unsettled things."""
    people = Person.objects.filter(left_at__isnull=False)
    paged = pager.by_column(people, request.GET, reverse("leavers"), "left_at", descending=True)
    held = leaver_queries.load_held([person.pk for person in paged.rows], request.now())
    rows = [
        {"person": person, "held": len(held[person.pk]), "open": [row for row in held[person.pk] if row.waits]}
        for person in paged.rows
    ]
    return page(request, "portal/leavers/leavers.html", {"rows": rows, "pager": paged})


@for_readers_of_the_ledger
def leaver_page(request: Request, person: Person, now: datetime) -> HttpResponse:
    """Show what a person who has left held, and who has it now."""
    held = leaver_queries.load_held([person.pk], now)[person.pk]
    by_kind = groupby(sorted(held, key=lambda row: row.kind), key=lambda row: row.kind)
    context: Shape = {
        "person": person,
        "waits": sum(row.waits for row in held),
        "parts": [{"title": kind, "rows": list(rows)} for kind, rows in by_kind],
    }
    return page(request, "portal/leavers/leaver.html", context)
