"""Import: files and pasted text become previews; a preview is completed, saved on every change, and submitted (I7, I8).

A raw file is parsed in the memory of a child process and not stored. Posted answers are saved as a draft before any check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.conflicts.views import rows as conflict_rows
from approvals.intake import drafts
from approvals.intake import transitions as intake_transitions
from approvals.intake.preview.rows import Preview
from approvals.intake.views import upload_page
from approvals.intake.views.builder import FEW, NO_TEAM, Builder, Work
from approvals.intake.views.forms import AutomationForm
from approvals.models import Submission
from governance.core.duties.refusals import InvalidInput, OutOfTurn, Refused
from governance.web.components import times
from governance.web.pages.page import page, refused
from governance.web.requests import upload_limits
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.imports import import_process
from inventory.imports.transitions import previews
from inventory.models import ImportItem, ImportState, Version

Shape = dict[str, Any]
View = Callable[..., HttpResponse]

FORMATS = (
    {"name": "n8n workflow export", "text": "one workflow, or a list of them (.json)"},
    {"name": "MCP client configuration", "text": "mcp.json, claude_desktop_config.json, VS Code settings"},
)
#: Next step for a version that waits for a waiver.
FINISHED_LATER = "Once security has granted the waiver, finish it from the automation’s page."
#: Name of a pasted text in lists of files.
PASTED = "Pasted text"


def show_refusals(view: View) -> View:
    """Answer refusals that a view does not handle: the sentence, its code, and the next step."""

    @wraps(view)
    def answer(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": reverse("import")})

    return answer


# --- files and pasted text --------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@show_refusals
def start(request: Request) -> HttpResponse:
    """Import files or pasted exports. Each automation becomes a preview; unreadable files are reported."""
    builder = Builder.of(request)
    if request.method != "POST":
        return _start(request, builder)
    team = builder.team(number(request.POST.get("team")))
    pasted = request.POST.get("pasted", "")
    files = [(file.name or "", file.read()) for file in request.FILES.getlist("files")]
    files += [(PASTED, pasted.encode())] if pasted.strip() else []
    if not files or (_is_too_large(request) and not request.FILES):  # no file is ignored in favour of the pasted text
        return _start(request, builder, [_empty_upload_problem(request)], pasted, status=422)
    try:
        read_files = import_process.read_in_child(files, person=builder.person)
    except import_process.ImportBusy as busy:
        return _busy(request, builder, busy, pasted)
    batch = previews.keep_results(read_files, actor=builder.actor, now=builder.now, team=team)
    items = list(batch.items.order_by("pk"))
    previews_read = [item for item in items if item.progress == ImportState.PREVIEW]
    if len(previews_read) > FEW:
        return redirect("import_batch", pk=batch.pk)
    problems = [_problem(item) for item in items if item.progress == ImportState.REFUSED]
    if problems:
        return _start(request, builder, problems, pasted, status=422, count=len(previews_read))
    if len(previews_read) == 1:
        return redirect("import_preview", pk=previews_read[0].pk)
    messages.success(
        request, f"{len(previews_read)} automations were read. Each is a draft of yours until you submit it."
    )
    return redirect("import")


def _start(
    request: Request,
    builder: Builder,
    problems: Sequence[Shape] = (),
    pasted: str = "",
    *,
    status: int = 200,
    count: int = 0,
) -> HttpResponse:
    chosen = request.POST.get("team", "")
    teams = [{"value": team.pk, "label": team.name, "selected": str(team.pk) == chosen} for team in builder.teams]
    context: Shape = {
        "now": builder.now,
        "action": reverse("import"),
        "teams": teams if len(teams) > 1 else [],
        "limit": f"up to {upload_limits.limit()}, several at once",
        "problems": problems if builder.teams else [{"sentence": NO_TEAM.sentence, "to_do": NO_TEAM.to_do}],
        "went_on": f"{times.counted(count, 'automation')} of the others can be read and stand under your drafts."
        if count
        else "",
        "pasted": pasted,
        "formats": FORMATS,
        "form_href": reverse("import_form") if builder.teams else "",
        "uploads": upload_page.uploads_of(builder.person, builder.now),
        "drafts": [_draft(item) for item in builder.drafts()],
        "adding": upload_page.adding() if builder.teams else None,
    }
    return page(request, "approvals/intake/import.html", context, status=status)


def _busy(request: Request, builder: Builder, busy: import_process.ImportBusy, pasted: str) -> HttpResponse:
    """Refuse a concurrent upload. Pasted text stays in the form; browsers drop files."""
    to_do = f"{busy.to_do} Choose the files again then." if request.FILES else busy.to_do
    answer = _start(request, builder, [{"sentence": busy.sentence, "to_do": to_do}], pasted, status=busy.status)
    answer["Retry-After"] = str(busy.wait)
    return answer


def _draft(item: ImportItem) -> Shape:
    count = len(item.manifest.get("privileges", ()))
    words = times.counted(count, "privilege") if count else "touches nothing"
    name = item.manifest.get("name") or item.filename
    return {"name": name, "href": reverse("import_preview", args=[item.pk]), "at": item.created_at, "words": words}


def _is_too_large(request: Request) -> bool:
    return (number(request.META.get("CONTENT_LENGTH")) or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def _empty_upload_problem(request: Request) -> Shape:
    """Why no file arrived: none was chosen, or the request was too large."""
    if _is_too_large(request):
        sentence = f"This is more than {upload_limits.limit()}, which is the most that is taken at once."
        return {"sentence": sentence, "to_do": "Import the files one by one, or export fewer automations at a time."}
    return {"sentence": "Nothing was chosen and nothing was pasted.", "to_do": "Choose a file, or paste an export."}


def _problem(item: ImportItem) -> Shape:
    """Describe a refused file: name, place, reason and next step."""
    file, _, rest = item.reason.partition(", ")
    if item.reason.startswith(f"{item.filename}, "):
        file, rest = item.filename, item.reason[len(item.filename) + 2 :]
    place, _, words = rest.partition(": ")
    reason, _, to_do = words.partition(". ")
    return {"file": file, "place": place, "sentence": f"{reason[:1].upper()}{reason[1:]}.", "to_do": to_do}


# --- one preview ----------------------------------------------------------------------------------------------------


def _elsewhere(item: ImportItem) -> HttpResponse | None:
    """Redirect from a confirmed preview to its review, or to the preview that continues it."""
    if item.progress != ImportState.CONFIRMED:
        return None
    submission = (
        Submission.objects.filter(version=item.version_id, submitted_at__gte=item.created_at).order_by("-pk").first()
    )
    if submission is not None:
        return redirect("review", pk=submission.pk)
    later = drafts.following_preview(item)
    return redirect("import_preview", pk=later.pk) if later is not None else None


@require_http_methods(["GET", "POST"])
@show_refusals
def preview(request: Request, pk: int) -> HttpResponse:
    """Show the risk, problems and route of a preview. A post saves the draft, and submits if that button was used."""
    builder = Builder.of(request)
    item = builder.find(pk)
    elsewhere = _elsewhere(item)
    if elsewhere is not None:
        return elsewhere
    if request.method != "POST":
        work = Work.begin(builder, item)
        loaded = work.read()
        return work.page(request, loaded, work.about(loaded))
    work = Work.begin(builder, drafts.preview_to_continue(item, builder.now))
    work.take(request.POST)
    do = request.POST.get("do", "")
    if do == "submit":
        return _submit(request, work)
    if do.startswith("waiver:"):
        return _ask_for_waiver(request, work, do.removeprefix("waiver:"))
    if do.startswith("bind:"):
        key = do.removeprefix("bind:")
        if not drafts.is_row(key):
            raise Http404("No row of a preview has this key.")
        return redirect("import_bind", pk=work.item.pk, key=key)
    messages.success(request, "Saved. It stays here until you submit or discard it.")
    return redirect("import_preview", pk=work.item.pk)


@require_http_methods(["GET", "POST"])
@show_refusals
def panel(request: Request, pk: int) -> HttpResponse:
    """Save the draft and return the changed parts: facts of the rows, missing answers, risk and route."""
    builder = Builder.of(request)
    item = builder.find(pk)
    if request.method != "POST":
        return redirect("import_preview", pk=pk)
    if _elsewhere(item) is not None:
        return HttpResponse(status=204)
    work = Work.begin(builder, drafts.preview_to_continue(item, builder.now))
    work.take(request.POST)
    loaded = work.read()
    return work.page(request, loaded, work.about(loaded))


@require_POST
@show_refusals
def submit(request: Request, pk: int) -> HttpResponse:
    """Confirm the preview, which creates the version, and submit the version."""
    builder = Builder.of(request)
    item = builder.find(pk)
    elsewhere = _elsewhere(item)
    if elsewhere is not None:
        return elsewhere
    work = Work.begin(builder, drafts.preview_to_continue(item, builder.now))
    work.take(request.POST)
    return _submit(request, work)


def _submit(request: Request, work: Work) -> HttpResponse:
    loaded = work.read()
    if loaded.is_repeat:
        messages.info(request, "Nothing changed, so nothing was submitted.")
        return redirect("import_preview", pk=work.item.pk)
    details = work.about(loaded, request.POST)
    if not _is_filled_in(loaded, details):
        return work.page(request, loaded, details, submitted=True, status=422)
    if loaded.refusal is not None:
        return refused(request, loaded.refusal, context={"back_href": reverse("import_preview", args=[work.item.pk])})
    version = loaded.content.version
    is_saved = version is not None and version == work.item.version and not loaded.amends
    if is_saved and (loaded.plan.short or any(row.problems for row in loaded.asked)):
        messages.warning(request, "It is saved, and still can't be submitted: what is missing stands below.")
        return redirect("import_preview", pk=work.item.pk)
    return _confirm_and_submit(request, work, loaded, details)


def _is_filled_in(loaded: Preview, details: AutomationForm) -> bool:
    """Whether the builder has given all required answers. Errors are shown beside their fields."""
    is_one_missing = any(problem.place == "technical_owner" for problem in loaded.plan.problems)
    if is_one_missing and details.data.get("business_owner"):
        details.add_error(
            "technical_owner", "High risk needs a second person: name somebody else than the business owner."
        )
    is_named = all(row.is_named or not row.connection for row in loaded.asked)
    return details.is_valid() and not loaded.unjustified and is_named


def _confirm(request: Request, work: Work, loaded: Preview, details: AutomationForm) -> Version | HttpResponse:
    """Create the version, or explain on the page why there is none."""
    builder, item = work.builder, work.item
    try:
        version = intake_transitions.confirm(loaded, actor=builder.actor, now=builder.now)
    except OutOfTurn:  # confirmed or discarded by another request
        return redirect("import_preview", pk=item.pk)
    except InvalidInput as error:
        field_errors = [(name, message) for name, message in error.refusal.detail if name in details.fields]
        for name, message in field_errors:
            details.add_error(name, message)
        if field_errors:
            return work.page(request, loaded, details, submitted=True, status=error.status)
        messages.error(request, f"{error.refusal.sentence} {error.refusal.to_do}".strip())
        return redirect("import_preview", pk=item.pk)
    if version is None:  # a concurrent request has confirmed it, and submits it
        return redirect("import_preview", pk=item.pk)
    return version


def _ask_for_waiver(request: Request, work: Work, code: str) -> HttpResponse:
    """Save the version to the register, which a waiver requires, and go to the waiver form (S7)."""
    loaded = work.read()
    details = work.about(loaded, request.POST)
    if not _is_filled_in(loaded, details):
        return work.page(request, loaded, details, submitted=True, status=422)
    if loaded.refusal is not None:
        return refused(request, loaded.refusal, context={"back_href": reverse("import_preview", args=[work.item.pk])})
    version = _confirm(request, work, loaded, details)
    if isinstance(version, HttpResponse):
        return version
    work.item.refresh_from_db()
    drafts.preview_to_continue(work.item, work.builder.now)  # keep the answers for the later submission
    messages.info(request, f"Version {version.number} is saved, and not submitted yet. {FINISHED_LATER}")
    return redirect(conflict_rows.waiver_request_href_for_rule(version.automation, code, work.builder.now))


def _confirm_and_submit(request: Request, work: Work, loaded: Preview, details: AutomationForm) -> HttpResponse:
    builder, item = work.builder, work.item
    version = _confirm(request, work, loaded, details)
    if isinstance(version, HttpResponse):
        return version
    try:
        submission = intake_transitions.submit(loaded, version, actor=builder.actor, now=builder.now)
    except InvalidInput as error:
        item.refresh_from_db()
        later = drafts.preview_to_continue(item, builder.now)
        message = f"Version {version.number} is saved, and not submitted yet. {error.refusal.sentence}"
        messages.warning(request, message)
        return redirect("import_preview", pk=later.pk)
    messages.success(request, "Submitted. You see here who holds it and since when.")
    return redirect("review", pk=submission.pk)


@require_http_methods(["GET", "POST"])
@show_refusals
def discard(request: Request, pk: int) -> HttpResponse:
    """Discard a preview with its answers, after a confirmation."""
    builder = Builder.of(request)
    item = builder.find(pk)
    if request.method == "POST":
        previews.discard_item(item)
        messages.success(request, "Discarded.")
        return redirect("import")
    ask = {
        "id": "discard",
        "title": f"Discard {item.manifest.get('name') or item.filename}?",
        "text": "What was read and what you typed is gone then. What is in the register already stays.",
        "action": reverse("import_discard", args=[pk]),
        "label": "Discard",
        "kind": "danger",
    }
    back = reverse("import_preview", args=[pk])
    crumbs = [{"label": "Import", "href": reverse("import")}, {"label": "Preview", "href": back}]
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": back, "crumbs": crumbs})
