"""Incidents of a resource: show, declare, end (R1)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from governance.core.access import Actor
from governance.web.pages.page import Shape, confirm, offered, operation_form
from governance.web.requests.request import FIRST_DAY, LAST_DAY, Request, end_of, visible_row
from inventory.models import Incident, Resource
from inventory.resources.transitions import incidents

#: Incidents that a resource's page lists, and for how long ended ones; its timeline has all.
MOST = 5
SHOWN_FOR = timedelta(days=30)


class IncidentForm(forms.Form):
    """Reference and end of an incident."""

    reference = forms.CharField(
        max_length=incidents.LONGEST_REFERENCE,
        help_text="The number under which it is dealt with, in one word: INC-204.",
    )
    until = forms.DateField(
        label="Until, that day included",
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=f"At most {incidents.LONGEST_DAYS} days. It can be ended before.",
    )
    reason = forms.CharField(label="What happened", widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)

    def clean_until(self) -> datetime:
        """End of the last day."""
        return end_of(self.cleaned_data["until"])


#: Incident with the people and its reason, whether it runs now, an instant on its last day, and buttons of the reader.
IncidentLine = tuple[Incident, bool, datetime, Sequence[Shape]]


def incident_lines(resource: Resource, actor: Actor, now: datetime) -> list[IncidentLine]:
    """Incidents of a resource, the running one first: see ``inventory/resources/incidents.html``. One query."""
    since = now - SHOWN_FOR
    lately = resource.incidents.filter(Q(ended_at__gt=since) | Q(ended_at=None, until__gt=since))
    lines: list[IncidentLine] = []
    for incident in lately.select_related("declared_by", "ended_by", "why")[:MOST]:
        incident.resource = resource  # loaded already, with the relations that the rules read
        runs, offer = incident.runs(now), (incidents.end_incident, "incident_end", {"label": "End it", "kind": "quiet"})
        actions = offered(incident, [offer], actor=actor, now=now) if runs else []
        lines.append((incident, runs, incident.until - timedelta(microseconds=1), actions))
    return lines


@require_http_methods(["GET", "POST"])
def declare(request: Request, pk: int) -> HttpResponse:
    """Declare an incident on a resource (its owner, security)."""
    resource, _ = visible_row(request, Resource, pk, "interim__person")
    return operation_form(
        request,
        resource,
        incidents.declare_incident,
        IncidentForm(request.POST or None),
        title=f"Declare an incident on {resource.name}",
        text="Whatever holds something on it comes up for review at once, with two working days to answer. A review that is "
        "open already is joined; its deadline may come forward, never back.",
        label="Declare it",
    )


@require_http_methods(["GET", "POST"])
def end(request: Request, pk: int) -> HttpResponse:
    """End an incident (owner of the resource, security)."""
    seen = Resource.objects.visible_to(request.actor, request.now()).values("pk")
    rows = Incident.objects.filter(resource__in=seen).select_related("resource__interim__person")
    incident = get_object_or_404(rows, pk=pk)
    return confirm(
        request,
        incident,
        incidents.end_incident,
        title=f"Incident {incident.reference} is over?",
        text="Nothing more comes up for review by it. What is asked already goes on being asked.",
        label="End it",
        kind="filled",
    )
