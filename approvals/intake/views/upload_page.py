"""What an upload's page shows: how far it is, what became of each automation, the form that orders all of it. Reads only.

A manifest may be large and there are thousands: names and what they use are read out of them by the database.
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

#: How long an upload that came to its end stays on the first page, and how many are listed there.
SHOWN_FOR, MOST = timedelta(days=7), 10

#: How an item stands, in the order of the filters: what became of it, or why nothing has.
SHOWN = (
    ("new", "New"),
    ("changed", "New version"),
    ("unchanged", "Unchanged"),
    ("refused", "Refused"),
    ("waiting", "Not brought in"),
    ("unread", "Not read"),
)
STANDS = Case(
    When(progress=ImportState.REFUSED, then=Value("unread")),
    When(~Q(outcome=""), then=F("outcome")),
    When(progress=ImportState.CONFIRMED, then=Value("confirmed")),
    default=Value("waiting"),
    output_field=CharField(),
)


class Together(forms.Form):
    """What is said about all automations of an upload together.

    Args:
        people: who can be named an owner.
        teams: the builder's teams; the field is there when there is a choice.
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
        own = [(str(one.pk), one.name) for one in teams]
        field = self.fields["team"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = own
        if len(own) < 2:
            del self.fields["team"]


def form_of(builder: Builder, batch: ImportBatch, data: QueryDict | None = None) -> Together:
    """The form, beginning with what was ordered before, else with the team that it was read for and its builder."""
    people = {who.pk: who for team in builder.teams for who in ownership_rules.possible_owners(team, None, builder.now)}
    by_name = sorted(people.values(), key=lambda who: (who.name, who.pk))
    initial = batch.order
    if "team" not in initial:
        read_for = batch.items.order_by("pk").values_list("team", flat=True).first()
        initial = {"team": read_for, "technical_owner": builder.person.pk}
    return Together(data, people=by_name, teams=builder.teams, initial=initial)


@dataclass(frozen=True)
class Counts:
    """How many items of an upload stand how."""

    by: Mapping[str, int]

    @classmethod
    def of(cls, batch: ImportBatch) -> Counts:
        """One query."""
        rows = _shown(batch).values_list("stands").annotate(count=Count("pk")).order_by()
        return cls(dict(rows))

    def __getitem__(self, stands: str) -> int:
        return self.by.get(stands, 0)

    @property
    def automations(self) -> int:
        """How many were read."""
        return sum(self.by.values()) - self["unread"]

    @property
    def done(self) -> int:
        """How many something has become of."""
        return self.automations - self["waiting"]

    @property
    def in_words(self) -> str:
        """What became of them: "1,950 new, 12 refused"."""
        said = [f"{self[key]:,} {word.lower()}" for key, word in SHOWN[:4] if self[key]]
        return ", ".join(said)


def _shown(batch: ImportBatch) -> QuerySet[Any]:
    """The items of an upload that stand for themselves: nothing discarded, and no preview in which a confirmed one goes on."""
    own: QuerySet[Any] = batch.items.exclude(progress=ImportState.DISCARDED).exclude(
        progress=ImportState.PREVIEW, version__isnull=False
    )
    shown: QuerySet[Any] = own.annotate(stands=STANDS)
    return shown


def context(builder: Builder, batch: ImportBatch, asked: QueryDict, *, form: Together | None = None) -> Shape:
    """Everything on the page, save what a fragment needs not.

    Args:
        builder: whose upload it is.
        batch: the upload.
        asked: the query string: which items, from which on.
        form: after a refusal, with its errors.
    """
    counts, path = Counts.of(batch), reverse("import_batch", args=[batch.pk])
    is_under_way = batch.progress == BatchState.CONFIRMING
    ended = _ended(batch, counts)
    rows, older, newer = _page(builder, batch, asked, path)
    can_order = bool(builder.teams) and not is_under_way and counts["waiting"] + counts["refused"] > 0
    return {
        "now": builder.now,
        "batch": batch,
        "action": path,
        "head": _head(batch, counts),
        "crumbs": [{"label": "Bring in", "href": reverse("bring_in")}, {"label": "Upload", "href": ""}],
        "is_under_way": is_under_way,
        "progress": _progress(batch, counts, path),
        "ended": ended,
        "form": (form or form_of(builder, batch)) if can_order else None,
        "order_label": _order_label(counts),
        "refused_before": counts["refused"],
        "adding": adding(batch) if builder.teams and not is_under_way and not (ended and ended["is_all"]) else None,
        "chips": _chips(path, asked, counts),
        "rows": rows,
        "pager": {"newer_href": newer, "older_href": older, "words": ""},
        "empty": {"sentence": "Nothing of this upload stands so.", "href": path, "action": "Show all of it"},
    }


def adding(batch: ImportBatch | None = None) -> Shape:
    """What the script needs to send files part by part: where to, how much of it at once, and to which upload."""
    return {
        "action": reverse("import_add"),
        "most_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        # What stands around the files in a request is a part of it.
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
    """How far it is, in words and as a bar."""
    return {
        "href": path if batch.progress == BatchState.CONFIRMING else "",
        "done": counts.done,
        "total": counts.automations,
        "words": counts.in_words,
    }


def _ended(batch: ImportBatch, counts: Counts) -> Shape | None:
    """What an order came to."""
    if batch.progress != BatchState.CONFIRMED or not counts.done:
        return None
    is_all = not counts["refused"] and not counts["waiting"]
    first = "All that was read is in the register" if is_all else f"{counts['refused']:,} could not be brought in"
    return {"tone": "ok" if is_all else "wait", "first": first, "words": counts.in_words, "is_all": is_all}


def _order_label(counts: Counts) -> str:
    again, left = counts["refused"], counts["waiting"]
    if again and not left:
        return f"Try {times.counted(again, 'automation')} once more"
    return f"Bring {times.counted(left + again, 'automation')} in"


def _chips(path: str, asked: QueryDict, counts: Counts) -> list[Shape]:
    """Filters with their counts; what there is none of is left out."""
    choices = [("", "All"), *((key, label) for key, label in SHOWN if counts[key] or asked.get("show") == key)]
    found = pager.chips(path, asked, "show", choices)
    for chip, (key, _) in zip(found, choices, strict=True):
        chip["count"] = counts[key] if key else sum(counts.by.values())
    return found


# --- rows -----------------------------------------------------------------------------------------------------------

COLUMNS = ("pk", "filename", "reason", "stands", "progress", "name", "uses", "version__number", "version__automation")


def _rows(batch: ImportBatch) -> QuerySet[Any, Any]:
    """Items without their manifests: what is shown of one is read where it stands."""
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


def _row(one: Mapping[str, Any]) -> Shape:
    automation, can_open = one["version__automation"], one["progress"] == ImportState.PREVIEW
    href = reverse("automation", args=[automation]) if automation else ""
    return {
        "pk": one["pk"],
        "name": one["name"] or one["filename"],
        "href": reverse("import_preview", args=[one["pk"]]) if can_open else href,
        "file": one["filename"] if one["name"] else "",
        "uses": one["uses"] if one["stands"] != "unread" else None,
        "stands": one["stands"],
        "words": state_words.STATES["import"][one["stands"]].text,
        "reason": one["reason"],
        "would": registered_automations.words(one),
        "version": one["version__number"] or "",
    }


def _page(builder: Builder, batch: ImportBatch, asked: QueryDict, path: str) -> tuple[list[Shape], str, str]:
    """One page of items by their keys, as they were read, with the addresses of the pages after and before it."""
    where = batch.order.get("environment") or Environment.PRODUCTION
    about = registered_automations.PLACED | {"known": registered_automations.known(builder.teams, where)}
    rows = _rows(batch).annotate(**about)
    if asked.get("show") in dict(SHOWN):
        rows = rows.filter(stands=asked["show"])
    after, before = number(asked.get("after")), number(asked.get("before"))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: pager.PAGE + 1])
        has_more, has_less = len(found) > pager.PAGE, True
    else:
        earlier = rows.filter(pk__lt=before).order_by("-pk") if before is not None else rows.order_by("pk")
        found = list(earlier[: pager.PAGE + 1])
        more = len(found) > pager.PAGE
        has_more, has_less = (True, more) if before is not None else (more, False)
    found = found[: pager.PAGE]
    if after is None and before is not None:
        found.reverse()
    rest = pager.kept(asked)
    older = _at(path, rest, after=found[-1]["pk"]) if found and has_more else ""
    newer = _at(path, rest, before=found[0]["pk"]) if found and has_less else ""
    return [_row(one) for one in found], older, newer


def _at(path: str, rest: Mapping[str, str], **edge: int) -> str:
    return f"{path}?{urlencode({**rest, **edge})}"


def all_rows(batch: ImportBatch) -> Iterator[Shape]:
    """Every item, a few hundred at a time."""
    return (_row(one) for one in _rows(batch).order_by("pk").iterator(chunk_size=500))


# --- the first page, and the end ------------------------------------------------------------------------------------


def uploads_of(person: Person, now: datetime) -> list[Shape]:
    """A person's uploads of several automations that are under way, unfinished, or ended lately; the newest first."""
    open_ = ImportItem.objects.filter(batch=OuterRef("pk"), progress=ImportState.PREVIEW, version=None)
    own = ImportBatch.objects.filter(by=person, size__gt=1)
    own = own.filter(Exists(open_) | Q(progress=BatchState.CONFIRMING) | Q(size__gt=FEW, at__gte=now - SHOWN_FOR))
    found = list(own.order_by("-pk")[:MOST])
    left = dict(
        ImportItem.objects.filter(batch__in=found, progress=ImportState.PREVIEW, version=None)
        .values_list("batch")
        .annotate(count=Count("pk"))
        .order_by()
    )
    return [
        {
            "name": times.counted(one.size, "automation"),
            "href": reverse("import_batch", args=[one.pk]),
            "at": one.at,
            "state": one.progress,
            "left": left.get(one.pk, 0),
        }
        for one in found
    ]


def what_goes(batch: ImportBatch) -> str:
    """What is gone once an upload is discarded, in a sentence, and what stays."""
    counts = Counts.of(batch)
    gone = times.counted(counts["waiting"] + counts["refused"], "automation")
    stays = counts.automations - counts["waiting"] - counts["refused"]
    rest = f" {times.counted(stays, 'automation')} of it stay in the register." if stays > 1 else ""
    rest = " One of it stays in the register." if stays == 1 else rest
    return f"What was read of {gone} and what you typed about them is gone then.{rest}"
