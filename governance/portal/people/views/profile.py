"""The reader's own page with delegations (A11), and the facts it shares with other people's pages."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.core.access import InvalidInput, Permission, access
from governance.core.models import Delegation, Person, Team
from governance.core.models.people import DELEGATION_DAYS
from governance.core.people.person_field import PersonField
from governance.core.people.transitions.delegations import delegate, end_delegation
from governance.portal.single_sign_on import providers
from governance.portal.view_guards.decorators import reader
from governance.web.components.facts import Fact
from governance.web.pages.page import Shape, finish, page, timeline_context
from governance.web.requests.request import LAST_DAY, Request, end_of, midnight_of
from inventory.models import Automation, Resource
from inventory.ownership import delegates

#: Most automations and resources on a person's page; the lists have all.
MOST = 100
IN_REACH = MaxValueValidator(LAST_DAY, "Choose a day that people live to see.")


def person_facts(person: Person) -> Shape:
    """Facts of ``portal/people/person.html``, the same for all readers."""
    facts = [
        Fact(person.email or "none", "Mail"),
        Fact(_ways_to_sign_in(person), "Signs in by"),
        Fact(person.time_zone or settings.ORGANISATION_TIME_ZONE, "Times in"),
    ]
    owned = Automation.objects.filter(Q(business_owner=person) | Q(technical_owner=person))
    resources = Resource.objects.filter(Q(owner=person) | Q(deputy=person))
    return {
        "subject": person,
        "facts": facts,
        "teams": _teams(person),
        "automations": owned.annotate(held=Count("grants", filter=~Q(grants__state="ended"))).order_by("name")[:MOST],
        "resources": resources.annotate(backs=Q(deputy=person)).order_by("backs", "name")[:MOST],
    }


def _ways_to_sign_in(person: Person) -> str:
    """The provider of each account, and the password."""
    names = {provider.id: provider.name for provider in providers.configured()}
    sources = [person.source, *person.linked_accounts.filter(ended_at__isnull=True).values_list("source", flat=True)]
    words = ["password" if source == "local" else names.get(source, source) for source in dict.fromkeys(sources)]
    if not settings.PASSWORD_SIGN_IN and "password" in words:
        words.remove("password")
    return " and ".join(words) or "no way yet"


def _teams(person: Person) -> list[tuple[Team, str]]:
    """The person's teams by name, each with their capacity in it."""
    capacities = dict.fromkeys(person.teams.all(), "member")
    capacities |= dict.fromkeys(person.deputy_leads.all(), "deputy lead")
    capacities |= dict.fromkeys(person.leads.all(), "lead")
    return sorted(capacities.items(), key=lambda pair: pair[0].name)


def current_delegations(person: Person, now: datetime) -> QuerySet[Delegation]:
    """Current and future delegations by and to a person. ``shares`` is whether the delegate shares the responsibility."""
    rows = Delegation.objects.filter(Q(giver=person) | Q(taker=person), ended_at__isnull=True, until_at__gt=now)
    shares = Delegation.objects.shares_responsibility(now)
    return rows.annotate(shares=shares).select_related("giver", "taker").order_by("from_at")


class DelegationForm(forms.Form):
    """Delegate with first and last day, both included."""

    taker = PersonField(
        Person.objects.none(),
        among="delegates",
        label="Who stands in",
        help_text="People who hold your roles and are backup approver, team lead or fallback approver for everything that you own or lead.",
    )
    from_on = forms.DateField(label="From", validators=[IN_REACH], widget=forms.DateInput(attrs={"type": "date"}))
    until_on = forms.DateField(
        label="To, included",
        validators=[IN_REACH],
        help_text=f"At most {DELEGATION_DAYS} days, with whatever else you have handed over and is still to come.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    reason = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, giver: Person, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taker = cast("PersonField", self.fields["taker"])
        taker.queryset = delegates.eligible_delegates(giver, now)


def _me(request: Request, form: DelegationForm) -> HttpResponse:
    person, now = reader(request), request.now()
    roles = person.role_assignments.filter(Q(until=None) | Q(until__gt=now), confirmed_at__lte=now)
    delegations = current_delegations(person, now)
    context = {
        **person_facts(person),
        "reads_ledger": access.may(request.actor, Permission.LEDGER_READ, None, now=now),
        "form": form,
        "nobody": ""
        if delegates.eligible_delegates(person, now).exists()
        else delegates.no_delegate_sentence(person, now),
        "roles": roles.order_by("pk"),
        "given": [row for row in delegations if row.giver_id == person.pk],
        "taken": [row for row in delegations if row.taker_id == person.pk],
        **timeline_context(person, actor=request.actor, now=now, limit=20),
    }
    return page(request, "portal/people/profile.html", context, status=422 if form.errors else 200)


@require_GET
def me(request: Request) -> HttpResponse:
    """Show the reader's page."""
    return _me(request, DelegationForm(giver=reader(request), now=request.now()))


@require_POST
def delegation_set(request: Request) -> HttpResponse:
    """Create a delegation; a refused wording keeps the typed text (A11)."""
    giver, now = reader(request), request.now()
    form = DelegationForm(request.POST, giver=giver, now=now)
    if not form.is_valid():
        return _me(request, form)
    given = form.cleaned_data
    begins, ends = midnight_of(given["from_on"]), end_of(given["until_on"])
    if given["from_on"] == timezone.localdate(now):
        begins = now  # only the rest of today
    period = {"from_at": begins, "until_at": ends}
    try:
        delegate(given["taker"], actor=request.actor, now=now, reason=given["reason"], giver=giver, **period)
    except InvalidInput as error:
        form.add_error(None, error.refusal.sentence)
        return _me(request, form)
    return finish(request, delegate, "me")


@require_POST
def delegation_end(request: Request, pk: int) -> HttpResponse:
    """End a delegation at once."""
    mine = Delegation.objects.filter(Q(giver=request.actor.person) | Q(taker=request.actor.person))
    end_delegation(get_object_or_404(mine, pk=pk), actor=request.actor, now=request.now())
    return finish(request, end_delegation, "me")
