"""Search of the top bar, over everything the reader may see."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.texts import free_text
from governance.portal.search.queries import Group, search_all, submissions_matching
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request


@require_GET
def search(request: Request) -> HttpResponse:
    """Show a few rows of each kind, or with ``?only=submissions`` pages of submissions, which have no other list."""
    query, path, now = request.GET, reverse("search"), request.now()
    words, typed = pager.words_of(query), free_text.name(query.get("q", ""))[:200]
    context = {"action": path, "words": typed, "searched": bool(words)}
    if words and query.get("only") == "submissions":
        paged = pager.newest_first(submissions_matching(words, request.actor, now), query, path)
        context |= {
            "groups": [Group("Submissions", paged.rows, more=False, href="")] if paged.rows else [],
            "all_href": f"{path}?{urlencode({'q': typed})}",
            "pager": paged,
        }
    else:
        context["groups"] = search_all(words, actor=request.actor, now=now)
    return page(request, "portal/search/search.html", context, fragment="found")
