"""Pages for a transfer to another team: request, acceptance and withdrawal (L2)."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods

from governance.core.access import Actor
from governance.core.models import Team, TeamKind
from governance.web.pages.page import Shape, confirm, offered, operation_form
from governance.web.requests.request import Request, visible_row
from inventory.automations import queries as automation_queries
from inventory.automations.transitions import transfers
from inventory.automations.views import reasons
from inventory.models import Automation, Transfer

RUNS_ON = (
    "in a submission that opens by itself; owners stay as they are until that says otherwise. What it holds runs on for "
    f"{transfers.RUNS_ON_DAYS} days at most. Who owned or built it decides nothing about it there either."
)


class TransferForm(forms.Form):
    """Receiving team and reason."""

    team = forms.ModelChoiceField(Team.objects.none(), label="To", empty_label="Choose a team")
    reason = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)

    def __init__(self, *args: Any, without: int, **more: Any) -> None:
        super().__init__(*args, **more)
        others = Team.objects.filter(kind=TeamKind.BUSINESS).exclude(pk=without).order_by("name")
        self.fields["team"].queryset = others  # type: ignore[attr-defined]


def transfer_banner(automation: Automation, actor: Actor, now: datetime) -> Shape | None:
    """Context of ``components/next_action.html`` for an open transfer; None without one."""
    transfer = transfers.open_transfer(automation) if automation.state in transfers.HELD else None
    if transfer is None:
        return None
    transfer.automation = automation
    offers = (
        (transfers.accept_transfer, "transfer_accept", {"label": "Take it over", "kind": "filled"}),
        (transfers.drop_transfer, "transfer_drop", {"label": "Cancel the transfer"}),
    )
    why = f" {transfer.why.shown}" if transfer.why is not None else ""
    text = f"{transfer.asked_by.name} of {transfer.from_team.name} asks for it. The lead of {transfer.to_team.name} decides.{why}"
    actions = offered(transfer, offers, actor=actor, now=now)
    return {"lead": f"It is to move to {transfer.to_team.name}.", "text": text, "actions": actions}


@require_http_methods(["GET", "POST"])
def request_transfer(request: Request, pk: int) -> HttpResponse:
    """Request a transfer, as the lead of the automation's team."""
    automation, now = visible_row(request, Automation, pk, "team", "approved_version")
    return operation_form(
        request,
        automation,
        transfers.request_transfer,
        TransferForm(request.POST or None, without=automation.team_id),
        title=f"Give {automation.name} to another team",
        label="Ask them",
        text=f"Once the other team’s lead agrees it is theirs. They decide stage 1 again, {RUNS_ON}",
        points=lambda: shortened_grants(automation, now),
    )


@require_http_methods(["GET", "POST"])
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept a transfer, as the lead of the receiving team."""
    transfer, now = _find_transfer(request, pk)
    return confirm(
        request,
        transfer,
        transfers.accept_transfer,
        title=f"Take {transfer.automation.name} over for {transfer.to_team.name}?",
        text=f"From then on it is your team’s. Stage 1 is decided again, {RUNS_ON}",
        label="Take it over",
        kind="filled",
        points=lambda: [
            {
                "icon": "person",
                "lead": f"{transfer.asked_by.name} of {transfer.from_team.name} asks for it.",
                "text": f" “{transfer.why.shown}”" if transfer.why is not None else "",
            },
            *shortened_grants(transfer.automation, now),
        ],
    )


@require_http_methods(["GET", "POST"])
def drop(request: Request, pk: int) -> HttpResponse:
    """Decline or withdraw a transfer, as a lead of either team."""
    transfer, _ = _find_transfer(request, pk)
    return confirm(
        request,
        transfer,
        transfers.drop_transfer,
        title=f"Cancel the transfer of {transfer.automation.name}?",
        text=f"Both teams hear of it. {transfer.from_team.name} can ask another team.",
        label="Cancel the transfer",
        kind="filled",
    )


def _find_transfer(request: Request, pk: int) -> tuple[Transfer, datetime]:
    """Find a transfer of an automation that the reader may see, or to a team that they lead; with the time."""
    now = request.now()
    related = ("automation__team", "automation__approved_version", "from_team", "to_team", "asked_by", "why")
    seen = Automation.objects.visible_to(request.actor, now).values("pk")
    return get_object_or_404(Transfer.objects.filter(automation__in=seen).select_related(*related), pk=pk), now


def shortened_grants(automation: Automation, now: datetime) -> list[Shape]:
    """Grants that a transfer ends sooner, by name, with the new end."""
    until = now + timedelta(days=transfers.RUNS_ON_DAYS)
    states = (automation_queries.ACTIVE, automation_queries.SUSPENDED)
    rows = Automation.objects.filter(pk=automation.pk, grants__state__in=states, grants__ends_at__gt=until)
    ends = dict(rows.values_list("grants__key", "grants__ends_at"))
    if not ends:
        return [{"icon": "check", "lead": "None of its grants ends sooner.", "text": ""}]
    version = automation.approved_version
    held = version.privileges.select_related("entitlement__resource").filter(key__in=ends) if version else ()
    named = [
        {"icon": "clock", "lead": each.sentence, "text": f"ends on {_day(until)} instead of {_day(ends[each.key])}."}
        for each in held
    ]
    lines, more = named[: reasons.SHOWN], len(ends) - len(named[: reasons.SHOWN])
    text = f"on {_day(until)}, credentials among them."
    return [*lines, *([{"icon": "plus", "lead": f"And {more} more end", "text": text}] if more else [])]


def _day(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j F Y")
