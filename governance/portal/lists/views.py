"""Pages of lists: drop some, read what each row would change, apply it, and keep the report (P1)."""

import csv

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from governance.core.access import Permission, access
from governance.core.texts import free_text
from governance.core.texts.number_words import counted
from governance.portal.lists import uploads
from governance.portal.lists.list_file import COLUMNS, KINDS, ListProblem, columns_of
from governance.portal.models import APPLIED_OUTCOMES, ListUpload, RowOutcome, UploadState
from governance.portal.view_guards.decorators import reader
from governance.web.components import state_words
from governance.web.pages import pager
from governance.web.pages.page import Shape, page, readers_only, refused
from governance.web.requests import upload_limits
from governance.web.requests.request import Request

NOT_YOURS = readers_only("Lists are prepared and applied by governance admins.")
NOTHING = {"sentence": "No file was chosen.", "to_do": "Choose one or more CSV files."}


def _may(request: Request) -> bool:
    return access.may(request.actor, Permission.LIST_PREPARE, None, now=request.now())


def _find(request: Request, pk: int) -> ListUpload:
    """Return one of the reader's own uploads; others give 404."""
    return get_object_or_404(ListUpload.objects.select_related("by"), pk=pk, by=reader(request))


@require_http_methods(["GET", "POST"])
def lists(request: Request) -> HttpResponse:
    """Read some lists. Each upload becomes a preview that changes nothing yet."""
    if not _may(request):
        return refused(request, NOT_YOURS)
    if request.method != "POST":
        return _start(request)
    if upload_limits.is_too_large(request) and not request.FILES:
        return _start(request, {"sentence": upload_limits.too_large_sentence(), "to_do": "Split the list."})
    files = [(file.name or "", file.read()) for file in request.FILES.getlist("files")]
    if not files:
        return _start(request, NOTHING)
    try:
        upload = uploads.preview(files, actor=request.actor, now=request.now())
    except ListProblem as problem:
        place = f"line {problem.line}" if problem.line else ""
        return _start(
            request, {"file": problem.file, "place": place, "sentence": problem.sentence, "to_do": problem.to_do}
        )
    return redirect(upload.href)


def _start(request: Request, problem: Shape | None = None) -> HttpResponse:
    context = {
        "problem": problem,
        "limit": f"CSV, up to {upload_limits.limit()}, several at once",
        "uploads": uploads.uploads_of(reader(request)),
        "kinds": [(kind, [row for row in COLUMNS if row["list"] == kind]) for kind in KINDS],
    }
    return page(request, "portal/lists/lists.html", context, status=422 if problem else 200)


@require_GET
def list_template(request: Request, kind: str) -> HttpResponse:
    """An empty list of a kind: its head."""
    if not _may(request):
        return refused(request, NOT_YOURS)
    if kind not in KINDS:
        raise Http404("No list is called so.")
    headers = {"Content-Disposition": f'attachment; filename="{kind}.csv"'}
    return HttpResponse(",".join(columns_of(kind)) + "\r\n", content_type="text/csv; charset=utf-8", headers=headers)


@require_http_methods(["GET", "POST"])
def list_upload(request: Request, pk: int) -> HttpResponse:
    """Show what each row changes, and how far it is. A post applies it, or discards what was read."""
    if not _may(request):
        return refused(request, NOT_YOURS)
    upload, do = _find(request, pk), request.POST.get("do")
    if request.method == "POST":
        if do == "apply":
            uploads.apply(upload)
            return redirect(upload.href)
        if do != "discard":
            raise Http404("Nothing else is done here.")
        uploads.discard(upload)
        messages.success(request, "The upload is discarded. What it had changed stays.")
        return redirect("lists")
    answer = page(request, "portal/lists/upload.html", _context(request, upload), fragment="progress")
    if request.headers.get("HX-Target") == "progress" and upload.progress != UploadState.APPLYING:
        answer["HX-Refresh"] = "true"  # it has ended, so the whole page changes
    return answer


def _context(request: Request, upload: ListUpload) -> Shape:
    counts, path, words = uploads.count_rows(upload), upload.href, state_words.STATES["list_row"]
    choices = [("", "All"), *((outcome, words[outcome].text) for outcome in RowOutcome.values if counts[outcome])]
    rows = upload.rows.all()
    if (shown := request.GET.get("show")) in RowOutcome.values:
        rows = rows.filter(outcome=shown)
    everything, to_apply = (sum(counts[one] for one in some) for some in (RowOutcome.values, APPLIED_OUTCOMES))
    return {
        "upload": upload,
        "counts": counts,
        "rows": everything,
        "to_apply": to_apply,
        "label": f"Apply {counted(to_apply, 'row')}",
        "chips": pager.chips(path, request.GET, "show", choices, {"": everything, **counts}),
        "pager": pager.by_column(rows, request.GET, path, "pk"),
    }


@require_GET
def list_report(request: Request, pk: int) -> HttpResponse:
    """Outcome of each row, as CSV."""
    if not _may(request):
        return refused(request, NOT_YOURS)
    upload = _find(request, pk)
    headers = {"Content-Disposition": f'attachment; filename="lists-{upload.pk}.csv"'}
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(answer)
    writer.writerow(("List", "File", "Line", "Row", "Outcome", "What"))
    for row in upload.rows.all():
        outcome = state_words.STATES["list_row"][row.outcome].text
        cells = (row.kind, row.file, str(row.line), row.name, outcome, row.words)
        writer.writerow([free_text.cell(cell) for cell in cells])
    return answer
