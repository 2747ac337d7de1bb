"""The confirmation page of the kill switch: what stops, its blast radius, how the grant comes back (G5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.grants import queries
from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantKind
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.confirmation import confirm
from governance.web.requests.request import Request
from inventory.automations.views import reasons

Shape = dict[str, Any]

RETURNS = "What is stopped comes back once it was submitted again and two others have approved it."


@require_http_methods(["GET", "POST"])
def stop_grant(request: Request, pk: int) -> HttpResponse:
    """Stop one grant at once, with a reason, after showing what stops (G5)."""
    now = business_time.now()
    seen = Grant.objects.visible_to(request.actor, now).telling_usable(now)
    related = ("automation", "entitlement__resource", "credential")
    grant = get_object_or_404(seen.select_related(*related), pk=pk)
    return confirm(
        request,
        grant,
        lifecycle.stop,
        now,
        title="Stop this grant?",
        text=_text(grant, now),
        label="Stop it now",
        points=lambda: blast_radius(grant, now),
        back=reverse("automation", args=[grant.automation_id]),
    )


def privileges_needing(grant: Grant, now: datetime) -> QuerySet[Grant]:
    """Return privileges in force that need a credential's grant and stop with it (A2); none for a privilege."""
    if grant.kind != GrantKind.CREDENTIAL or not grant.is_live(now):
        return Grant.objects.none()
    rows = Grant.objects.live(now).filter(
        automation=grant.automation_id, kind=GrantKind.PRIVILEGE, credential=grant.credential_id
    )
    return rows.select_related("entitlement__resource").order_by("pk")


def blast_radius(grant: Grant, now: datetime) -> list[Shape]:
    """Return what stops, and could have been reached, to show before the button (G5)."""
    if not grant.is_live(now):
        why = queries.effective_state(grant, now)[1] or "its term has not begun"
        return [{"icon": "info", "lead": f"It is not in force now: {why}.", "text": ""}]
    reached = reasons.use_reasons(
        reasons.Use(held.level, held.sentence, held.entitlement.counted_class)
        for held in (grant, *privileges_needing(grant, now))
        if held.entitlement is not None
    )
    if grant.kind == GrantKind.CREDENTIAL and grant.credential is not None:
        opens = ", ".join(grant.credential.reach)  # regardless of grants (I6)
        lead = "It opens:" if opens else "What else it opens is not known."
        reached.append({"icon": "key", "lead": lead, "text": f"{opens}." if opens else ""})
    return reached


def _text(grant: Grant, now: datetime) -> str:
    stopped = [needing.pk for needing in privileges_needing(grant, now)]
    others = Grant.objects.live(now).filter(automation=grant.automation_id).exclude(pk__in=[grant.pk, *stopped])
    use, with_it = "do this", ""
    if grant.kind == GrantKind.CREDENTIAL:
        verbs = ("needs", "stops") if len(stopped) == 1 else ("need", "stop")
        counted = f"{times.counted(len(stopped), 'privilege')} that {verbs[0]} it {verbs[1]} with it."
        use, with_it = f"use the credential {grant.credential}", counted if stopped else "Nothing in force needs it."
    rest = "The rest of the automation runs on." if others.exists() else "Nothing else of the automation is in force."
    sentences = (f"{grant.automation.name} can no longer {use} from this moment.", with_it, rest, RETURNS)
    return " ".join(filter(None, sentences))
