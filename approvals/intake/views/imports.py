"""Bringing in: what is dropped or pasted becomes previews; a preview is filled in, kept on every change, and submitted (I7, I8).

A raw file is parsed in the memory of a child process and forgotten. Everything posted is kept as a draft first, whatever is refused afterwards.
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
from approvals.intake.views.forms import About
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
#: What becomes of a version that waits for a waiver.
FINISHED_LATER = "Once security has granted the waiver, finish it from the automation’s page."
#: What a pasted text is called where files have names.
PASTED = "Pasted text"


def says_no(view: View) -> View:
    """Answer a refusal that the view has no better place for: the sentence, its code, and what to do."""

    @wraps(view)
    def answer(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as no:
            return refused(request, no.refusal, context={"back_href": reverse("bring_in")})

    return answer


# --- what is dropped or pasted --------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@says_no
def bring_in(request: Request) -> HttpResponse:
    """Drop, choose or paste exports; each automation in them becomes a preview, a file that can't be read says why."""
    builder = Builder.of(request)
    if request.method != "POST":
        return _start(request, builder)
    team = builder.team(number(request.POST.get("team")))
    pasted = request.POST.get("pasted", "")
    files = [(file.name or "", file.read()) for file in request.FILES.getlist("files")]
    files += [(PASTED, pasted.encode())] if pasted.strip() else []
    if not files or (_is_too_large(request) and not request.FILES):  # nothing is dropped beside what was pasted
        return _start(request, builder, [_nothing_came(request)], pasted, status=422)
    try:
        read = import_process.read_apart(files, person=builder.person)
    except import_process.ImportBusy as busy:
        return _busy(request, builder, busy, pasted)
    batch = previews.keep(read, actor=builder.actor, now=builder.now, team=team)
    items = list(batch.items.order_by("pk"))
    found = [item for item in items if item.progress == ImportState.PREVIEW]
    if len(found) > FEW:
        return redirect("import_batch", pk=batch.pk)
    problems = [_problem(item) for item in items if item.progress == ImportState.REFUSED]
    if problems:
        return _start(request, builder, problems, pasted, status=422, count=len(found))
    if len(found) == 1:
        return redirect("import_preview", pk=found[0].pk)
    messages.success(request, f"{len(found)} automations were read. Each is a draft of yours until you submit it.")
    return redirect("bring_in")


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
        "action": reverse("bring_in"),
        "teams": teams if len(teams) > 1 else [],
        "limit": f"up to {upload_limits.limit()}, several at once",
        "problems": problems if builder.teams else [{"sentence": NO_TEAM.sentence, "to_do": NO_TEAM.to_do}],
        "went_on": f"{times.counted(count, 'automation')} of the others can be read and stand under your drafts."
        if count
        else "",
        "pasted": pasted,
        "formats": FORMATS,
        "form_href": reverse("bring_in_form") if builder.teams else "",
        "uploads": upload_page.uploads_of(builder.person, builder.now),
        "drafts": [_draft(item) for item in builder.drafts()],
        "adding": upload_page.adding() if builder.teams else None,
    }
    return page(request, "approvals/intake/import.html", context, status=status)


def _busy(request: Request, builder: Builder, busy: import_process.ImportBusy, pasted: str) -> HttpResponse:
    """Refuse an upload beside another one; pasted text stays in the form, and a browser keeps no files."""
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


def _nothing_came(request: Request) -> Shape:
    """Why no file arrived: nothing was chosen, or it was more than is taken at once."""
    if _is_too_large(request):
        sentence = f"This is more than {upload_limits.limit()}, which is the most that is taken at once."
        return {"sentence": sentence, "to_do": "Bring the files in one by one, or export fewer automations at a time."}
    return {"sentence": "Nothing was chosen and nothing was pasted.", "to_do": "Choose a file, or paste an export."}


def _problem(item: ImportItem) -> Shape:
    """A refused file: its name, the place, the reason, and what to do."""
    file, _, rest = item.reason.partition(", ")
    if item.reason.startswith(f"{item.filename}, "):
        file, rest = item.filename, item.reason[len(item.filename) + 2 :]
    place, _, words = rest.partition(": ")
    reason, _, to_do = words.partition(". ")
    return {"file": file, "place": place, "sentence": f"{reason[:1].upper()}{reason[1:]}.", "to_do": to_do}


# --- one preview ----------------------------------------------------------------------------------------------------


def _elsewhere(item: ImportItem) -> HttpResponse | None:
    """Where a confirmed preview leads: to its review, or to where it goes on."""
    if item.progress != ImportState.CONFIRMED:
        return None
    submission = (
        Submission.objects.filter(version=item.version_id, submitted_at__gte=item.created_at).order_by("-pk").first()
    )
    if submission is not None:
        return redirect("review", pk=submission.pk)
    later = drafts.later_of(item)
    return redirect("import_preview", pk=later.pk) if later is not None else None


@require_http_methods(["GET", "POST"])
@says_no
def preview(request: Request, pk: int) -> HttpResponse:
    """What it would touch, what is missing, who would be asked; a post keeps the draft, and submits where that was pressed."""
    builder = Builder.of(request)
    item = builder.find(pk)
    elsewhere = _elsewhere(item)
    if elsewhere is not None:
        return elsewhere
    if request.method != "POST":
        work = Work.begin(builder, item)
        found = work.read()
        return work.page(request, found, work.about(found))
    work = Work.begin(builder, drafts.going_on(item, builder.now))
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
@says_no
def panel(request: Request, pk: int) -> HttpResponse:
    """Keep what was typed and answer with what follows from it: facts of the rows, what is missing, risk, and the route."""
    builder = Builder.of(request)
    item = builder.find(pk)
    if request.method != "POST":
        return redirect("import_preview", pk=pk)
    if _elsewhere(item) is not None:
        return HttpResponse(status=204)
    work = Work.begin(builder, drafts.going_on(item, builder.now))
    work.take(request.POST)
    found = work.read()
    return work.page(request, found, work.about(found))


@require_POST
@says_no
def submit(request: Request, pk: int) -> HttpResponse:
    """Confirm the preview, which makes the version, and submit that version."""
    builder = Builder.of(request)
    item = builder.find(pk)
    elsewhere = _elsewhere(item)
    if elsewhere is not None:
        return elsewhere
    work = Work.begin(builder, drafts.going_on(item, builder.now))
    work.take(request.POST)
    return _submit(request, work)


def _submit(request: Request, work: Work) -> HttpResponse:
    found = work.read()
    if found.is_repeat:
        messages.info(request, "Nothing changed, so nothing was submitted.")
        return redirect("import_preview", pk=work.item.pk)
    about = work.about(found, request.POST)
    if not _is_filled_in(found, about):
        return work.page(request, found, about, submitted=True, status=422)
    if found.refusal is not None:
        return refused(request, found.refusal, context={"back_href": reverse("import_preview", args=[work.item.pk])})
    is_saved = found.version is not None and found.version == work.item.version and not found.amends
    if is_saved and (found.short or any(one.problems for one in found.asked)):
        messages.warning(request, "It is saved, and still can't be submitted: what is missing stands below.")
        return redirect("import_preview", pk=work.item.pk)
    return _confirm_and_submit(request, work, found, about)


def _is_filled_in(found: Preview, about: About) -> bool:
    """Whether everything that the builder alone can settle is settled; errors stand beside their fields."""
    if any("two different owners" in problem for problem in found.problems) and about.data.get("business_owner"):
        about.add_error(
            "technical_owner", "High risk needs a second person: name somebody else than the business owner."
        )
    is_named = all(one.is_named or not one.connection for one in found.asked)
    return about.is_valid() and not found.unjustified and is_named


def _confirm(request: Request, work: Work, found: Preview, about: About) -> Version | HttpResponse:
    """Make the version, or say on the page why there is none."""
    builder, item = work.builder, work.item
    try:
        version = intake_transitions.confirm(found, actor=builder.actor, now=builder.now)
    except OutOfTurn:  # confirmed or discarded by another press
        return redirect("import_preview", pk=item.pk)
    except InvalidInput as no:
        beside = [(name, said) for name, said in no.refusal.detail if name in about.fields]
        for name, said in beside:
            about.add_error(name, said)
        if beside:
            return work.page(request, found, about, submitted=True, status=no.status)
        messages.error(request, f"{no.refusal.sentence} {no.refusal.to_do}".strip())
        return redirect("import_preview", pk=item.pk)
    if version is None:  # pressed twice: the other press has confirmed it, and submits it
        return redirect("import_preview", pk=item.pk)
    return version


def _ask_for_waiver(request: Request, work: Work, code: str) -> HttpResponse:
    """Save it to the register, which is what a waiver is asked for, and lead to the form (S7)."""
    found = work.read()
    about = work.about(found, request.POST)
    if not _is_filled_in(found, about):
        return work.page(request, found, about, submitted=True, status=422)
    if found.refusal is not None:
        return refused(request, found.refusal, context={"back_href": reverse("import_preview", args=[work.item.pk])})
    version = _confirm(request, work, found, about)
    if isinstance(version, HttpResponse):
        return version
    work.item.refresh_from_db()
    drafts.going_on(work.item, work.builder.now)  # what was typed stays to be submitted
    messages.info(request, f"Version {version.number} is saved, and not submitted yet. {FINISHED_LATER}")
    return redirect(conflict_rows.ask_of_rule_href(version.automation, code, work.builder.now))


def _confirm_and_submit(request: Request, work: Work, found: Preview, about: About) -> HttpResponse:
    builder, item = work.builder, work.item
    version = _confirm(request, work, found, about)
    if isinstance(version, HttpResponse):
        return version
    try:
        made = intake_transitions.submit(found, version, actor=builder.actor, now=builder.now)
    except InvalidInput as no:
        item.refresh_from_db()
        later = drafts.going_on(item, builder.now)
        said = f"Version {version.number} is saved, and not submitted yet. {no.refusal.sentence}"
        messages.warning(request, said)
        return redirect("import_preview", pk=later.pk)
    messages.success(request, "Submitted. You see here who holds it and since when.")
    return redirect("review", pk=made.pk)


@require_http_methods(["GET", "POST"])
@says_no
def discard(request: Request, pk: int) -> HttpResponse:
    """Drop a preview, after a question: what was read and typed goes with it."""
    builder = Builder.of(request)
    item = builder.find(pk)
    if request.method == "POST":
        previews.discard(item)
        messages.success(request, "Discarded.")
        return redirect("bring_in")
    ask = {
        "id": "discard",
        "title": f"Discard {item.manifest.get('name') or item.filename}?",
        "text": "What was read and what you typed is gone then. What is in the register already stays.",
        "action": reverse("import_discard", args=[pk]),
        "label": "Discard",
        "kind": "danger",
    }
    back = reverse("import_preview", args=[pk])
    crumbs = [{"label": "Bring in", "href": reverse("bring_in")}, {"label": "Preview", "href": back}]
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": back, "crumbs": crumbs})
