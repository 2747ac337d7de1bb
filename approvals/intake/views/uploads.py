"""One upload of several automations: files added in parts, import ordered, followed, stopped, reported and discarded (I7).

`approvals.intake.views.upload_page` builds the page; `approvals.intake.bulk_import` runs the order.
"""

import csv
from collections.abc import Iterator

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.intake import bulk_import
from approvals.intake.views import upload_page
from approvals.intake.views.builder import Builder, discard_page
from approvals.intake.views.forms import OrderForm
from approvals.intake.views.imports import show_refusals
from governance.core.access import Refusal, Refused, refuse
from governance.core.models import Team
from governance.core.texts import free_text
from governance.web.components import state_words
from governance.web.pages.page import page
from governance.web.requests import upload_limits
from governance.web.requests.request import Request, number
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import file_shown
from inventory.imports import import_process
from inventory.imports.transitions import previews
from inventory.models import BatchState, ImportBatch, ImportState
from inventory.ownership import rules as ownership_rules

TEMPLATE = "approvals/intake/upload.html"
FEWER_FILES = "Send fewer files at a time."


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
    builder = Builder.of(request)
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
    counts = {"read": added.read, "refused": added.refused, "again": added.again}
    return JsonResponse({"batch": reverse("import_batch", args=[batch.pk]), "pk": batch.pk, **counts})


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


# --- page ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@show_refusals
def upload(request: Request, pk: int) -> HttpResponse:
    """Show the files, outcomes and progress. A post orders the import of all, or stops it."""
    builder = Builder.of(request)
    batch = _find(builder, pk)
    if request.method == "POST":
        return _posted(request, builder, batch)
    answer = page(request, TEMPLATE, upload_page.context(builder, batch, request.GET), fragment="progress")
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
    form = upload_page.form_of(builder, batch, request.POST)
    if not form.is_valid() or _wrong_owners(builder, team, form):
        context = upload_page.context(builder, batch, request.GET, form=form)
        return page(request, TEMPLATE, context, status=422)
    given, technical = form.cleaned_data, form.cleaned_data["technical_owner"]
    owners = given["business_owner"].pk, technical.pk if technical else None
    bulk_import.order(batch, bulk_import.Order(team.pk, *owners, given["environment"]))
    return redirect("import_batch", pk=batch.pk)


def _wrong_owners(builder: Builder, team: Team, form: OrderForm) -> bool:
    """Whether a named person can't own automations of this team; reported beside the field (S1)."""
    named = {name: form.cleaned_data[name] for name in ("business_owner", "technical_owner")}
    refusals: list[tuple[str, Refusal]] = ownership_rules.owner_refusals(team, None, named, builder.now)
    for name, refusal in refusals:
        form.add_error(name, refusal.words)
    return bool(refusals)


# --- report and discard ----------------------------------------------------------------------------------------


@require_GET
def report(request: Request, pk: int) -> HttpResponse:
    """Outcome of each automation and file, as CSV."""
    batch = _find(Builder.of(request), pk)
    disposition = f'attachment; filename="upload-{batch.pk}.csv"'
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
    writer = csv.writer(answer)
    writer.writerow(("Automation", "File", "Outcome", "Reason", "Version", "Address"))
    for item in upload_page.all_items(batch):
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
    batch = _find(Builder.of(request), pk)
    return discard_page(
        request,
        lambda: previews.discard_all(batch),
        title="Discard what was not imported?",
        text=upload_page.discard_sentence(batch),
        done="Discarded. What is in the register already stays.",
        place="Upload",
        back=reverse("import_batch", args=[pk]),
    )
