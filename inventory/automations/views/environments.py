"""Siblings of an automation in other environments, on its page, with the link to promote it (I10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse

from governance.core.actors.actor import Actor
from inventory.automations import environments
from inventory.imports.transitions import confirmation
from inventory.models import Automation

Shape = dict[str, Any]


def sibling_facts(automation: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """Siblings that the reader may see, each with its status; one query."""
    seen = Automation.objects.visible_to(actor, now)
    return [
        {
            "label": f"In {other.get_environment_display().lower()}",
            "text": _status_text(other),
            "href": other.href,
        }
        for other in environments.siblings_of(automation, among=seen)
    ]


def _status_text(other: Automation) -> str:
    state = other.get_state_display().lower()
    return f"{state}, version {other.approved_version.number}" if other.approved_version else state


def promote_href(automation: Automation, actor: Actor, now: datetime) -> str:
    """Address for promoting the automation; empty without a higher environment or without permission."""
    if (
        not environments.environments_above(automation)
        or confirmation.confirm_import.refusal(automation.team, actor=actor, now=now) is not None
    ):
        return ""
    return page_href("promote", automation.pk)


def page_href(name: str, *args: object) -> str:
    """Address of a page of a higher app; empty if that app has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
