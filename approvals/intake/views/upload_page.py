"""Page of an upload: progress, outcome of each automation, and the form that orders their import. Reads only.

Manifests may be large and uploads may have thousands: the database extracts names and counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.db.models import Case, CharField, Count, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.urls import reverse

from approvals.intake.views import registered_automations
from approvals.intake.views.builder import FEW, Builder
from governance.core.models import Person, Team
from governance.web.components import state_words, times
from governance.web.pages import pager
from governance.web.requests.parameters import number
from inventory.models import BatchState, Environment, ImportBatch, ImportItem, ImportState
from inventory.ownership import rules as ownership_rules
from inventory.ownership.views.owner_field import OwnerField, offer_owners

Shape = dict[str, Any]

#: How long the first page lists a finished upload, and the maximum number of uploads on it.
SHOWN_FOR, MOST = timedelta(days=7), 10

#: States of an item in the order of the filters: its outcome, or why it has none.
SHOWN = (
    ("new", "New"),
    ("changed", "New version"),
    ("unchanged", "Unchanged"),
    ("refused", "Refused"),
    ("waiting", "Not imported"),
    ("unread", "Not read"),
)
STANDS = Case(
    When(progress=ImportState.REFUSED, then=Value("unread")),
    When(~Q(outcome=""), then=F("outcome")),
    When(progress=ImportState.CONFIRMED, then=Value("confirmed")),
    default=Value("waiting"),
    output_field=CharField(),
)


class OrderForm(forms.Form):
    """Answers for all automations of an upload.

    Args:
        people: possible owners.
        teams: the builder's teams; with one team there is no field.
    """

    use_required_attribute = False

    team = forms.ChoiceField(label="Built for")
    business_owner = OwnerField(
        "Choose somebody",
        help_text="Who is accountable for those that are new. Owners of what the register knows stay as they are.",
        error_messages={"required": "Name who is accountable for them."},
    )
    technical_owner = OwnerField("Nobody yet", required=False, help_text="Who keeps them running.")
    environment = forms.ChoiceField(choices=Environment.choices, initial=Environment.PRODUCTION)

    def __init__(self, data: Any = None, *, people: Iterable[Person], teams: Iterable[Team], **more: Any) -> None:
        super().__init__(data, **more)
        offer_owners(self, people)
        team_choices = [(str(team.pk), team.name) for team in teams]
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = team_choices
        if len(team_choices) < 2:
            del self.fields["team"]


def form_of(builder: Builder, batch: ImportBatch, data: QueryDict | None = None) -> OrderForm:
    """The form with the answers of the earlier order, or else with the upload's team and its builder."""
    people = {
        person.pk: person
        for team in builder.teams
        for person in ownership_rules.possible_owners(team, None, builder.now)
    }
    by_name = sorted(people.values(), key=lambda person: (person.name, person.pk))
    initial = batch.order
    if "team" not in initial:
        read_for = batch.items.order_by("pk").values_list("team", flat=True).first()
        initial = {"team": read_for, "technical_owner": builder.person.pk}
    return OrderForm(data, people=by_name, teams=builder.teams, initial=initial)


@dataclass(frozen=True)
class Counts:
    """Number of items of an upload by state."""

    by: Mapping[str, int]

    @classmethod
    def of(cls, batch: ImportBatch) -> Counts:
        """Load the counts in one query."""
        rows = _shown(batch).values_list("stands").annotate(count=Count("pk")).order_by()
        return cls(dict(rows))

    def __getitem__(self, stands: str) -> int:
        return self.by.get(stands, 0)

    @property
    def automations(self) -> int:
        """Number of readable automations."""
        return sum(self.by.values()) - self["unread"]

    @property
    def done(self) -> int:
        """Number of automations with an outcome."""
        return self.automations - self["waiting"]

    @property
    def in_words(self) -> str:
        """Outcomes in words: "1,950 new, 12 refused"."""
        parts = [f"{self[key]:,} {word.lower()}" for key, word in SHOWN[:4] if self[key]]
        return ", ".join(parts)


def _shown(batch: ImportBatch) -> QuerySet[Any]:
    """Items of an upload, without discarded ones and without previews that continue a confirmed one."""
    items: QuerySet[Any] = batch.items.exclude(progress=ImportState.DISCARDED).exclude(
        progress=ImportState.PREVIEW, version__isnull=False
    )
    shown: QuerySet[Any] = items.annotate(stands=STANDS)
    return shown


def context(builder: Builder, batch: ImportBatch, query: QueryDict, *, form: OrderForm | None = None) -> Shape:
    """Context of the page.

    Args:
        builder: the person who owns the upload.
        batch: the upload.
        query: the query string: filter and page.
        form: the form with its errors, after a refusal.
    """
    counts, path = Counts.of(batch), reverse("import_batch", args=[batch.pk])
    is_under_way = batch.progress == BatchState.CONFIRMING
    ended = _ended(batch, counts)
    rows, older, newer = _page(builder, batch, query, path)
    can_order = bool(builder.teams) and not is_under_way and counts["waiting"] + counts["refused"] > 0
    return {
        "now": builder.now,
        "batch": batch,
        "action": path,
        "head": _head(batch, counts),
        "crumbs": [{"label": "Import", "href": reverse("import")}, {"label": "Upload", "href": ""}],
        "is_under_way": is_under_way,
        "progress": _progress(batch, counts, path),
        "ended": ended,
        "form": (form or form_of(builder, batch)) if can_order else None,
        "order_label": _order_label(counts),
        "refused_before": counts["refused"],
        "adding": adding(batch) if builder.teams and not is_under_way and not (ended and ended["is_all"]) else None,
        "chips": _chips(path, query, counts),
        "rows": rows,
        "pager": {"newer_href": newer, "older_href": older, "words": ""},
        "empty": {"sentence": "Nothing of this upload stands so.", "href": path, "action": "Show all of it"},
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


def _head(batch: ImportBatch, counts: Counts) -> Shape:
    facts: list[Any] = [times.counted(counts.automations, "automation")]
    if counts["unread"]:
        facts.append(f"{times.counted(counts['unread'], 'file')} not read")
    facts.append(f"read {times.stamp_words(batch.at)}")
    actions = [{"label": "Report as CSV", "icon": "file", "href": reverse("import_report", args=[batch.pk])}]
    if batch.progress != BatchState.CONFIRMING and counts["waiting"] + counts["refused"] + counts["unread"]:
        actions.append({"label": "Discard", "href": reverse("import_batch_discard", args=[batch.pk])})
    return {"title": "Upload", "facts": facts, "actions": actions}


def _progress(batch: ImportBatch, counts: Counts, path: str) -> Shape:
    """Progress in words and as a bar."""
    return {
        "href": path if batch.progress == BatchState.CONFIRMING else "",
        "done": counts.done,
        "total": counts.automations,
        "words": counts.in_words,
    }


def _ended(batch: ImportBatch, counts: Counts) -> Shape | None:
    """Outcome of an order."""
    if batch.progress != BatchState.CONFIRMED or not counts.done:
        return None
    is_all = not counts["refused"] and not counts["waiting"]
    first = "All that was read is in the register" if is_all else f"{counts['refused']:,} could not be imported"
    return {"tone": "ok" if is_all else "wait", "first": first, "words": counts.in_words, "is_all": is_all}


def _order_label(counts: Counts) -> str:
    again, left = counts["refused"], counts["waiting"]
    if again and not left:
        return f"Try {times.counted(again, 'automation')} once more"
    return f"Import {times.counted(left + again, 'automation')}"


def _chips(path: str, query: QueryDict, counts: Counts) -> list[Shape]:
    """Filters with their counts; empty ones are left out."""
    choices = [("", "All"), *((key, label) for key, label in SHOWN if counts[key] or query.get("show") == key)]
    chips = pager.chips(path, query, "show", choices)
    for chip, (key, _) in zip(chips, choices, strict=True):
        chip["count"] = counts[key] if key else sum(counts.by.values())
    return chips


# --- rows -----------------------------------------------------------------------------------------------------------

COLUMNS = ("pk", "filename", "reason", "stands", "progress", "name", "uses", "version__number", "version__automation")


def _rows(batch: ImportBatch) -> QuerySet[Any, Any]:
    """Items without their manifests: the database extracts the values to show."""
    uses = Case(
        When(manifest__has_key="privileges", then=_length("privileges")), default=Value(0), output_field=IntegerField()
    )
    named: QuerySet[Any] = _shown(batch).annotate(
        name=Coalesce(KeyTextTransform("name", "manifest"), Value(""), output_field=CharField()), uses=uses
    )
    rows: QuerySet[Any, Any] = named.values(*COLUMNS)
    return rows


def _length(name: str) -> Any:
    return Func(KeyTransform(name, "manifest"), function="jsonb_array_length", output_field=IntegerField())


def _row(item: Mapping[str, Any]) -> Shape:
    automation, can_open = item["version__automation"], item["progress"] == ImportState.PREVIEW
    href = reverse("automation", args=[automation]) if automation else ""
    return {
        "pk": item["pk"],
        "name": item["name"] or item["filename"],
        "href": reverse("import_preview", args=[item["pk"]]) if can_open else href,
        "file": item["filename"] if item["name"] else "",
        "uses": item["uses"] if item["stands"] != "unread" else None,
        "stands": item["stands"],
        "words": state_words.STATES["import"][item["stands"]].text,
        "reason": item["reason"],
        "would": registered_automations.import_effect(item),
        "version": item["version__number"] or "",
    }


def _page(builder: Builder, batch: ImportBatch, query: QueryDict, path: str) -> tuple[list[Shape], str, str]:
    """One page of items by key, with the URLs of the next and the previous page."""
    where = batch.order.get("environment") or Environment.PRODUCTION
    columns = registered_automations.IDENTITY_COLUMNS | {
        "known": registered_automations.registered_automation(builder.teams, where)
    }
    rows = _rows(batch).annotate(**columns)
    if query.get("show") in dict(SHOWN):
        rows = rows.filter(stands=query["show"])
    after, before = number(query.get("after")), number(query.get("before"))
    if after is not None:
        items = list(rows.filter(pk__gt=after).order_by("pk")[: pager.PAGE + 1])
        has_more, has_less = len(items) > pager.PAGE, True
    else:
        earlier = rows.filter(pk__lt=before).order_by("-pk") if before is not None else rows.order_by("pk")
        items = list(earlier[: pager.PAGE + 1])
        more = len(items) > pager.PAGE
        has_more, has_less = (True, more) if before is not None else (more, False)
    items = items[: pager.PAGE]
    if after is None and before is not None:
        items.reverse()
    parameters = pager.kept(query)
    older = _page_href(path, parameters, after=items[-1]["pk"]) if items and has_more else ""
    newer = _page_href(path, parameters, before=items[0]["pk"]) if items and has_less else ""
    return [_row(item) for item in items], older, newer


def _page_href(path: str, parameters: Mapping[str, str], **edge: int) -> str:
    return f"{path}?{urlencode({**parameters, **edge})}"


def all_rows(batch: ImportBatch) -> Iterator[Shape]:
    """All items, loaded in chunks."""
    return (_row(item) for item in _rows(batch).order_by("pk").iterator(chunk_size=500))


# --- first page and discard ------------------------------------------------------------------------------------


def uploads_of(person: Person, now: datetime) -> list[Shape]:
    """A person's uploads of several automations: running, unfinished or recently finished, newest first."""
    open_items = ImportItem.objects.filter(batch=OuterRef("pk"), progress=ImportState.PREVIEW, version=None)
    uploads = ImportBatch.objects.filter(by=person, size__gt=1)
    uploads = uploads.filter(
        Exists(open_items) | Q(progress=BatchState.CONFIRMING) | Q(size__gt=FEW, at__gte=now - SHOWN_FOR)
    )
    listed = list(uploads.order_by("-pk")[:MOST])
    left = dict(
        ImportItem.objects.filter(batch__in=listed, progress=ImportState.PREVIEW, version=None)
        .values_list("batch")
        .annotate(count=Count("pk"))
        .order_by()
    )
    return [
        {
            "name": times.counted(upload.size, "automation"),
            "href": reverse("import_batch", args=[upload.pk]),
            "at": upload.at,
            "state": upload.progress,
            "left": left.get(upload.pk, 0),
        }
        for upload in listed
    ]


def discard_sentence(batch: ImportBatch) -> str:
    """Say in a sentence what a discard deletes and what stays."""
    counts = Counts.of(batch)
    gone = times.counted(counts["waiting"] + counts["refused"], "automation")
    stays = counts.automations - counts["waiting"] - counts["refused"]
    kept_words = f" {times.counted(stays, 'automation')} of it stay in the register." if stays > 1 else ""
    kept_words = " One of it stays in the register." if stays == 1 else kept_words
    return f"What was read of {gone} and what you typed about them is gone then.{kept_words}"
