"""Tokens for programs: mine, those of teams that I lead, and, on a person's page, theirs. A secret is on one answer, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.intake.views.forms import teams_of
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import DutyConflict, InvalidInput
from governance.core.models import ApiToken, Person, Team
from governance.core.models.tokens import TOKEN_DAYS, ApiTokenQuerySet
from governance.core.roles.roles import Permission
from governance.core.tokens import transitions as token_transitions
from governance.portal.view_guards.decorators import answers_refusals, back, reader
from governance.web.components import times
from governance.web.pages.page import page, sign_in_again
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number

Shape = dict[str, Any]

#: For how long a token can be made, in days.
TERMS = (7, 30, TOKEN_DAYS)


class TokenForm(forms.Form):
    """What a token is for, and for how long."""

    use_required_attribute = False

    name = forms.CharField(
        max_length=80,
        label="What it is for",
        help_text="The program or pipeline that will hold it.",
        error_messages={"required": "Say what it is for."},
    )
    team = forms.ChoiceField(
        label="Reaches", required=False, help_text="For a pipeline choose the team: it sees nothing of other teams."
    )
    days = forms.ChoiceField(label="Ends after", choices=[(str(one), f"{one} days") for one in TERMS], initial="30")

    def __init__(self, *args: Any, teams: Iterable[Team], **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "What I may bring in and see"), *((str(one.pk), f"{one.name} only") for one in teams)]


def seen_by(actor: Actor, now: datetime) -> ApiTokenQuerySet:
    """Tokens that somebody may know of: their own, those of teams that they lead, and all for readers of the ledger."""
    known = ApiToken.objects.select_related("person", "team")
    if access.may(actor, Permission.LEDGER_READ, None, now=now):
        return known
    return known.filter(Q(person=actor.person) | Q(team__lead=actor.person) | Q(team__deputy_lead=actor.person))


def shapes(found: Iterable[ApiToken], actor: Actor, now: datetime) -> list[Shape]:
    """Tokens as ``portal/tokens/token_list.html`` draws them."""
    return [_shape(one, actor, now) for one in found]


def _shape(one: ApiToken, actor: Actor, now: datetime) -> Shape:
    whose = "" if one.person == actor.person else f"{one.person.name}, "
    last = one.last_used_at
    used = f"used {times.distance_words(last, business_time.real())}" if last is not None else "not used yet"
    may = token_transitions.revoke_token.refusal(one, actor=actor, now=now) is None
    return {
        "name": one.name or "A token",
        "shown": f"{one.shown}…",
        "reach": f"{whose}{one.team.name + ' only' if one.team is not None else 'personal'}",
        "used": used,
        "expires_at": one.expires_at,
        "revoke": reverse("token_revoke", args=[one.pk]) if may else "",
    }


def of_person(one: Person, actor: Actor, now: datetime) -> list[Shape]:
    """What opens something for a person's programs, for whoever reads their page."""
    return shapes(seen_by(actor, now).live(business_time.real()).filter(person=one), actor, now)


@require_http_methods(["GET", "POST"])
@answers_refusals
def my_tokens(request: Request) -> HttpResponse:
    """My tokens; a post makes one, and its answer alone holds the secret."""
    one = Person.objects.get(pk=reader(request).pk)
    form = TokenForm(request.POST or None, teams=teams_of(one))
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    given, secret = form.cleaned_data, token_transitions.new_secret()
    team = next((team for team in teams_of(one) if team.pk == number(given["team"])), None)
    try:
        made: object = token_transitions.make_token(
            one,
            actor=request.actor,
            now=business_time.now(),
            name=given["name"],
            secret=secret,
            days=int(given["days"]),
            team=team,
        )
    except InvalidInput as no:
        for name, said in no.refusal.detail:
            form.add_error(name, said)
        return _page(request, form)
    except DutyConflict as no:  # the page says it, and keeps what was typed
        return _page(request, form, status=no.status)
    assert isinstance(made, ApiToken)  # the subject is the person, what is made is the token
    return _page(request, TokenForm(teams=teams_of(one)), {"secret": secret, "expires_at": made.expires_at})


def _page(request: Request, form: TokenForm, made: Shape | None = None, status: int = 200) -> HttpResponse:
    one, now = reader(request), business_time.now()
    refusal = token_transitions.make_token.refusal(one, actor=request.actor, now=now)
    live = ApiToken.objects.live(business_time.real()).select_related("person", "team")
    led = live.filter(Q(team__lead=one) | Q(team__deputy_lead=one)).exclude(person=one)
    context = {
        "head": {"title": "Tokens for programs", "facts": []},
        "crumbs": [{"label": "Your page", "href": reverse("me")}, {"label": "Tokens", "href": ""}],
        "form": form,
        "made": made,
        "tokens": shapes(live.filter(person=one), request.actor, now),
        "led": shapes(led, request.actor, now),
        "back": reverse("my_tokens"),
        "refusal": refusal,
        "sign_in_href": sign_in_again(request, back_href=reverse("my_tokens")) if refusal is not None else "",
    }
    return page(request, "portal/tokens/tokens.html", context, status=422 if form.errors else status)


@require_POST
@answers_refusals
def token_revoke(request: Request, pk: int) -> HttpResponse:
    """Have a token open nothing any more, at once."""
    now = business_time.now()
    one = get_object_or_404(seen_by(request.actor, now), pk=pk)
    token_transitions.revoke_token(one, actor=request.actor, now=now)
    return redirect(back(request) or reverse("my_tokens"))
