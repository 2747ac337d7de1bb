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
from governance.web.requests.middleware import Request
from inventory.automations.views import reasons
from inventory.models import Credential

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
    held = [held_grant for held_grant in (grant, *privileges_needing(grant, now)) if held_grant.entitlement is not None]
    reached = reasons.use_reasons(
        reasons.Use(held_grant.level, held_grant.sentence, _class_of(held_grant)) for held_grant in held
    )
    if grant.kind == GrantKind.CREDENTIAL and grant.credential is not None:
        reached.append(_reach_words(grant.credential))
    if grant.is_live(now):
        return reached
    return [
        {
            "icon": "info",
            "lead": f"It is not in force now: {queries.effective_state(grant, now)[1] or 'its term has not begun'}.",
            "text": "",
        }
    ]


def _class_of(grant: Grant) -> str:
    return grant.entitlement.counted_class if grant.entitlement is not None else ""


def _reach_words(credential: Credential) -> Shape:
    """Describe what the credential itself opens, regardless of grants (I6)."""
    if credential.reach:
        return {"icon": "key", "lead": "It opens:", "text": f"{', '.join(credential.reach)}."}
    return {"icon": "key", "lead": "What else it opens is not known.", "text": ""}


def _text(grant: Grant, now: datetime) -> str:
    stopped = {needing_grant.pk for needing_grant in privileges_needing(grant, now)}
    others = Grant.objects.live(now).filter(automation=grant.automation_id).exclude(pk__in={grant.pk, *stopped})
    return " ".join(
        (
            f"{grant.automation.name} can no longer {_use(grant)} from this moment.",
            *([_stopping_words(len(stopped))] if grant.kind == GrantKind.CREDENTIAL else []),
            "The rest of the automation runs on." if others.exists() else "Nothing else of the automation is in force.",
            RETURNS,
        )
    )


def _use(grant: Grant) -> str:
    return f"use the credential {grant.credential}" if grant.kind == GrantKind.CREDENTIAL else "do this"


def _stopping_words(number: int) -> str:
    if not number:
        return "Nothing in force needs it."
    return f"{times.counted(number, 'privilege')} that need{'s' if number == 1 else ''} it stop{'s' if number == 1 else ''} with it."
