"""Webhooks of a team or of the whole organisation: events, addresses and deliveries."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import InvalidInput, Permission, access
from governance.core.engine.transition import Transition
from governance.core.models import Team, WebhookEndpoint, WebhookFormat, WebhookState
from governance.core.timeline import queries as timeline_queries
from governance.core.webhooks import signing_keys
from governance.core.webhooks import transitions as webhook_transitions
from governance.core.webhooks.webhook_outbox import CHOICES, EVENTS, TEST
from governance.web.components.facts import Fact
from governance.web.pages.page import confirm, finish, page
from governance.web.requests.request import Request

#: Most messages on an endpoint's page.
MOST = 25

#: Session key of the endpoint with a signing key to show once.
SHOWN_NEXT = "webhook_key_shown_next"


class WebhookForm(forms.Form):
    """Address, format and events of a webhook."""

    url = forms.CharField(
        label="Address",
        max_length=1000,
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        help_text="It is stored encrypted and never shown again.",
    )
    shape = forms.ChoiceField(label="Format", choices=WebhookFormat.choices, widget=forms.RadioSelect)
    events = forms.MultipleChoiceField(label="Events", choices=CHOICES, widget=forms.CheckboxSelectMultiple)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_list(request: Request, pk: int | None = None) -> HttpResponse:
    """List the webhooks of a team or of the organisation, with a form for a new one. Its page shows its key once."""
    team = get_object_or_404(Team, pk=pk) if pk is not None else None
    if not _may_read(request, team):
        raise Http404
    now, subject = request.now(), team or WebhookEndpoint(team=None)
    add: Transition[Any] = webhook_transitions.add_webhook if team else webhook_transitions.add_for_all
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = add(subject, actor=request.actor, now=now, **form.cleaned_data)
        except InvalidInput as error:
            form.add_error(None, error.refusal.sentence)
        else:
            request.session[SHOWN_NEXT] = made.pk
            return finish(request, add, "webhook", made.pk)
    may_add = add.refusal(subject, actor=request.actor, now=now) is None
    if request.method == "POST" and not may_add:  # the refusal is recorded
        add(subject, actor=request.actor, now=now, url="", shape="", events=())
    rows = WebhookEndpoint.objects.filter(team=team).exclude(state=WebhookState.REMOVED).order_by("pk")
    context = {
        "above": _page_above(request, team),
        "team": team,
        "webhooks": [(endpoint, _told(endpoint)) for endpoint in rows],
        "form": form if may_add else None,
    }
    return page(request, "portal/webhooks/webhooks.html", context, status=422 if form.errors else 200)


def _may_read(request: Request, team: Team | None) -> bool:
    """Whether the reader manages these webhooks or reads the ledger, which holds everything except the addresses."""
    grants = ((Permission.WEBHOOK_MANAGE, team), (Permission.LEDGER_READ, None))
    return any(access.may(request.actor, permission, subject, now=request.now()) for permission, subject in grants)


def _page_above(request: Request, team: Team | None) -> tuple[str, str]:
    """Address and label of the team or of people; for a lead without access to those, of their own page."""
    if not access.may(request.actor, Permission.LEDGER_READ, None, now=request.now()):
        return "me", "Your page"
    return (team.href, team.name) if team is not None else ("people", "People")


def _list_href(endpoint: WebhookEndpoint) -> str:
    return reverse("team_webhooks", args=[endpoint.team_id]) if endpoint.team_id else reverse("webhooks")


def _load_endpoint(request: Request, pk: int) -> WebhookEndpoint:
    endpoint = get_object_or_404(WebhookEndpoint.objects.select_related("team", "made_by"), pk=pk)
    if not _may_read(request, endpoint.team):
        raise Http404
    return endpoint


#: Operations of an endpoint's page by URL name, each with the label of its button.
OPERATIONS: Mapping[str, tuple[str, Transition[WebhookEndpoint]]] = {
    "webhook_test": ("Send a test", webhook_transitions.send_test),
    "webhook_pause": ("Pause", webhook_transitions.pause),
    "webhook_resume": ("Resume", webhook_transitions.resume),
    "webhook_renew_key": ("Renew the key", webhook_transitions.renew_key),
    "webhook_remove": ("Remove", webhook_transitions.remove),
}


@require_GET
def webhook(request: Request, pk: int) -> HttpResponse:
    """Show an endpoint with its last messages; a new signing key is shown once."""
    endpoint, now = _load_endpoint(request, pk), request.now()
    is_new = request.session.get(SHOWN_NEXT) == endpoint.pk
    if is_new:
        del request.session[SHOWN_NEXT]
    facts = [
        Fact(endpoint.host, "Host"),
        Fact(endpoint.get_format_display(), "Takes"),
        Fact(_told(endpoint), "Gets"),
        Fact(endpoint.made_by.name, "Added by"),
    ]
    if _checks_key(endpoint):
        facts.append(Fact(f"number {endpoint.key_number}", "Signing key"))
    context = {
        "list_href": _list_href(endpoint),
        "webhook": endpoint,
        "facts": facts,
        "key": signing_keys.shown(endpoint.opaque_id, endpoint.key_number) if is_new and _checks_key(endpoint) else "",
        "buttons": [
            {"action": reverse(name, args=[endpoint.pk]), "label": label, "asks": name == "webhook_remove"}
            for name, (label, verb) in OPERATIONS.items()
            if (name != "webhook_renew_key" or _checks_key(endpoint))
            and verb.refusal(endpoint, actor=request.actor, now=now) is None
        ],
        "deliveries": [(row, EVENTS[row.event].heading) for row in endpoint.deliveries.order_by("-pk")[:MOST]],
        "test": TEST,
        "events": timeline_queries.shapes(endpoint, actor=request.actor, now=now, limit=20),
    }
    return page(request, "portal/webhooks/webhook.html", context)


def _told(endpoint: WebhookEndpoint) -> str:
    return ", ".join(EVENTS[event].heading for event in endpoint.events)


def _checks_key(endpoint: WebhookEndpoint) -> bool:
    """Whether the receiver can check a signature: Slack and Teams do not, so their page shows no key."""
    return endpoint.format == WebhookFormat.JSON


@require_POST
def webhook_operation(request: Request, pk: int, name: str) -> HttpResponse:
    """Run the operation of a button. A new signing key is shown once."""
    endpoint = _load_endpoint(request, pk)
    OPERATIONS[name][1](endpoint, actor=request.actor, now=request.now())
    if name == "webhook_renew_key":
        request.session[SHOWN_NEXT] = endpoint.pk
    return finish(request, OPERATIONS[name][1], endpoint.href)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_remove(request: Request, pk: int) -> HttpResponse:
    """Remove an endpoint and its address, after a question, because the address can't be restored."""
    endpoint = _load_endpoint(request, pk)
    return confirm(
        request,
        endpoint,
        webhook_transitions.remove,
        title=f"Remove {endpoint}?",
        text="It gets no message again, and its address is forgotten. To stop it for a while, pause it.",
        label="Remove it",
        done=_list_href(endpoint),
        reason="",
    )
