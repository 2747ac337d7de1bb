"""Opening a campaign: a filter in the address, a preview of what it would come to, and then a name, a reason, and it begins (R1, R2)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.models import GrantUsage
from governance.core.access import access
from governance.core.clock import business_time, working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.models import Person, Team
from governance.core.roles.roles import Permission
from governance.recertification.campaigns import preview, scope, scope_words
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.campaigns.transitions.open_campaign import deadline_words
from governance.recertification.items import schedule
from governance.recertification.models import Campaign
from governance.web.components import times
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import AutomationKind, DataClass, Environment, Resource

Shape = dict[str, Any]

#: People and resources that the form offers to choose from; one that an address names is offered too.
OFFERED = 200
#: Days that the form begins with.
DAYS = 14
#: Reviewers that the preview lists.
LISTED = 12

ANY = [("", "Any")]


class Filter(forms.Form):
    """What a campaign is about, and until when. It lives in the address."""

    use_required_attribute = False

    about = forms.ChoiceField(choices=list(scope_words.ABOUT.items()), label="Review", required=False)
    tier = forms.ChoiceField(
        choices=[*ANY, ("high", "High"), ("standard", "Standard"), ("low", "Low")], label="Risk", required=False
    )
    team = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, help_text="With the teams below it.")
    resource = forms.TypedChoiceField(coerce=int, empty_value=None, required=False)
    data_class = forms.ChoiceField(choices=[*ANY, *DataClass.choices], label="Data class", required=False)
    kind = forms.ChoiceField(choices=[*ANY, *AutomationKind.choices], label="Kind of automation", required=False)
    environment = forms.ChoiceField(choices=[*ANY, *Environment.choices], required=False)
    owner = forms.TypedChoiceField(
        coerce=int, empty_value=None, required=False, help_text="Of the automation, or of the resource."
    )
    connector = forms.CharField(max_length=80, required=False, help_text="As the source names it: slack.")
    code = forms.CharField(
        max_length=120, required=False, label="Form of access", help_text="For instance message:post."
    )
    unused_days = forms.IntegerField(
        min_value=1,
        max_value=400,
        required=False,
        label="Not used for days",
        help_text="Of what is measured: not measured is not unused.",
    )
    reviewed_before = forms.DateField(
        required=False,
        label="Neither approved nor reviewed since",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label="Answer by", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, data: QueryDict, *, now: datetime) -> None:
        given = data.copy()
        given.setdefault("until", begins_with(now).isoformat())
        given.setdefault("about", scope.GRANTS)
        super().__init__(given)
        teams = Team.objects.order_by("name", "pk").values_list("pk", "name")
        self._choices("team", teams)
        resources = Resource.objects.order_by("name", "pk").values_list("pk", "name")
        self._choices("resource", resources, given.get("resource"))
        here = Person.objects.filter(is_active=True, left_at__isnull=True)
        if not GrantUsage.objects.exists():
            self.fields[
                "unused_days"
            ].help_text = "Use is not measured in this installation yet, so this finds nothing."
        self._choices("owner", here.order_by("name", "pk").values_list("pk", "name"), given.get("owner"))

    def _choices(self, name: str, rows: Any, chosen: str | None = None) -> None:
        found = list(rows[:OFFERED])
        key = number(chosen)
        if key is not None and key not in dict(found):
            found += list(rows.filter(pk=key))
        field = self.fields[name]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [*ANY, *((str(pk), label) for pk, label in found)]

    def clean_connector(self) -> str:
        """In small letters, as the scope takes it."""
        said: str = self.cleaned_data["connector"]
        return said.strip().lower()

    @property
    def scope(self) -> Scope:
        """What a valid form says."""
        said = dict(self.cleaned_data)
        said.pop("until")
        day = said.pop("reviewed_before")
        return Scope(**said, reviewed_before=day.isoformat() if day is not None else "")


class Opening(forms.Form):
    """What is said when it is opened."""

    use_required_attribute = False

    name = forms.CharField(max_length=160, help_text="It stands in every mail about it.")
    reason = forms.CharField(
        label="Why",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Whoever is asked reads it, and it stays on record.",
    )


def begins_with(now: datetime) -> date:
    """The day that the form begins with."""
    zone, holidays = organisation_zone(), organisation_holidays()
    return working_days.end_of_working_day(now + timedelta(days=DAYS), zone, holidays).astimezone(zone).date()


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """The filter with its preview, and the form that opens the campaign."""
    now = business_time.now()
    is_post = request.method == "POST"
    if not access.may(request.actor, Permission.CAMPAIGN_OPEN, None, now=now):
        return _refused(request, now)
    form = Filter(request.POST if is_post else request.GET, now=now)
    opening = Opening(request.POST if is_post else None)
    if is_post and form.is_valid() and opening.is_valid():
        try:
            made = open_campaign.order_campaign(
                Campaign(name=opening.cleaned_data["name"]),
                actor=request.actor,
                now=now,
                reason=opening.cleaned_data["reason"],
                about=form.scope,
                day=form.cleaned_data["until"] or begins_with(now),
            )
        except InvalidInput as wrong:
            opening.add_error(None, f"{wrong.refusal.sentence} {wrong.refusal.to_do}".strip())
        except Refused as no_:
            return refused(request, no_.refusal, context={"typed": opening.data.get("reason", "")})
        else:
            return redirect(made.href)
    return page(
        request,
        "recertification/campaigns/new_campaign.html",
        _context(form, opening, now),
        status=422 if is_post else 200,
    )


def _refused(request: Request, now: datetime) -> HttpResponse:
    """What whoever may open none gets, before anything that they sent is read: the preview tells of everybody's work. A try is recorded."""
    draft, verb = Campaign(name="New campaign"), open_campaign.order_campaign
    if request.method == "POST":
        try:
            verb(draft, actor=request.actor, now=now, about=Scope(), day=begins_with(now))
        except Refused as no:
            return refused(request, no.refusal, context={"typed": request.POST.get("reason", "")})
    found = verb.refusal(draft, actor=request.actor, now=now)
    assert found is not None  # the permission is its first question
    return refused(request, found)


def _context(form: Filter, opening: Opening, now: datetime) -> Shape:
    context: Shape = {
        "now": now,
        "crumbs": [{"label": "Campaigns", "href": reverse("campaign_list")}, {"label": "Open a campaign", "href": ""}],
        "head": {"title": "Open a campaign", "facts": ["what is reviewed before its time, and why"]},
        "form": form,
        "opening": opening,
        "kept": {},
        "preview": None,
    }
    if not form.is_valid():
        return context
    until = form.cleaned_data["until"] or begins_with(now)
    chosen = schedule.chosen(until, now=now, zone=organisation_zone(), holidays=organisation_holidays())
    if chosen is None:
        form.add_error("until", deadline_words(now))
        return context
    found = preview.preview(form.scope, chosen["high"].deadline, now)
    kept = {**form.scope.to_dict(), "until": until.isoformat()}
    return {**context, "kept": kept, "preview": _preview(found, form.scope)}


def _preview(found: preview.Preview, about: Scope) -> Shape:
    at_least = "" if found.is_whole else "at least "
    rows = [
        {
            "name": who.name,
            "count": count,
            "words": f"{at_least}{times.counted(count, 'question')}, {found.hours(count)}",
        }
        for who, count in found.people[:LISTED]
    ]
    busiest = found.people[0] if found.people else None
    return {
        "scope": scope_words.sentence(about),
        "count": found.count,
        "total": found.count + found.under_review,
        "figures": [
            {"value": f"{found.grants:,}", "caption": f"{_word(found.grants, 'thing')} that automations may do"},
            {"value": f"{found.automations:,}", "caption": _word(found.automations, "automation")},
            {
                "value": f"{at_least}{len(found.people):,}",
                "caption": f"{_word(len(found.people), 'person', 'people')} asked",
            },
            {"value": f"{found.under_review:,}", "caption": "under review already: joined, not asked twice"},
        ],
        "busiest": f"{busiest[0].name}: {at_least}{times.counted(busiest[1], 'question')}, {found.hours(busiest[1])}"
        if busiest
        else "",
        "people": rows,
        "more": max(0, len(found.people) - LISTED),
        "nobody": found.nobody,
        "too_short": found.too_short,
        "is_whole": found.is_whole,
    }


def _word(number: int, thing: str, things: str = "") -> str:
    """The word beside a figure that stands by itself."""
    return times.counted(number, thing, things).partition(" ")[2]
