"""Page of an upload: progress, outcome of each automation, and the form that orders their import. Reads only.

Manifests may be large and uploads may have thousands: the database extracts names and counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, CharField, Count, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Coalesce, Concat, JSONObject, Left, Trim
from django.http import QueryDict
from django.urls import reverse

from approvals.intake.views.builder import FEW, Builder
from approvals.intake.views.forms import OrderForm
from governance.core.models import Person, Team
from governance.web.components import state_words, times
from governance.web.pages import pager
from governance.web.pages.page import Shape
from inventory.models import Automation, BatchState, Environment, ImportBatch, ImportState, Version
from inventory.ownership import rules as ownership_rules

#: How long the first page lists a finished upload, and the maximum number of uploads on it.
SHOWN_FOR, MOST = timedelta(days=7), 10

#: States of an item in the order of the filters: its outcome, or why it has none.
SHOWN = ("new", "changed", "unchanged", "refused", "waiting", "unread")
STANDS = Case(
    When(progress=ImportState.REFUSED, then=Value("unread")),
    When(~Q(outcome=""), then=F("outcome")),
    When(progress=ImportState.CONFIRMED, then=Value("confirmed")),
    default=Value("waiting"),
    output_field=CharField(),
)


def form_of(builder: Builder, batch: ImportBatch, data: QueryDict | None = None) -> OrderForm:
    """The form with the answers of the earlier order, or else with the upload's team and its builder."""
    owners = [ownership_rules.possible_owners(team, None, builder.now) for team in builder.teams]
    by_name = sorted({person for people in owners for person in people}, key=lambda person: (person.name, person.pk))
    initial = batch.order
    if "team" not in initial:
        read_for = batch.items.order_by("pk").values_list("team", flat=True).first()
        initial = {"team": read_for, "technical_owner": builder.person.pk}
    return OrderForm(data, people=by_name, teams=builder.teams, initial=initial)


def counts_of(batch: ImportBatch) -> dict[str, int]:
    """Return the number of items by state, of readable automations, and of those that are done, in one query."""
    rows = _shown(batch).values_list("stands").annotate(count=Count("pk")).order_by()
    counts = dict.fromkeys(SHOWN, 0) | dict(rows)
    automations = sum(counts.values()) - counts["unread"]
    return {**counts, "automations": automations, "done": automations - counts["waiting"]}


def _shown(batch: ImportBatch) -> QuerySet[Any]:
    """Items of an upload, without discarded ones and without previews that continue a confirmed one."""
    items = batch.items.exclude(progress=ImportState.DISCARDED)
    shown: QuerySet[Any] = items.exclude(progress=ImportState.PREVIEW, version__isnull=False).annotate(stands=STANDS)
    return shown


def context(builder: Builder, batch: ImportBatch, query: QueryDict, *, form: OrderForm | None = None) -> Shape:
    """Context of the page.

    Args:
        builder: the person who owns the upload.
        batch: the upload.
        query: the query string: filter and page.
        form: the form with its errors, after a refusal.
    """
    counts, path = counts_of(batch), reverse("import_batch", args=[batch.pk])
    is_under_way, left = batch.progress == BatchState.CONFIRMING, counts["waiting"] + counts["refused"]
    is_open = bool(builder.teams) and not is_under_way
    is_complete = batch.progress == BatchState.CONFIRMED and counts["done"] and not left
    words = {state: state_words.STATES["import"][state].text for state in SHOWN}
    choices = [("", "All"), *((state, words[state]) for state in SHOWN if counts[state] or query.get("show") == state)]
    paged = _page(builder, batch, query, path)
    return {
        "now": builder.now,
        "batch": batch,
        "action": path,
        "is_under_way": is_under_way,
        "counts": counts,
        "left": left,
        "outcomes": ", ".join(f"{counts[state]:,} {words[state].lower()}" for state in SHOWN[:4] if counts[state]),
        "form": (form or form_of(builder, batch)) if is_open and left else None,
        "adding": adding(batch) if is_open and not is_complete else None,
        "chips": pager.chips(path, query, "show", choices, {"": counts["automations"] + counts["unread"], **counts}),
        "pager": paged,
    }


def adding(batch: ImportBatch | None = None) -> Shape:
    """Configuration of the script that uploads files in parts: URL, maximum per part, and upload."""
    return {
        "action": reverse("import_add"),
        "most_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        # The limit covers the whole request body, with the parts around the files.
        "most_bytes": settings.FILE_UPLOAD_MAX_MEMORY_SIZE - 256 * 1024,
        "batch": batch.pk if batch is not None else "",
    }


# --- rows -----------------------------------------------------------------------------------------------------------

#: Columns of an item without its manifest, which may be large: the database extracts the values to show.
COLUMNS = ("batch", "filename", "reason", "progress", "version__number", "version__automation")


def _rows(batch: ImportBatch) -> QuerySet[Any]:
    """Items with their name and number of privileges."""
    length = Func(KeyTransform("privileges", "manifest"), function="jsonb_array_length", output_field=IntegerField())
    uses = Case(When(manifest__has_key="privileges", then=length), default=Value(0), output_field=IntegerField())
    name = Coalesce(KT("manifest__name"), Value(""), output_field=CharField())
    rows: QuerySet[Any] = _shown(batch).annotate(name=name, uses=uses).select_related("version").only(*COLUMNS)
    return rows


def _page(builder: Builder, batch: ImportBatch, query: QueryDict, path: str) -> pager.Paged:
    """One page of items by key, with what the register knows of each."""
    where = batch.order.get("environment") or Environment.PRODUCTION
    known = _registered_automation(builder.teams, where)
    rows = _rows(batch).annotate(**_IDENTITY).annotate(known=known)
    if query.get("show") in SHOWN:
        rows = rows.filter(stands=query["show"])
    return pager.by_column(rows, query, path, "pk")


def all_items(batch: ImportBatch) -> Iterator[Any]:
    """All items with their name, loaded in chunks."""
    return _rows(batch).order_by("pk").iterator(chunk_size=500)


# --- the register, by the ids that an import would use (I1, I7) ---

#: Manifest values that identify an automation in the register (`confirmation.known`).
_PLATFORM = Trim(Concat(KT("manifest__platform"), Value(" "), Left(KT("manifest__source__platform_instance"), 16)))
_IDENTITY = {
    "placed": Left(_PLATFORM, 120),
    "with_id": Left(KT("manifest__source__external_id"), 160),
    "content": KT("manifest__source__content"),
}


def _registered_automation(teams: Iterable[Team], environment: str) -> Subquery:
    """Registered automation of an item with `_IDENTITY` in one of these teams, and its newest version; null for a new one."""
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number")
    automations = Automation.objects.filter(team__in=[team.pk for team in teams], environment=environment)
    automations = automations.filter(platform_instance=OuterRef("placed"), external_id=OuterRef("with_id"))
    automations = automations.exclude(external_id="")
    number, content = (Subquery(newest.values(name)[:1]) for name in ("number", "source_digest"))
    summary = JSONObject(name="name", number=number, content=content)
    return Subquery(automations.order_by("pk").values(about=summary)[:1])


# --- first page and discard ------------------------------------------------------------------------------------


def uploads_of(person: Person, now: datetime) -> QuerySet[Any]:
    """A person's uploads of several automations: running, unfinished or recently finished, newest first.

    Each has ``left``, the number of automations that are not imported.
    """
    is_open = Q(items__progress=ImportState.PREVIEW, items__version=None)
    uploads = ImportBatch.objects.filter(by=person, size__gt=1).annotate(left=Count("items", filter=is_open))
    recent = Q(size__gt=FEW, at__gte=now - SHOWN_FOR)
    uploads = uploads.filter(Q(left__gt=0) | Q(progress=BatchState.CONFIRMING) | recent)
    return uploads.order_by("-pk")[:MOST]


def discard_sentence(batch: ImportBatch) -> str:
    """Say in a sentence what a discard deletes and what stays."""
    counts = counts_of(batch)
    gone = times.counted(counts["waiting"] + counts["refused"], "automation")
    stays = counts["automations"] - counts["waiting"] - counts["refused"]
    kept = f" {times.counted(stays, 'automation')} of it stay in the register." if stays else ""
    kept = " One of it stays in the register." if stays == 1 else kept
    return f"What was read of {gone} and what you typed about them is gone then.{kept}"
