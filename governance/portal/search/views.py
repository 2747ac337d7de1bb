"""Search of the top bar, over everything the reader may see."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.texts import free_text
from governance.portal.search.queries import search_all
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request


@require_GET
def search(request: Request) -> HttpResponse:
    """Show a few rows of each kind; each group leads to its register."""
    words, typed = pager.words_of(request.GET), free_text.name(request.GET.get("q", ""))[:200]
    context = {
        "action": reverse("search"),
        "words": typed,
        "searched": bool(words),
        "groups": search_all(words, actor=request.actor, now=request.now()),
    }
    return page(request, "portal/search/search.html", context, fragment="found")
