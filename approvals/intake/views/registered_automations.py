"""Lookup of an upload's items in the register, by the ids that an import would use (I1, I7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import OuterRef, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Concat, JSONObject, Left, Trim

from governance.core.models import Team
from inventory.models import Automation, ImportState, Version

#: Manifest values that identify an automation in the register (`confirmation.known`).
_PLATFORM = Trim(Concat(KT("manifest__platform"), Value(" "), Left(KT("manifest__source__platform_instance"), 16)))
IDENTITY_COLUMNS = {
    "placed": Left(_PLATFORM, 120),
    "with_id": Left(KT("manifest__source__external_id"), 160),
    "content": KT("manifest__source__content"),
    "earlier": KT("manifest__source__earlier"),
}


def registered_automation(teams: Iterable[Team], environment: str) -> Subquery:
    """Registered automation of an item with `IDENTITY_COLUMNS` in one of these teams, and its newest version; null for a new one."""
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number")
    automations = Automation.objects.filter(
        team__in=[team.pk for team in teams],
        environment=environment,
        platform_instance=OuterRef("placed"),
        external_id=OuterRef("with_id"),
    ).exclude(external_id="")
    number, content = (Subquery(newest.values(name)[:1]) for name in ("number", "source_digest"))
    summary = JSONObject(name="name", number=number, content=content)
    return Subquery(automations.order_by("pk").values(about=summary)[:1])


def import_effect(item: Mapping[str, Any]) -> str:
    """Effect of importing an item, in a few words; empty if it has no id or is finished."""
    registered = item.get("known")
    if item["progress"] != ImportState.PREVIEW or not item.get("with_id"):
        return ""
    if registered is None:
        return "New to the register"
    if registered["number"] is None:
        return f"Known as {registered['name']}"
    if registered["content"] in (item["content"], item["earlier"]):
        return f"Known: the source of {registered['name']}, version {registered['number']}"
    return f"Known: a new version of {registered['name']}, after version {registered['number']}"
