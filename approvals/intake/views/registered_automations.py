"""What the register knows already of what an upload read: of each automation by its id there, as bringing it in would find it (I1, I7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import OuterRef, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Concat, JSONObject, Left, Trim

from governance.core.models import Team
from inventory.models import Automation, ImportState, Version

#: Where in a manifest stands what the register finds an automation by (`registry.known`).
_PLATFORM = Trim(Concat(KT("manifest__platform"), Value(" "), Left(KT("manifest__source__platform_instance"), 16)))
PLACED = {
    "placed": Left(_PLATFORM, 120),
    "with_id": Left(KT("manifest__source__external_id"), 160),
    "content": KT("manifest__source__content"),
    "earlier": KT("manifest__source__earlier"),
}


def known(teams: Iterable[Team], environment: str) -> Subquery:
    """The automation of one of these teams that an item, with `PLACED`, is of, and its newest version; null for a new one."""
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number")
    found = Automation.objects.filter(
        team__in=[one.pk for one in teams],
        environment=environment,
        platform_instance=OuterRef("placed"),
        external_id=OuterRef("with_id"),
    ).exclude(external_id="")
    number, content = (Subquery(newest.values(name)[:1]) for name in ("number", "source_digest"))
    about = JSONObject(name="name", number=number, content=content)
    return Subquery(found.order_by("pk").values(about=about)[:1])


def words(one: Mapping[str, Any]) -> str:
    """What bringing an item in would make of it, in a few words; nothing where that is not told by an id, or has happened."""
    about = one.get("known")
    if one["progress"] != ImportState.PREVIEW or not one.get("with_id"):
        return ""
    if about is None:
        return "New to the register"
    if about["number"] is None:
        return f"Known as {about['name']}"
    if about["content"] in (one["content"], one["earlier"]):
        return f"Known: the source of {about['name']}, version {about['number']}"
    return f"Known: a new version of {about['name']}, after version {about['number']}"
