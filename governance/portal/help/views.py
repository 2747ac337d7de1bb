"""Help: the two decisions, the rules in plain words, and the glossary."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from governance.core.models import ClosedIntroduction
from governance.portal.help import queries
from governance.portal.view_guards.decorators import reader
from governance.web.pages.page import page
from governance.web.requests.request import Request


@require_GET
def start(request: Request) -> HttpResponse:
    """Explain the two decisions."""
    return page(request, "portal/help/help.html")


@require_GET
def rule_list(request: Request) -> HttpResponse:
    """List the rules in plain words."""
    return page(request, "portal/help/rule_list.html", {"groups": queries.rule_groups()})


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """Show one rule; as a fragment, in the place of the "Why?" link."""
    entry = queries.find_rule(code)
    if entry is None:
        raise Http404
    return page(request, "portal/help/rule.html", {"rule": entry}, fragment="why")


@require_GET
def glossary(request: Request) -> HttpResponse:
    """Show the glossary."""
    return page(request, "portal/help/glossary.html", {"sections": queries.glossary()})


@require_POST
def introduction_close(request: Request) -> HttpResponse:
    """Close the introduction on the reader's Home for good."""
    ClosedIntroduction.objects.get_or_create(person=reader(request))
    return redirect("home")
