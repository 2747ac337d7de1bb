"""Import: files, pasted text and registered versions become previews; a preview is completed and submitted (I7, I8, I10).

A raw file is parsed in the memory of a child process and not stored. Posted answers are saved as a draft before any check.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.conflicts.views import rows as conflict_rows
from approvals.intake import drafts, promotion
from approvals.intake import transitions as intake_transitions
from approvals.intake.preview.rows import Preview
from approvals.intake.views import connections, uploads
from approvals.intake.views.builder import Builder, Work
from approvals.intake.views.forms import AutomationForm, offer
from approvals.models import Submission
from governance.core.access import InvalidInput, OutOfTurn, Refused
from governance.core.texts.number_words import counted
from governance.web.pages.page import Shape, ask, form_page, page, refused, say_beside
from governance.web.requests import upload_limits
from governance.web.requests.request import Request, number, visible_row
from inventory.automations import lineages
from inventory.imports import import_process
from inventory.imports.transitions import previews
from inventory.models import Automation, Environment, ImportItem, ImportState, Version

#: Maximum number of drafts on the first page.
MOST_DRAFTS = 20

# --- files and pasted text --------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def start(request: Request) -> HttpResponse:
    """Import files or pasted exports. Each automation becomes a preview; unreadable files are reported."""
    builder = Builder.for_request(request)
    if request.method != "POST":
        return _start(request, builder)
    team = builder.team(number(request.POST.get("team")))
    pasted = request.POST.get("pasted", "")
    files = [(file.name or "", file.read()) for file in request.FILES.getlist("files")]
    files += [("Pasted text", pasted.encode())] if pasted.strip() else []
    # No file is ignored in favour of the pasted text.
    if not files or (upload_limits.is_too_large(request) and not request.FILES):
        return _start(request, builder, [_empty_upload_problem(request)], status=422)
    try:
        read_files = import_process.read_in_child(files, person=builder.person)
    except import_process.ImportBusy as busy:
        to_do = f"{busy.to_do} Choose the files again then." if request.FILES else busy.to_do
        answer = _start(request, builder, [{"sentence": busy.sentence, "to_do": to_do}], status=busy.status)
        answer["Retry-After"] = str(busy.wait)
        return answer
    batch = previews.keep_results(read_files, actor=builder.actor, now=builder.now, team=team)
    items = list(batch.items.order_by("pk"))
    previews_read = [item for item in items if item.progress == ImportState.PREVIEW]
    if len(previews_read) > drafts.FEW:
        return redirect("import_batch", pk=batch.pk)
    problems = [_problem(item) for item in items if item.progress == ImportState.REFUSED]
    if problems:
        return _start(request, builder, problems, status=422, count=len(previews_read))
    if len(previews_read) == 1:
        return redirect("import_preview", pk=previews_read[0].pk)
    message = f"{len(previews_read)} automations were read. Each is a draft of yours until you submit it."
    messages.success(request, message)
    return redirect("import")


def _start(
    request: Request, builder: Builder, problems: Sequence[Shape] = (), *, status: int = 200, count: int = 0
) -> HttpResponse:
    """Show the first page, with what could not be read and the number of automations that could.

    Pasted text stays in the form; browsers drop files.
    """
    context: Shape = {
        "teams": builder.teams if len(builder.teams) > 1 else [],
        "team_chosen": number(request.POST.get("team")),
        "limit": f"up to {upload_limits.limit()}, several at once",
        "problems": problems if builder.teams else [drafts.NO_TEAM],
        "count": count,
        "pasted": request.POST.get("pasted", ""),
        "uploads": uploads.uploads_of(builder.person, builder.now),
        "drafts": drafts.drafts_of(builder.person)[:MOST_DRAFTS],
        "adding": uploads.adding() if builder.teams else None,
    }
    return page(request, "approvals/intake/import.html", context, status=status)


def _empty_upload_problem(request: Request) -> Shape:
    """Why no file arrived: none was chosen, or the request was too large."""
    if upload_limits.is_too_large(request):
        to_do = "Import the files one by one, or export fewer automations at a time."
        return {"sentence": upload_limits.too_large_sentence(), "to_do": to_do}
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
    submissions = Submission.objects.filter(version=item.version_id, submitted_at__gte=item.created_at)
    submission = submissions.order_by("-pk").first()
    if submission is not None:
        return redirect("review", pk=submission.pk)
    later = drafts.following_preview(item)
    return redirect("import_preview", pk=later.pk) if later is not None else None


@require_http_methods(["GET", "POST"])
def preview(request: Request, pk: int) -> HttpResponse:
    """Show the risk, problems and route of a preview. A post saves the draft, and submits if that button was used."""
    builder = Builder.for_request(request)
    item = builder.find(pk)
    if (elsewhere := _elsewhere(item)) is not None:
        return elsewhere
    if request.method != "POST":
        work = Work.begin(builder, item)
        loaded = work.load_preview()
        return work.page(request, loaded, work.automation_form(loaded))
    work = Work.take(builder, item, request.POST)
    do, _, what = request.POST.get("do", "").partition(":")
    if do == "submit":
        return _submit(request, work)
    if do == "waiver":
        return _ask_for_waiver(request, work, what)
    if do == "propose":
        return connections.propose_unnamed(request, work)
    if do in ("spread", "leave", "without"):
        return _change_rows(request, work, do, what)
    if do == "bind":
        if what not in drafts.connections(work.manifest):
            raise Http404("No connection of a preview has this key.")
        return redirect("import_bind", pk=work.item.pk, key=what)
    messages.success(request, "Saved. It stays here until you submit or discard it.")
    return _to_preview(work.item)


def _change_rows(request: Request, work: Work, do: str, what: str) -> HttpResponse:
    """Give all connections without a reason that of one, or leave rows out, and submit the rest if that was asked."""
    draft, place = work.draft, "route"
    if do != "spread":
        rows = {f"leave-{key}": "on" for key in what.split(",") if key}
        work.draft = draft.with_rows(rows, work.manifest)
        if do == "without":  # it is saved only if the rest is submitted
            return _submit(request, work, without=f" without {counted(len(rows), 'row')}")
        messages.success(request, f"{counted(len(rows), 'row')} left out for now. You can request them later.")
    else:
        groups, place = {row.group for row in work.load_preview().wanted}, f"reason-{what}"
        shared = {key: draft.reasons.get(key) or draft.reasons.get(what, "") for key in groups}
        work.draft = replace(draft, reasons=shared)
    drafts.keep(work.item, work.draft, work.team)
    return redirect(f"{reverse('import_preview', args=[work.item.pk])}#{place}")


def _to_preview(item: ImportItem) -> HttpResponse:
    return redirect("import_preview", pk=item.pk)


@require_http_methods(["GET", "POST"])
def panel(request: Request, pk: int) -> HttpResponse:
    """Save the draft and return the changed parts: facts of the rows, missing answers, risk and route."""
    builder = Builder.for_request(request)
    item = builder.find(pk)
    if request.method != "POST":
        return _to_preview(item)
    if _elsewhere(item) is not None:
        return HttpResponse(status=204)
    work = Work.take(builder, item, request.POST)
    loaded = work.load_preview()
    return work.page(request, loaded, work.automation_form(loaded))


def _submit(request: Request, work: Work, without: str = "") -> HttpResponse:
    """Confirm the preview, which creates the version, and submit the version. ``without`` says what was left out."""
    loaded = work.load_preview()
    if loaded.is_repeat:
        messages.info(request, "Nothing changed, so nothing was submitted.")
        return _to_preview(work.item)
    details = work.automation_form(loaded, request.POST)
    if (answer := _not_ready(request, work, loaded, details)) is not None:
        return answer
    known = loaded.content.version
    is_saved = known is not None and known == work.item.version and not loaded.amends
    if is_saved and (loaded.plan.short or any(row.problems for row in loaded.asked_rows)):
        messages.warning(request, "It is saved, and still can't be submitted: what is missing stands below.")
        return _to_preview(work.item)
    version = _confirm(request, work, loaded, details)
    if isinstance(version, HttpResponse):
        return version
    try:
        submission = intake_transitions.submit(loaded, version, actor=work.builder.actor, now=work.builder.now)
    except InvalidInput as error:
        message = f"Version {version.number} is saved, and not submitted yet. {error.refusal.sentence}"
        messages.warning(request, message)
        return _to_preview(_continued(work))
    messages.success(request, f"Submitted{without}. This page shows who must act, and since when.")
    return redirect("review", pk=submission.pk)


def _continued(work: Work) -> ImportItem:
    """The preview that keeps the answers of the confirmed one for a later submission."""
    work.item.refresh_from_db()
    return drafts.preview_to_continue(work.item, work.builder.now)


def _not_ready(request: Request, work: Work, loaded: Preview, details: AutomationForm) -> HttpResponse | None:
    """Show missing answers beside their fields, or why this person may not import it; None if it is complete."""
    if not _is_filled_in(loaded, details):
        return work.page(request, loaded, details, submitted=True, status=422)
    if loaded.refusal is not None:
        return refused(request, loaded.refusal, context={"back_href": reverse("import_preview", args=[work.item.pk])})
    return None


def _is_filled_in(loaded: Preview, details: AutomationForm) -> bool:
    """Whether the builder has given all required answers. Errors are shown beside their fields."""
    kinds = {problem.kind for problem in loaded.plan.problems}
    if "one_owner" in kinds:
        details.add_error(
            "technical_owner", "High risk needs a second person: name somebody else than the business owner."
        )
    return details.is_valid() and kinds.isdisjoint(("connection", "justification"))


def _confirm(request: Request, work: Work, loaded: Preview, details: AutomationForm) -> Version | HttpResponse:
    """Create the version, or explain on the page why there is none."""
    builder = work.builder
    try:
        version = intake_transitions.confirm(loaded, actor=builder.actor, now=builder.now)
    except OutOfTurn:  # confirmed or discarded by another request
        return _to_preview(work.item)
    except InvalidInput as error:
        say_beside(details, error)
        if error.refusal.to_do:
            details.add_error(None, error.refusal.to_do)
        return work.page(request, loaded, details, submitted=True, status=error.status)
    # without a version, a concurrent request has confirmed it, and submits it
    return version or _to_preview(work.item)


def _ask_for_waiver(request: Request, work: Work, code: str) -> HttpResponse:
    """Save the version to the register, which a waiver requires, and go to the waiver form (S7)."""
    loaded = work.load_preview()
    details = work.automation_form(loaded, request.POST)
    version = _not_ready(request, work, loaded, details) or _confirm(request, work, loaded, details)
    if isinstance(version, HttpResponse):
        return version
    _continued(work)
    to_do = "Once security has granted the waiver, finish it from the automation’s page."
    messages.info(request, f"Version {version.number} is saved, and not submitted yet. {to_do}")
    return redirect(conflict_rows.waiver_request_href_for_rule(version.automation, code, work.builder.now))


@require_http_methods(["GET", "POST"])
def discard(request: Request, pk: int) -> HttpResponse:
    """Discard a preview with its answers, after a confirmation."""
    item = Builder.for_request(request).find(pk)
    return ask(
        request,
        lambda _: previews.discard_item(item),
        title=f"Discard {item.manifest.get('name') or item.filename}?",
        text="What was read and what you typed is gone then. What is in the register already stays.",
        label="Discard",
        message="Discarded.",
        back=reverse("import_preview", args=[pk]),
        done=reverse("import"),
        reason="",
    )


# --- previews of a registered version: promoted to the next environment, or submitted again (I10, A10, A15, G5) ------


class Where(forms.Form):
    """The environments above its own."""

    environment = forms.ChoiceField(label="To")

    def __init__(self, *args: Any, targets: list[str], **more: Any) -> None:
        super().__init__(*args, **more)
        offer(self, "environment", [(target, Environment(target).label) for target in targets])


@require_http_methods(["GET", "POST"])
def promote(request: Request, pk: int) -> HttpResponse:
    """Go to a preview of an automation in a higher environment, with its answers in this one."""
    automation, now = visible_row(request, Automation, pk, "team", "approved_version")
    version = promotion.version_to_promote(automation)
    if version is None:
        raise Http404("There is no version of it yet.")
    environment = automation.get_environment_display().lower()

    def begin(answers: dict[str, Any]) -> SimpleNamespace:
        item = promotion.begin_promotion(automation, answers["environment"], actor=request.actor, now=now)
        return SimpleNamespace(href=reverse("import_preview", args=[item.pk]))

    stands = "as it is approved" if version.pk == automation.approved_version_id else "which is not approved"
    return form_page(
        request,
        Where(request.POST or None, targets=lineages.environments_above(automation)),
        begin,
        title=f"Promote {automation.name}",
        text=f"Version {version.number}, {stands} in {environment}, becomes a "
        "preview that starts with its justifications. An approval counts in one environment only, so every privilege is decided "
        "again. If the other environment is a separate installation, import its export and choose there what it is promoted from.",
        label="Go on to the preview",
        back=automation.href,
        refusal=promotion.promotion_refusal(automation, actor=request.actor, now=now),
    )


@require_POST
def submit_again(request: Request, pk: int) -> HttpResponse:
    """Go to a preview of the newest version of an automation, with its earlier answers."""
    automation, now = visible_row(request, Automation, pk)
    try:
        item = promotion.begin_resubmission(automation, actor=request.actor, now=now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": automation.href})
    return redirect("import_preview", pk=item.pk)
