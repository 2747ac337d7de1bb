"""Calendar of the next three months, for the reader or for everybody, also as a file (R1, R5)."""

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from governance.core.access import Permission, access
from governance.core.clock import icalendar_file
from governance.core.clock.organisation import organisation_zone
from governance.recertification.calendar import queries as calendar_queries
from governance.recertification.items import notices
from governance.web.pages import pager
from governance.web.pages.page import calendar_file, page
from governance.web.requests.request import Request

WHOSE = [("", "Mine"), ("all", "Everybody’s")]


@require_GET
def calendar(request: Request) -> HttpResponse:
    """Show the coming weeks: opening items by tier, and due questions."""
    now = request.now()
    may_read_all = access.may(request.actor, Permission.CAMPAIGN_READ, None, now=now)
    is_all = may_read_all and request.GET.get("whose") == "all"
    people = None if is_all else access.answers_as(request.actor, now)
    weeks = calendar_queries.weeks(now, organisation_zone(), people)
    most = max([*(week.count for week in weeks), 1])
    return page(
        request,
        "recertification/calendar/calendar.html",
        {
            "chips": pager.chips(request.path, request.GET, "whose", WHOSE) if may_read_all else [],
            "rows": [{"week": week, "percent": week.count / most * 100} for week in weeks],
            "is_all": is_all,
            "is_empty": not any(week.count or week.due for week in weeks),
        },
    )


@require_GET
def deadlines(request: Request) -> HttpResponse:
    """Send the reader's due dates as a calendar file, with the same events as in mails."""
    me = request.actor.person
    assert me is not None  # the page needs a sign-in
    now = request.now()
    events, name = notices.events_of_person(me, now), f"Countersign, {settings.ORGANISATION}"
    return calendar_file(icalendar_file.calendar(events, name=name, now=now))
