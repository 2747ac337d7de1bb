"""The reader's notices in the portal, and the mail that they get about them."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.mail import mail_text
from governance.core.notices import mail_choices
from governance.portal.notifications import queries
from governance.portal.view_guards.decorators import reader
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request


@require_GET
def notifications(request: Request) -> HttpResponse:
    """List the reader's notices, newest first."""
    person, now = reader(request), request.now()
    rows = queries.notices_of(person, now)
    paged = pager.by_column(rows, request.GET, reverse("notifications"), "created_at", descending=True)
    context = {
        "lines": [queries.line_of(notice, person) for notice in paged.rows],
        "pager": paged,
        "has_unread": queries.unread_notices(request.actor, now).exists(),
    }
    return page(request, "portal/notifications/notifications.html", context)


@require_POST
def notification_open(request: Request, pk: int) -> HttpResponse:
    """Mark a notice as read and go to its page."""
    now = request.now()
    notice = get_object_or_404(queries.kept_notices(reader(request), now), pk=pk)
    queries.unread_notices(request.actor, now).filter(queries.like(notice)).update(read_at=now)
    return redirect(mail_text.path_of(notice.context))


@require_POST
def notifications_read(request: Request) -> HttpResponse:
    """Mark all the reader's notices as read."""
    now = request.now()
    queries.unread_notices(request.actor, now).update(read_at=now)
    messages.success(request, "All notifications are marked as read.")
    return redirect("notifications")


@require_http_methods(["GET", "POST"])
def mail_settings(request: Request) -> HttpResponse:
    """Show which notices the reader gets by mail; a POST changes it."""
    person = reader(request)
    if request.method == "POST":
        mail_choices.choose(person, request.POST.getlist("event"))
        messages.success(request, "Saved. Notifications in the portal stay complete.")
        return redirect("my_mail")
    context = {"subjects": queries.load_choices(person)}
    return page(request, "portal/notifications/mail_settings.html", context)
