"""Pages of campaigns: the list, one campaign, and opening one (R1, R2, R5, R6).

The list has open, closed and next scheduled campaigns. A campaign's page shows scope, dates, effect of silence, progress,
late reviewers and outcomes. A campaign opens in three steps: a filter in the address, a preview, then name and reason.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.models import GrantUsage
from approvals.policies import queries as policy_queries
from governance.core.access import InvalidInput, Permission, Refused, access
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.models import Person, Team, TeamKind
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import deadline_words
from governance.recertification.items import answer_deadlines
from governance.recertification.items.notices import ITEM_RELATIONS
from governance.recertification.models.campaign import Campaign, CampaignKind, CampaignState
from governance.recertification.models.item import UNCLOSED, WAITING, Item, ItemOutcome, ItemState, Question
from governance.recertification.quality import views as quality_views
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.page import Shape, finish, page, refused, timeline_context
from governance.web.requests.request import Request, number, visible_row
from inventory.models import AutomationKind, DataClass, Environment, Resource

TEMPLATE = "recertification/campaigns/campaign.html"

#: Most items that each list shows: removed access, and items without a reviewer.
LISTED = 25

SHOW = (("", "Open"), ("overdue", "Overdue"), ("closed", "Closed"))

KINDS = (("scheduled", "By its date"), ("adhoc", "By a person"))

TIERS = (("high", "High"), ("standard", "Standard"), ("low", "Low"))

#: Most people and resources to choose from; the one in the address is always offered.
OFFERED = 200
#: Days until the form's first deadline.
DAYS = 14


@require_GET
def campaign_list(request: Request) -> HttpResponse:
    """List campaigns, newest first; the address holds the filters."""
    now, query, path = request.now(), request.GET, reverse("campaign_list")
    rows = Campaign.objects.visible_to(request.actor, now).select_related("opened_by")
    closed = Q(state=CampaignState.CLOSED)
    rows = rows.filter(closed if query.get("show") == "closed" else ~closed)
    if query.get("show") == "overdue":
        rows = rows.filter(deadline__lte=now)
    if (team := number(query.get("team"))) is not None:
        of_team = Q(grant__automation__team=team) | Q(automation__team=team)
        items = Item.objects.of_campaigns(rows.order_by().values_list("pk", flat=True), request.actor, now)
        rows = rows.filter(pk__in=items.filter(of_team).order_by().values("campaign"))
    for name, choices in (("kind", KINDS), ("tier", TIERS)):
        if query.get(name) in dict(choices):
            rows = rows.filter(**{name: query[name]})
    teams = Team.objects.filter(kind=TeamKind.BUSINESS).order_by("name").values_list("pk", "name")
    selects = [("kind", "Opened", KINDS), ("tier", "Risk", TIERS), ("team", "Team", teams[: pager.CHOICES])]
    paged = pager.newest_first(pager.search(rows, pager.words_of(query), "name"), query, path)
    context = {
        "may_open": access.may(request.actor, Permission.CAMPAIGN_OPEN, None, now=now),
        "rows": _rows(paged.rows, request, now),
        "chips": pager.chips(path, query, "show", SHOW),
        "filters": pager.filter_bar(query, path, selects, words_label="Name"),
        "filters_target": "#list",
        "pager": paged,
    }
    return page(request, "recertification/campaigns/campaign_list.html", context, fragment="list")


def _rows(campaigns: Sequence[Campaign], request: Request, now: datetime) -> list[Shape]:
    """Rows of the list. One query counts the items that the reader may see; those that wait for no answer are settled."""
    items = Item.objects.of_campaigns([campaign.pk for campaign in campaigns], request.actor, now).order_by()
    counts = items.values("campaign").annotate(total=Count("pk"), done=Count("pk", filter=~Q(state__in=WAITING)))
    counts = counts.annotate(percent=F("done") * 100.0 / F("total"))
    by_campaign: dict[int, Shape] = {row["campaign"]: {**row} for row in counts}
    nothing = {"total": 0, "done": 0, "percent": 0}
    return [
        {**by_campaign.get(campaign.pk, nothing), "campaign": campaign, "state": campaign.shown_state(now)}
        for campaign in campaigns
    ]


@require_GET
def campaign(request: Request, pk: int) -> HttpResponse:
    """Show the campaign's page; htmx asks only for ``progress`` while the campaign is opening."""
    (campaign, now), actor = visible_row(request, Campaign, pk, "opened_by", "reason"), request.actor
    progress = _progress(campaign) if campaign.state == CampaignState.OPENING else None
    if request.headers.get("HX-Target") == "progress":
        answer = page(request, TEMPLATE, {"progress": progress}, fragment="progress")
        if progress is None:
            answer["HX-Refresh"] = "true"
        return answer
    items = Item.objects.of_campaigns([campaign.pk], actor, now)
    stands, people = campaign_queries.count_items(items, now), list(campaign_queries.late_reviewers(items, now))
    reads_all = access.may(actor, Permission.CAMPAIGN_READ, None, now=now)
    is_scheduled = campaign.kind == CampaignKind.SCHEDULED
    context: Shape = {
        "campaign": campaign,
        "progress": progress,
        "state": campaign.shown_state(now),
        "scope": "" if is_scheduled else scope.scope_sentence(Scope.from_json(campaign.scope)),
        "reads_all": reads_all,
        "silence": _silence_dates(campaign),
        "burn": _burn_down_chart(campaign, items, now) if progress is None else None,
        "standing": stands,
        "outcomes": [(outcome.label, stands[outcome]) for outcome in ItemOutcome if stands[outcome]],
        "people": people,
        "more": len(people) == campaign_queries.MAX_REVIEWERS,
        **_lists(items, stands),
        "joined": campaign.joinings.count() if reads_all else 0,
        "mine": Question.objects.open_for(access.answers_as(actor, now)).filter(item__campaign=campaign).first(),
        "reads_quality": quality_views.may_read(actor, campaign, now),
        "may_export": quality_views.may_export(actor, campaign, now),
        **(timeline_context(campaign, actor=actor, now=now, limit=20) if reads_all else {}),
    }
    return page(request, TEMPLATE, context, fragment="progress")


def _silence_dates(campaign: Campaign) -> list[Shape]:
    """Effect and date of silence, by tier, from the first day (R2, R6)."""
    days = policy_queries.in_force(campaign.snapshot_at).correction_days
    by_tier = campaign_queries.grace_by_tier(campaign.deadline)
    if campaign.tier:
        is_scheduled = campaign.kind == CampaignKind.SCHEDULED
        by_tier = {campaign.tier: campaign.grace_until if is_scheduled else by_tier[campaign.tier]}
    return [
        {"tier": tier, "suspended": at, "ended": at + timedelta(days=days)}
        for tier, at in sorted(by_tier.items(), key=lambda each: each[1])
    ]


def _progress(campaign: Campaign) -> Shape:
    """Progress of the job: each item counts once when it is written and once when it is assigned."""
    made, asked = campaign.items.count(), campaign.items.filter(pk__lte=campaign.asked_to).count()
    total = max(2 * campaign.expected, 1)
    return {"href": campaign.href, "total": total, "done": min(made + asked, total), "made": made, "asked": asked}


def _burn_down_chart(campaign: Campaign, items: QuerySet[Item], now: datetime) -> Shape | None:
    zone = organisation_zone()
    first, due, until, today = (
        at.astimezone(zone).date() for at in (campaign.snapshot_at, campaign.deadline, campaign.grace_until, now)
    )
    points, total = campaign_queries.burn_down(items, first=first, last=min(today, until), zone=zone)
    if not points or not total:
        return None
    days = (due - today).days
    when = f"{times.counted(days, 'day')} left" if days > 0 else "due today" if days == 0 else "past the deadline"
    title = f"{points[-1][1]:,} of {times.counted(total, 'question')} left, {when}"
    return {"title": title, "points": points, "total": total, "first": first, "due": due, "until": until}


def _lists(items: QuerySet[Item], stands: dict[str, int]) -> Shape:
    """The first items with removed access, latest first, and without an eligible reviewer; no query for an empty list."""
    removed = items.filter(Q(outcome=ItemOutcome.REVOKED) | Q(state=ItemState.ANSWERED)).order_by("-closed_at", "-pk")
    nobody = items.filter(nobody=True, state__in=UNCLOSED)
    lists = {
        "taken": (removed, stands["answered"] or stands[ItemOutcome.REVOKED]),
        "nobody": (nobody, stands["nobody"]),
    }
    return {name: rows.select_related(*ITEM_RELATIONS)[:LISTED] for name, (rows, count) in lists.items() if count}


ANY = [("", "Any")]
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class Filter(forms.Form):
    """Scope and deadline of a campaign, kept in the address."""

    use_required_attribute = False

    about = forms.ChoiceField(choices=list(scope.ABOUT.items()), label="Review", required=False)
    tier = forms.ChoiceField(choices=[*ANY, *TIERS], label="Risk", required=False)
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
        help_text="A grant whose use is not measured does not count as unused.",
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
            sentence = "Use is not measured in this installation yet, so this finds nothing."
            self.fields["unused_days"].help_text = sentence
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
    return working_days.end_of_working_day(now + timedelta(days=DAYS), zone, holidays).astimezone(zone).date()


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Show the filter with its preview, and open the campaign."""
    now, verb = request.now(), campaign_transitions.order_campaign
    sent = request.POST if request.method == "POST" else None
    fresh, actor = Campaign(name="New campaign"), request.actor
    refusal = verb.refusal(fresh, actor=actor, now=now)
    if refusal is not None and refusal.kind == "permission":
        # before anything sent is read: the preview would show everybody's work
        if sent is not None:
            with suppress(Refused):  # a refused attempt is recorded (H1)
                verb(fresh, actor=actor, now=now, campaign_scope=Scope(), day=now.date())
        return refused(request, refusal, context={"typed": request.POST.get("reason", "")})
    form, opening = Filter(request.GET if sent is None else sent, now=now), Opening(sent)
    if form.is_valid() and opening.is_valid():
        name, reason = opening.cleaned_data["name"], opening.cleaned_data["reason"]
        day = form.cleaned_data["until"] or first_deadline(now)
        try:
            made = verb(Campaign(name=name), actor=actor, now=now, reason=reason, campaign_scope=form.scope, day=day)
        except InvalidInput as error:
            opening.add_error(None, error.refusal.words)
        else:
            return finish(request, verb, made.href)
    context = _context(form, opening, now)
    return page(request, "recertification/campaigns/new_campaign.html", context, status=200 if sent is None else 422)


def _context(form: Filter, opening: Opening, now: datetime) -> Shape:
    context: Shape = {
        "form": form,
        "opening": opening,
        "kept": {},
        "preview": None,
    }
    if not form.is_valid():
        return context
    until = form.cleaned_data["until"] or first_deadline(now)
    deadline = answer_deadlines.deadline_on(until, now=now, zone=organisation_zone(), holidays=organisation_holidays())
    if deadline is None:
        form.add_error("until", deadline_words(now))
        return context
    estimate = campaign_queries.preview_campaign(form.scope, deadline, now)
    kept = {**form.scope.to_dict(), "until": until.isoformat()}
    return {**context, "kept": kept, "preview": estimate, "scope": scope.scope_sentence(form.scope)}
