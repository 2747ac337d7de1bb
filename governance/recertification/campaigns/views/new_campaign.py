"""Opening a campaign: a filter in the address, a preview, then a name and a reason (R1, R2)."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from approvals.models import GrantUsage
from governance.core.access import InvalidInput, Refused
from governance.core.clock import business_time, deadlines
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.models import Person, Team
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import deadline_words
from governance.recertification.items import schedule
from governance.recertification.models import Campaign
from governance.web.pages.page import Shape, page, refused
from governance.web.requests.request import Request, number
from inventory.models import AutomationKind, DataClass, Environment, Resource

#: Most people and resources to choose from; the one in the address is always offered.
OFFERED = 200
#: Days until the form's first deadline.
DAYS = 14

ANY = [("", "Any")]
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class Filter(forms.Form):
    """Scope and deadline of a campaign, kept in the address."""

    use_required_attribute = False

    about = forms.ChoiceField(choices=list(scope.ABOUT.items()), label="Review", required=False)
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
    unused_days = forms.IntegerField(
        min_value=1,
        max_value=400,
        required=False,
        label="Not used for days",
        help_text="Of what is measured: not measured is not unused.",
    )
    reviewed_before = forms.DateField(label="Neither approved nor reviewed since", required=False, widget=DAY)
    until = forms.DateField(label="Answer by", required=False, widget=DAY)

    def __init__(self, data: QueryDict, *, now: datetime) -> None:
        given = data.copy()
        given.setdefault("until", first_deadline(now).isoformat())
        given.setdefault("about", scope.GRANTS)
        super().__init__(given)
        teams = Team.objects.order_by("name", "pk").values_list("pk", "name")
        self._choices("team", teams)
        resources = Resource.objects.order_by("name", "pk").values_list("pk", "name")
        self._choices("resource", resources, given.get("resource"))
        people = Person.objects.filter(is_active=True, left_at__isnull=True)
        if not GrantUsage.objects.exists():
            self.fields[
                "unused_days"
            ].help_text = "Use is not measured in this installation yet, so this finds nothing."
        self._choices("owner", people.order_by("name", "pk").values_list("pk", "name"), given.get("owner"))

    def _choices(self, name: str, rows: Any, chosen: str | None = None) -> None:
        choices = list(rows[:OFFERED])
        key = number(chosen)
        if key is not None and key not in dict(choices):
            choices += list(rows.filter(pk=key))
        field = self.fields[name]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [*ANY, *((str(pk), label) for pk, label in choices)]

    @property
    def scope(self) -> Scope:
        """The scope of a valid form."""
        values = dict(self.cleaned_data)
        values.pop("until")
        day = values.pop("reviewed_before")
        values["about"] = values["about"] or scope.GRANTS
        return Scope(**values, reviewed_before=day.isoformat() if day is not None else "")


class Opening(forms.Form):
    """Name and reason of a new campaign."""

    use_required_attribute = False

    name = forms.CharField(max_length=160, help_text="Every mail about it shows the name.")
    reason = forms.CharField(
        label="Why",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Reviewers read it, and it stays on record.",
    )


def first_deadline(now: datetime) -> date:
    """The deadline that the form offers first."""
    zone, holidays = organisation_zone(), organisation_holidays()
    return deadlines.end_of_working_day(now + timedelta(days=DAYS), zone, holidays).astimezone(zone).date()


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Show the filter with its preview, and open the campaign."""
    now, verb = business_time.now(), campaign_transitions.order_campaign
    sent = request.POST if request.method == "POST" else None
    refusal = verb.refusal(Campaign(name="New campaign"), actor=request.actor, now=now)
    if (
        refusal is not None and refusal.kind == "permission"
    ):  # before anything sent is read: the preview would show everybody's work
        if sent is not None:
            with suppress(Refused):  # a refused attempt is recorded (H1)
                verb(
                    Campaign(name="New campaign"), actor=request.actor, now=now, campaign_scope=Scope(), day=now.date()
                )
        return refused(request, refusal, context={"typed": request.POST.get("reason", "")})
    form, opening = Filter(request.GET if sent is None else sent, now=now), Opening(sent)
    if form.is_valid() and opening.is_valid():
        name, reason = opening.cleaned_data["name"], opening.cleaned_data["reason"]
        day = form.cleaned_data["until"] or first_deadline(now)
        try:
            made = verb(
                Campaign(name=name), actor=request.actor, now=now, reason=reason, campaign_scope=form.scope, day=day
            )
        except InvalidInput as error:
            opening.add_error(None, error.refusal.words)
        except Refused as error:
            return refused(request, error.refusal, context={"typed": reason})
        else:
            return redirect(made.href)
    context = _context(form, opening, now)
    return page(request, "recertification/campaigns/new_campaign.html", context, status=200 if sent is None else 422)


def _context(form: Filter, opening: Opening, now: datetime) -> Shape:
    context: Shape = {
        "now": now,
        "head": {"title": "Open a campaign", "facts": ["what is reviewed before its time, and why"]},
        "form": form,
        "opening": opening,
        "kept": {},
        "preview": None,
    }
    if not form.is_valid():
        return context
    until = form.cleaned_data["until"] or first_deadline(now)
    chosen = schedule.times_for_day(until, now=now, zone=organisation_zone(), holidays=organisation_holidays())
    if chosen is None:
        form.add_error("until", deadline_words(now))
        return context
    estimate = campaign_queries.preview_campaign(form.scope, chosen["high"].deadline, now)
    kept = {**form.scope.to_dict(), "until": until.isoformat()}
    return {**context, "kept": kept, "preview": estimate, "scope": scope.scope_sentence(form.scope)}
