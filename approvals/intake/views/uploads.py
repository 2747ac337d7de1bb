"""Uploads of several automations: files added in parts, import ordered, followed, stopped, reported and discarded (I7).

Manifests may be large and uploads may have thousands: the database extracts names and counts.
`approvals.intake.bulk_import` runs the order.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Case, CharField, Count, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Coalesce, Concat, JSONObject, Left, Trim
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.intake import bulk_import, drafts
from approvals.intake.views.builder import Builder
from approvals.intake.views.forms import OrderForm
from governance.core.access import Refusal, Refused, refuse
from governance.core.models import Person, Team
from governance.core.texts import free_text
from governance.web.components import state_words, times
from governance.web.pages import pager
from governance.web.pages.page import Shape, ask, page
from governance.web.requests import upload_limits
from governance.web.requests.request import Request, number
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import file_shown
from inventory.imports import import_process
from inventory.imports.transitions import previews
from inventory.models import Automation, BatchState, Environment, ImportBatch, ImportState, Version
from inventory.ownership import rules as ownership_rules

TEMPLATE = "approvals/intake/upload.html"
FEWER_FILES = "Send fewer files at a time."
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


def _find(builder: Builder, pk: int) -> ImportBatch:
    """Return one of the reader's own uploads; others give 404."""
    return get_object_or_404(ImportBatch.objects.select_related("by"), pk=pk, by=builder.person)


# --- upload in parts, by the script ------------------------------------------------------------------------------


@require_POST
def add(request: Request) -> HttpResponse:
    """Read some files into a named or new upload, and return the result as JSON.

    File names have no folders, so `paths` has the path of each. Without files it only starts an upload: if an answer is lost, the script
    sends the part to the same upload again, and nothing changes.
    """
    builder = Builder.for_request(request)
    try:
        _check_size(request)
        team = builder.team(number(request.POST.get("team")))
        named = request.POST.get("batch", "")
        going_on = _find(builder, number(named) or 0) if named else None
        files = [*import_process.read_in_child(_files(request), person=builder.person), *_too_large(request)]
        batch = going_on or previews.begin_upload(actor=builder.actor, now=builder.now)
        added = previews.add_results(batch, files, now=builder.now, team=team)
    except Refused as error:
        return JsonResponse({"sentence": error.refusal.sentence, "to_do": error.refusal.to_do}, status=error.status)
    except import_process.ImportBusy as busy:
        refusal, when = {"sentence": busy.sentence, "to_do": busy.to_do}, {"Retry-After": str(busy.wait)}
        return JsonResponse(refusal, status=busy.status, headers=when)
    return JsonResponse({"batch": reverse("import_batch", args=[batch.pk]), "pk": batch.pk, **asdict(added)})


def _check_size(request: Request) -> None:
    """Report a request that was too large and arrived without its files."""
    if upload_limits.is_too_large(request) and not request.FILES:
        raise refuse(Refusal("I7", "input", upload_limits.too_large_sentence(), FEWER_FILES))
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES or 0
    if len(request.POST.getlist("large")) > most:
        raise refuse(Refusal("I7", "input", f"This names more than {most} files.", FEWER_FILES))


def _files(request: Request) -> Iterator[tuple[str, bytes]]:
    """The posted files with their paths."""
    files, paths = request.FILES.getlist("files"), request.POST.getlist("paths")
    named = paths if len(paths) == len(files) else [file.name or "" for file in files]
    for path, file in zip(named, files, strict=True):
        yield path, file.read()


def _too_large(request: Request) -> list[tuple[str, ImportProblem]]:
    """Files that the browser did not send because each exceeds the limit."""
    reason, to_do = f"this is more than {upload_limits.limit()}", "Export fewer automations at a time."
    shown = [file_shown(name) for name in request.POST.getlist("large")]
    return [(name, ImportProblem(name, "", reason, to_do)) for name in shown]


def adding(batch: ImportBatch | None = None) -> Shape:
    """Configuration of the script that uploads files in parts: URL, maximum per part, and upload."""
    return {
        "action": reverse("import_add"),
        "most_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        # The limit covers the whole request body, with the parts around the files.
        "most_bytes": settings.FILE_UPLOAD_MAX_MEMORY_SIZE - 256 * 1024,
        "batch": batch.pk if batch is not None else "",
    }


def uploads_of(person: Person, now: datetime) -> QuerySet[Any]:
    """A person's uploads of several automations: running, unfinished or recently finished, newest first.

    Each has ``left``, the number of automations that are not imported.
    """
    is_open = Q(items__progress=ImportState.PREVIEW, items__version=None)
    uploads = ImportBatch.objects.filter(by=person, size__gt=1).annotate(left=Count("items", filter=is_open))
    recent = Q(size__gt=drafts.FEW, at__gte=now - SHOWN_FOR)
    uploads = uploads.filter(Q(left__gt=0) | Q(progress=BatchState.CONFIRMING) | recent)
    return uploads.order_by("-pk")[:MOST]


# --- page ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def upload(request: Request, pk: int) -> HttpResponse:
    """Show the files, outcomes and progress. A post orders the import of all, or stops it."""
    builder = Builder.for_request(request)
    batch = _find(builder, pk)
    if request.method == "POST":
        return _posted(request, builder, batch)
    answer = page(request, TEMPLATE, _context(builder, batch, request.GET), fragment="progress")
    if request.headers.get("HX-Target") == "progress" and batch.progress != BatchState.CONFIRMING:
        answer["HX-Refresh"] = "true"  # the order has ended, so the whole page changes
    return answer


def _posted(request: Request, builder: Builder, batch: ImportBatch) -> HttpResponse:
    do = request.POST.get("do", "")
    if do == "stop":
        previews.stop_import(batch)
        messages.success(request, "Stopped. What is in the register stays there; the rest is still here.")
        return redirect("import_batch", pk=batch.pk)
    if do != "order":
        raise Http404("Nothing else is done here.")
    if batch.progress == BatchState.CONFIRMING:  # a repeated order: it is running
        return redirect("import_batch", pk=batch.pk)
    # The import checks and records the permission of each automation.
    team = builder.team(number(request.POST.get("team")))
    form = _form(builder, batch, request.POST)
    if not form.is_valid() or _wrong_owners(builder, team, form):
        context = _context(builder, batch, request.GET, form=form)
        return page(request, TEMPLATE, context, status=422)
    given, technical = form.cleaned_data, form.cleaned_data["technical_owner"]
    owners = given["business_owner"].pk, technical.pk if technical else None
    bulk_import.order(batch, bulk_import.Order(team.pk, *owners, given["environment"]))
    return redirect("import_batch", pk=batch.pk)


def _form(builder: Builder, batch: ImportBatch, data: QueryDict | None = None) -> OrderForm:
    """The form with the answers of the earlier order, or else with the upload's team and its builder."""
    owners = [ownership_rules.possible_owners(team, None, builder.now) for team in builder.teams]
    by_name = sorted({person for people in owners for person in people}, key=lambda person: (person.name, person.pk))
    initial = batch.order
    if "team" not in initial:
        read_for = batch.items.order_by("pk").values_list("team", flat=True).first()
        initial = {"team": read_for, "technical_owner": builder.person.pk}
    return OrderForm(data, people=by_name, teams=builder.teams, initial=initial)


def _wrong_owners(builder: Builder, team: Team, form: OrderForm) -> bool:
    """Whether a named person can't own automations of this team; reported beside the field (S1)."""
    named = {name: form.cleaned_data[name] for name in ("business_owner", "technical_owner")}
    refusals: list[tuple[str, Refusal]] = ownership_rules.owner_refusals(team, None, named, builder.now)
    for name, refusal in refusals:
        form.add_error(name, refusal.words)
    return bool(refusals)


def _counts(batch: ImportBatch) -> dict[str, int]:
    """Count items by state, readable automations and finished automations. One query."""
    rows = _shown(batch).values_list("stands").annotate(count=Count("pk")).order_by()
    counts = dict.fromkeys(SHOWN, 0) | dict(rows)
    automations = sum(counts.values()) - counts["unread"]
    return {**counts, "automations": automations, "done": automations - counts["waiting"]}


def _shown(batch: ImportBatch) -> QuerySet[Any]:
    """Items of an upload, without discarded ones and without previews that continue a confirmed one."""
    items = batch.items.exclude(progress=ImportState.DISCARDED)
    shown: QuerySet[Any] = items.exclude(progress=ImportState.PREVIEW, version__isnull=False).annotate(stands=STANDS)
    return shown


def _context(builder: Builder, batch: ImportBatch, query: QueryDict, *, form: OrderForm | None = None) -> Shape:
    """Context of the page.

    Args:
        builder: the person who owns the upload.
        batch: the upload.
        query: the query string: filter and page.
        form: the form with its errors, after a refusal.
    """
    counts, path = _counts(batch), reverse("import_batch", args=[batch.pk])
    is_under_way, left = batch.progress == BatchState.CONFIRMING, counts["waiting"] + counts["refused"]
    is_open = bool(builder.teams) and not is_under_way
    is_complete = batch.progress == BatchState.CONFIRMED and counts["done"] and not left
    words = {state: state_words.STATES["import"][state].text for state in SHOWN}
    choices = [("", "All"), *((state, words[state]) for state in SHOWN if counts[state] or query.get("show") == state)]
    where = batch.order.get("environment") or Environment.PRODUCTION
    items = _rows(batch).annotate(**_IDENTITY).annotate(known=_registered_automation(builder.teams, where))
    if query.get("show") in SHOWN:
        items = items.filter(stands=query["show"])
    return {
        "batch": batch,
        "action": path,
        "is_under_way": is_under_way,
        "counts": counts,
        "left": left,
        "outcomes": ", ".join(f"{counts[state]:,} {words[state].lower()}" for state in SHOWN[:4] if counts[state]),
        "form": (form or _form(builder, batch)) if is_open and left else None,
        "adding": adding(batch) if is_open and not is_complete else None,
        "chips": pager.chips(path, query, "show", choices, {"": counts["automations"] + counts["unread"], **counts}),
        "pager": pager.by_column(items, query, path, "pk"),
    }


#: Columns of an item without its manifest, which may be large: the database extracts the values to show.
COLUMNS = ("batch", "filename", "reason", "progress", "version__number", "version__automation")


def _rows(batch: ImportBatch) -> QuerySet[Any]:
    """Items with their name and number of privileges."""
    length = Func(KeyTransform("privileges", "manifest"), function="jsonb_array_length", output_field=IntegerField())
    uses = Case(When(manifest__has_key="privileges", then=length), default=Value(0), output_field=IntegerField())
    name = Coalesce(KT("manifest__name"), Value(""), output_field=CharField())
    rows: QuerySet[Any] = _shown(batch).annotate(name=name, uses=uses).select_related("version").only(*COLUMNS)
    return rows


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


# --- report and discard ----------------------------------------------------------------------------------------


@require_GET
def report(request: Request, pk: int) -> HttpResponse:
    """Outcome of each automation and file, as CSV."""
    batch = _find(Builder.for_request(request), pk)
    disposition = f'attachment; filename="upload-{batch.pk}.csv"'
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
    writer = csv.writer(answer)
    writer.writerow(("Automation", "File", "Outcome", "Reason", "Version", "Address"))
    for item in _rows(batch).order_by("pk").iterator(chunk_size=500):
        address, file = "", item.filename if item.name else ""
        if item.progress == ImportState.PREVIEW:
            address = request.build_absolute_uri(reverse("import_preview", args=[item.pk]))
        elif item.version is not None:
            address = request.build_absolute_uri(reverse("automation", args=[item.version.automation_id]))
        version = item.version.number if item.version is not None else ""
        outcome = state_words.STATES["import"][item.stands].text
        cells = (item.name or item.filename, file, outcome, item.reason, version, address)
        writer.writerow([free_text.cell(cell) for cell in cells])
    return answer


@require_http_methods(["GET", "POST"])
def discard(request: Request, pk: int) -> HttpResponse:
    """Discard the parts of an upload that are not in the register, after a confirmation."""
    batch = _find(Builder.for_request(request), pk)
    return ask(
        request,
        lambda _: previews.discard_all(batch),
        title="Discard what was not imported?",
        text=_discard_sentence(batch),
        label="Discard",
        message="Discarded. What is in the register already stays.",
        back=reverse("import_batch", args=[pk]),
        done=reverse("import"),
        reason="",
    )


def _discard_sentence(batch: ImportBatch) -> str:
    """Say in a sentence what a discard deletes and what stays."""
    counts = _counts(batch)
    gone = times.counted(counts["waiting"] + counts["refused"], "automation")
    stays = counts["automations"] - counts["waiting"] - counts["refused"]
    kept = f" {times.counted(stays, 'automation')} of it stay in the register." if stays else ""
    kept = " One of it stays in the register." if stays == 1 else kept
    return f"What was read of {gone} and what you typed about them is gone then.{kept}"
