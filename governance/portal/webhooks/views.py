"""Webhooks of a team, or of the whole organisation: what is told where, whether it arrives, and how that changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import access
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput
from governance.core.engine.transition import Transition
from governance.core.models import Team, WebhookEndpoint, WebhookFormat, WebhookState
from governance.core.roles.roles import Permission
from governance.core.timeline import queries as timeline_queries
from governance.core.webhooks import signing_keys
from governance.core.webhooks import transitions as webhook_transitions
from governance.core.webhooks.webhook_events import CHOICES, EVENTS, TEST
from governance.portal.view_guards.decorators import answers_refusals
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request

Shape = dict[str, Any]

#: Messages that an endpoint's page lists.
MOST = 25

#: The session's name of the endpoint whose signing key its maker has not been shown yet.
SHOWN_NEXT = "webhook_key_shown_next"


class WebhookForm(forms.Form):
    """What is told, where, and in which shape."""

    url = forms.CharField(
        label="Address",
        max_length=1000,
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        help_text="It is kept sealed, and shown to nobody again.",
    )
    shape = forms.ChoiceField(
        label="What the other side takes", choices=WebhookFormat.choices, widget=forms.RadioSelect
    )
    events = forms.MultipleChoiceField(label="What is told", choices=CHOICES, widget=forms.CheckboxSelectMultiple)


@require_http_methods(["GET", "HEAD", "POST"])
@answers_refusals
def for_all(request: Request) -> HttpResponse:
    """The whole organisation's."""
    if not _reads(request, None):
        raise Http404
    return _list(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@answers_refusals
def of_team(request: Request, pk: int) -> HttpResponse:
    """A team's."""
    team = get_object_or_404(Team, pk=pk)
    if not _reads(request, team):
        raise Http404
    return _list(request, team)


def _reads(request: Request, team: Team | None) -> bool:
    """Whether the reader manages them, or reads the ledger, which has it all but the addresses."""
    now = business_time.now()
    asked = ((Permission.WEBHOOK_MANAGE, team), (Permission.LEDGER_READ, None))
    return any(access.may(request.actor, permission, subject, now=now) for permission, subject in asked)


def _list(request: Request, team: Team | None) -> HttpResponse:
    """What is there, with the form for one more; added, its own page shows the key once."""
    now = business_time.now()
    add: Transition[Any] = webhook_transitions.add_webhook if team else webhook_transitions.add_for_all
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        subject = team or WebhookEndpoint(team=None)
        try:
            made = add(subject, actor=request.actor, now=now, **form.cleaned_data)
        except InvalidInput as no:
            form.add_error(None, no.refusal.sentence)
        else:
            request.session[SHOWN_NEXT] = made.pk
            return redirect("webhook", made.pk)
    rows = WebhookEndpoint.objects.filter(team=team).exclude(state=WebhookState.REMOVED).order_by("pk")
    may_add = add.refusal(team or WebhookEndpoint(team=None), actor=request.actor, now=now) is None
    if request.method == "POST" and not may_add:
        add(team or WebhookEndpoint(team=None), actor=request.actor, now=now, url="", shape="", events=())
    context = {
        "crumbs": _crumbs(request, team),
        "head": {"title": f"Webhooks of {team.name}" if team else "Webhooks of the whole organisation", "facts": []},
        "webhooks": [
            {
                "href": one.href,
                "name": str(one),
                "words": ", ".join(EVENTS[event].heading for event in one.events),
                "state": one.state,
                "why": one.paused_why,
            }
            for one in rows
        ],
        "form": form if may_add else None,
    }
    return page(request, "portal/webhooks/webhooks.html", context, status=422 if form.errors else 200)


def _crumbs(request: Request, team: Team | None) -> list[Shape]:
    """Back to where it is linked from: the team or the people, or the page of a lead, who does not see those."""
    above = {"label": "Your page", "href": reverse("me")}
    if access.may(request.actor, Permission.LEDGER_READ, None, now=business_time.now()):
        above = {"label": "People", "href": reverse("people")}
        if team is not None:
            above = {"label": team.name, "href": reverse("team", args=[team.pk])}
    return [above, {"label": "Webhooks", "href": ""}]


def _home_of(one: WebhookEndpoint) -> str:
    return reverse("team_webhooks", args=[one.team_id]) if one.team_id else reverse("webhooks")


def _one(request: Request, pk: int) -> WebhookEndpoint:
    one = get_object_or_404(WebhookEndpoint.objects.select_related("team", "made_by"), pk=pk)
    if not _reads(request, one.team):
        raise Http404
    return one


#: The buttons of an endpoint's page: the address of each, its words, and what it does.
BUTTONS: tuple[tuple[str, str, Transition[WebhookEndpoint]], ...] = (
    ("webhook_test", "Send a test", webhook_transitions.send_test),
    ("webhook_pause", "Pause", webhook_transitions.pause),
    ("webhook_resume", "Resume", webhook_transitions.resume),
    ("webhook_renew_key", "Renew the key", webhook_transitions.renew_key),
    ("webhook_remove", "Remove", webhook_transitions.remove),
)


@require_GET
def webhook(request: Request, pk: int) -> HttpResponse:
    """One endpoint and what was sent there last; just added or renewed, its signing key, once."""
    one, now = _one(request, pk), business_time.now()
    is_new = request.session.get(SHOWN_NEXT) == one.pk
    if is_new:
        del request.session[SHOWN_NEXT]
    context = {
        "crumbs": [{"label": "Webhooks", "href": _home_of(one)}, {"label": str(one), "href": ""}],
        "head": {"title": str(one), "facts": [one.team.name if one.team else "The whole organisation"]},
        "state": one.state,
        "why": one.paused_why,
        "facts": _facts(one),
        "key": signing_keys.shown(one.opaque_id, one.key_number) if is_new and _checks_key(one) else "",
        "buttons": [
            {"action": reverse(name, args=[one.pk]), "label": label, "asks": verb is webhook_transitions.remove}
            for name, label, verb in BUTTONS
            if (verb is not webhook_transitions.renew_key or _checks_key(one))
            and verb.refusal(one, actor=request.actor, now=now) is None
        ],
        "deliveries": _deliveries(one),
        "events": timeline_queries.shapes(one, reader=request.actor.person, limit=20),
    }
    return page(request, "portal/webhooks/webhook.html", context)


def _checks_key(one: WebhookEndpoint) -> bool:
    """Whether the other side can check a signature: Slack and Teams take theirs and look at none, so their page names no key."""
    return one.format == WebhookFormat.JSON


def _facts(one: WebhookEndpoint) -> list[Shape]:
    facts = [
        {"label": "Host", "text": one.host},
        {"label": "Takes", "text": one.get_format_display()},
        {"label": "Is told", "text": ", ".join(EVENTS[event].heading for event in one.events)},
        {"label": "Added by", "text": one.made_by.name},
    ]
    return facts + ([{"label": "Signing key", "text": f"number {one.key_number}"}] if _checks_key(one) else [])


def _deliveries(one: WebhookEndpoint) -> list[Shape]:
    return [
        {
            "title": EVENTS[row.event].heading,
            "what": row.context.get("what", "") if row.event != TEST else "",
            "at": _latest(row.sent_at, row.created_at),
            "state": row.state,
            "why": row.error,
            "status": row.status or "",
            "attempts": row.attempts,
        }
        for row in one.deliveries.order_by("-pk")[:MOST]
    ]


def _latest(sent_at: datetime | None, created_at: datetime) -> datetime:
    return sent_at or created_at


def _press(request: Request, pk: int, verb: Transition[WebhookEndpoint]) -> HttpResponse:
    one = _one(request, pk)
    verb(one, actor=request.actor, now=business_time.now())
    if verb is webhook_transitions.renew_key:
        request.session[SHOWN_NEXT] = one.pk
    return redirect(_home_of(one) if verb is webhook_transitions.remove else one.href)


@require_POST
@answers_refusals
def webhook_test(request: Request, pk: int) -> HttpResponse:
    """Send a message that says that it is a test."""
    return _press(request, pk, webhook_transitions.send_test)


@require_POST
@answers_refusals
def webhook_pause(request: Request, pk: int) -> HttpResponse:
    """Have it told nothing for a while."""
    return _press(request, pk, webhook_transitions.pause)


@require_POST
@answers_refusals
def webhook_resume(request: Request, pk: int) -> HttpResponse:
    """Have it told again."""
    return _press(request, pk, webhook_transitions.resume)


@require_POST
@answers_refusals
def webhook_renew_key(request: Request, pk: int) -> HttpResponse:
    """Sign with another key from now on, which is shown once."""
    return _press(request, pk, webhook_transitions.renew_key)


@require_http_methods(["GET", "HEAD", "POST"])
@answers_refusals
def webhook_remove(request: Request, pk: int) -> HttpResponse:
    """Have it told nothing again, and forget its address; after a question, because the address can't be had back."""
    if request.method == "POST":
        return _press(request, pk, webhook_transitions.remove)
    one = _one(request, pk)
    no = webhook_transitions.remove.refusal(one, actor=request.actor, now=business_time.now())
    if no is not None:
        return refused(request, no, context={"back_href": one.href})
    ask = {
        "id": "webhook",
        "title": f"Remove {one}?",
        "text": "It is told nothing again, and its address is forgotten: to have it told anew, it is added anew. To stop it for a while, pause it.",
        "action": request.path,
        "label": "Remove it",
        "kind": "danger",
    }
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": one.href})
