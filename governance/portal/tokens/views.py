"""Tokens for programs: the reader's, their teams', and another person's. A secret is shown once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from governance.core.access import Actor, InvalidInput, Permission, access
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict
from governance.core.models import ApiToken, Person, Team
from governance.core.models.tokens import TOKEN_DAYS, ApiTokenQuerySet
from governance.core.teams.queries import teams_of
from governance.core.tokens import transitions as token_transitions
from governance.portal.view_guards.decorators import reader, return_path
from governance.web.pages.page import Shape, finish, page, sign_in_again
from governance.web.requests.request import Request, number

#: Possible terms of a token, in days.
TERMS = (7, 30, TOKEN_DAYS)


class TokenForm(forms.Form):
    """Purpose, reach and term of a token."""

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
    days = forms.ChoiceField(label="Ends after", choices=[(str(days), f"{days} days") for days in TERMS], initial="30")

    def __init__(self, *args: Any, teams: Iterable[Team], **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "What I may import and see"), *((str(team.pk), f"{team.name} only") for team in teams)]


def visible_tokens(actor: Actor, now: datetime) -> ApiTokenQuerySet:
    """Visible tokens: the reader's own, those of teams they lead, and all for readers of the ledger."""
    tokens = ApiToken.objects.select_related("person", "team")
    if access.may(actor, Permission.LEDGER_READ, None, now=now):
        return tokens
    return tokens.filter(Q(person=actor.person) | Q(team__lead=actor.person) | Q(team__deputy_lead=actor.person))


def token_rows(tokens: Iterable[ApiToken], actor: Actor, now: datetime) -> list[Shape]:
    """Rows of ``portal/tokens/token_list.html``: each token, and whether the reader may revoke it."""
    verb = token_transitions.revoke_token
    return [{"token": row, "may_revoke": verb.refusal(row, actor=actor, now=now) is None} for row in tokens]


def tokens_of_person(person: Person, actor: Actor, now: datetime) -> list[Shape]:
    """A person's live tokens, for readers of their page."""
    return token_rows(visible_tokens(actor, now).live(current_time.real()).filter(person=person), actor, now)


@require_http_methods(["GET", "POST"])
def my_tokens(request: Request) -> HttpResponse:
    """List the reader's tokens; a POST creates one and shows its secret once."""
    person = Person.objects.get(pk=reader(request).pk)
    form = TokenForm(request.POST or None, teams=teams_of(person))
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    given, secret, now = form.cleaned_data, token_transitions.new_secret(), request.now()
    team = next((team for team in teams_of(person) if team.pk == number(given["team"])), None)
    wanted = {"name": given["name"], "secret": secret, "days": int(given["days"]), "team": team}
    try:
        made: object = token_transitions.make_token(person, actor=request.actor, now=now, **wanted)
    except InvalidInput as error:
        for name, sentence in error.refusal.detail:
            form.add_error(name, sentence)
        return _page(request, form)
    except DutyConflict as error:  # the page shows the refusal and keeps the input
        return _page(request, form, status=error.status)
    assert isinstance(made, ApiToken)  # the subject is the person, the result is the token
    return _page(request, TokenForm(teams=teams_of(person)), {"secret": secret, "expires_at": made.expires_at})


def _page(request: Request, form: TokenForm, made: Shape | None = None, status: int = 200) -> HttpResponse:
    person, now = reader(request), request.now()
    refusal = token_transitions.make_token.refusal(person, actor=request.actor, now=now)
    real = current_time.real()
    live = ApiToken.objects.live(real).select_related("person", "team")
    led = live.filter(Q(team__lead=person) | Q(team__deputy_lead=person)).exclude(person=person)
    context = {
        "form": form,
        "made": made,
        "tokens": token_rows(live.filter(person=person), request.actor, now),
        "led": token_rows(led, request.actor, now),
        "back": reverse("my_tokens"),
        "real": real,
        "refusal": refusal,
        "sign_in_href": sign_in_again(request, back_href=reverse("my_tokens")) if refusal is not None else "",
    }
    return page(request, "portal/tokens/tokens.html", context, status=422 if form.errors else status)


@require_POST
def token_revoke(request: Request, pk: int) -> HttpResponse:
    """Revoke a token at once."""
    now = request.now()
    token = get_object_or_404(visible_tokens(request.actor, now), pk=pk)
    token_transitions.revoke_token(token, actor=request.actor, now=now)
    return finish(request, token_transitions.revoke_token, return_path(request) or reverse("my_tokens"))
