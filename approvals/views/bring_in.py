"""Bringing in: upload or paste, look at what it would touch, say why, see the route, submit (I7, A1)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals import preview as previews
from approvals import transitions
from approvals.preview import About
from approvals.transitions.submitting import Wish
from approvals.views import preview_page
from governance.controls import clock
from governance.controls.models import Person, Team
from governance.controls.refusals import InvalidInput, Refused
from governance.web.pages import page, refused
from inventory import registry
from inventory.importers.manifest import Manifest
from inventory.models import Environment, ImportItem, ImportState, Resource

#: Files in one upload, and bytes of one file.
MOST_FILES = 50
MOST_BYTES = 5 * 1024 * 1024


def teams_of(person: Person) -> list[Team]:
    """The teams for which a person brings things in: those they belong to or lead."""
    mine = Q(members=person) | Q(lead=person) | Q(deputy_lead=person)
    return list(
        Team.objects.filter(mine).select_related("lead", "deputy_lead", "parent__lead").distinct().order_by("name")
    )


@require_http_methods(["GET", "POST"])
def bring_in(request: HttpRequest) -> HttpResponse:
    """Drop, choose or paste exports; each automation found gets a preview."""
    if request.method == "GET":
        return page(request, "approvals/bring_in.html", _start(request))
    files = [(one.name or "upload", one) for one in request.FILES.getlist("files")[:MOST_FILES]]
    pasted = request.POST.get("pasted", "")
    problems = [
        {
            "file": name,
            "place": "",
            "sentence": "The file is larger than 5 MB.",
            "to_do": "Export one workflow at a time.",
        }
        for name, one in files
        if (one.size or 0) > MOST_BYTES
    ]
    contents = [(name, one.read()) for name, one in files if (one.size or 0) <= MOST_BYTES]
    if pasted.strip():
        contents.append(("pasted.json", pasted.encode()))
    if not contents and not problems:
        problems = [
            {
                "file": "",
                "place": "",
                "sentence": "There is nothing to read yet.",
                "to_do": "Choose a file or paste an export.",
            }
        ]
    now = clock.now()
    batch = registry.preview(contents, actor=request.actor, now=now) if contents else None
    items = list(batch.items.order_by("pk")) if batch else []
    problems += [
        {"file": item.filename, "place": "", "sentence": item.reason, "to_do": ""}
        for item in items
        if item.progress == ImportState.REFUSED
    ]
    good = [item for item in items if item.progress == ImportState.PREVIEW]
    if len(good) == 1 and not problems:
        return redirect("import_preview", pk=good[0].pk)
    context = _start(request) | {"problems": problems, "pasted": pasted if problems else ""}
    return page(request, "approvals/bring_in.html", context, status=422 if problems and not good else 200)


def _start(request: HttpRequest) -> dict[str, Any]:
    drafts = ImportItem.objects.filter(batch__by=request.actor.person, progress=ImportState.PREVIEW).order_by("-pk")[
        :10
    ]
    return {
        "action": reverse("bring_in"),
        "limit": "up to 5 MB each, several at once",
        "problems": [],
        "formats": [
            {"name": "n8n workflow export", "text": "one workflow, or a list of them (.json)"},
            {"name": "MCP client config", "text": "mcp.json, claude_desktop_config.json, VS Code settings"},
        ],
        "form_href": "",
        "drafts": [
            {
                "name": one.manifest.get("name") or one.filename,
                "href": reverse("import_preview", args=[one.pk]),
                "at": one.created_at,
                "words": one.filename,
            }
            for one in drafts
        ],
    }


class AboutForm(forms.Form):
    """What only a person can say about an automation."""

    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)
    purpose = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it does for the business, in a sentence or two.",
    )
    business_owner = forms.ModelChoiceField(Person.objects.none(), required=False, help_text="Accountable for it.")
    technical_owner = forms.ModelChoiceField(
        Person.objects.none(), required=False, help_text="High risk needs a second person."
    )
    environment = forms.ChoiceField(choices=Environment, initial=Environment.PRODUCTION)
    escalation_contact = forms.CharField(required=False, max_length=160)
    term_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=365,
        label="Term in days",
        help_text="Empty: the longest that each risk allows.",
    )

    def __init__(self, *args: Any, teams: list[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = Person.objects.filter(is_active=True, left_at__isnull=True)
        self.fields["team"].queryset = Team.objects.filter(pk__in=[one.pk for one in teams])  # type: ignore[attr-defined]
        for name in ("business_owner", "technical_owner"):
            self.fields[name].queryset = here  # type: ignore[attr-defined]


def _find(request: HttpRequest, pk: int) -> ImportItem:
    mine = ImportItem.objects.filter(batch__by=request.actor.person).select_related("batch", "version__automation")
    return get_object_or_404(mine, pk=pk)


@require_http_methods(["GET", "POST"])
def import_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """What one import would touch, and the route; keeps the draft on every post, submits when asked to."""
    item = _find(request, pk)
    if item.progress == ImportState.CONFIRMED and item.version is not None:
        return redirect("automation", pk=item.version.automation_id)
    if item.progress != ImportState.PREVIEW:
        return redirect("bring_in")
    teams = teams_of(request.actor.person)
    if not teams:
        return page(
            request, "approvals/bring_in.html", _start(request) | {"problems": [preview_page.NO_TEAM]}, status=422
        )
    draft = dict(item.draft)
    if request.method == "POST":
        draft = _draft_of(request, item)
    form = _form(draft, teams, item, is_bound=request.method == "POST")
    about = _about(request, form, draft, teams, item)
    if request.method == "POST":
        registry.save_draft(item, draft, team=about.team)
    chosen = _chosen(request, item, draft)
    preview = previews.read(item, about, chosen, clock.now())
    error = ""
    if request.method == "POST" and request.POST.get("do") == "submit" and form.is_valid():
        answer = _submit(request, item, form, about, chosen, draft)
        if isinstance(answer, HttpResponse):
            return answer
        error = answer
    if error:
        form.add_error(None, error)
    context = preview_page.context(item, preview, form, draft, show_errors=request.POST.get("do") == "submit")
    status = 422 if request.POST.get("do") == "submit" else 200
    if request.method == "POST" and request.POST.get("do") == "save":
        return redirect("import_preview", pk=item.pk)
    return page(request, "approvals/preview.html", context, fragment="route", also=("missing", "risk"), status=status)


def _draft_of(request: HttpRequest, item: ImportItem) -> dict[str, Any]:
    """Everything typed, as plain values: nothing is lost, whatever is wrong with it."""
    names = AboutForm.base_fields
    fields = {name: request.POST.get(name, "")[:2000] for name in names}
    why = {key[4:]: value[:2000] for key, value in request.POST.items() if key.startswith("why-")}
    bind = {key[5:]: value[:20] for key, value in request.POST.items() if key.startswith("bind-")}
    old = item.draft
    return {"fields": fields, "why": {**old.get("why", {}), **why}, "bind": {**old.get("bind", {}), **bind}}


def _form(draft: dict[str, Any], teams: list[Team], item: ImportItem, *, is_bound: bool) -> AboutForm:
    given = draft.get("fields") or {"team": str((item.team or teams[0]).pk), "environment": "production"}
    if is_bound:
        return AboutForm(given, teams=teams)
    return AboutForm(initial=given, teams=teams)


def _about(request: HttpRequest, form: AboutForm, draft: dict[str, Any], teams: list[Team], item: ImportItem) -> About:
    given = draft.get("fields", {})
    team = next((one for one in teams if str(one.pk) == given.get("team")), item.team or teams[0])
    ids = [int(given[name]) for name in ("business_owner", "technical_owner") if str(given.get(name, "")).isdecimal()]
    people = {str(one.pk): one for one in Person.objects.filter(pk__in=ids)}
    environment = given.get("environment") if given.get("environment") in Environment.values else "production"
    return About(
        team=team,
        builder=request.actor.person,
        environment=str(environment),
        business_owner=people.get(str(given.get("business_owner", ""))),
        technical_owner=people.get(str(given.get("technical_owner", ""))),
    )


def _chosen(request: HttpRequest, item: ImportItem, draft: dict[str, Any]) -> dict[str, Resource]:
    """The builder's choices that are resources in use which they may see."""
    through = previews.connections(Manifest.from_dict(item.manifest))
    said = draft.get("bind", {}).items()
    wanted = {through[name]: value for name, value in said if name in through and str(value).isdecimal()}
    seen = Resource.objects.visible_to(request.actor, clock.now()).filter(state="active", pk__in=set(wanted.values()))
    rows = {str(one.pk): one for one in seen.select_related("owner", "deputy", "team__lead", "team__deputy_lead")}
    return {name: rows[value] for name, value in wanted.items() if value in rows}


def _submit(
    request: HttpRequest,
    item: ImportItem,
    form: AboutForm,
    about: About,
    chosen: dict[str, Resource],
    draft: dict[str, Any],
) -> HttpResponse | str:
    """Confirm and submit; what stands in the way comes back as words, and a version that was saved is kept."""
    now = clock.now()
    names = ("purpose", "business_owner", "technical_owner", "escalation_contact", "environment")
    fields = {name: form.cleaned_data[name] for name in names}
    missing = preview_page.missing(previews.read(item, about, chosen, now), draft, form)
    if missing:
        return "Something is missing; see above."
    try:
        version = registry.confirm_import(
            about.team, actor=request.actor, now=now, item=item, fields=fields, chosen=chosen
        )
        item.refresh_from_db()
        after = previews.read(item, about, chosen, now)
        wishes = previews.wishes_of(after, draft.get("why", {}), form.cleaned_data["term_days"])
        submission = transitions.submit(
            version.automation,
            actor=request.actor,
            now=now,
            version=version,
            wishes={key: Wish(why, days) for key, (why, days) in wishes.items()},
        )
    except InvalidInput as no:
        return f"{no.refusal.sentence} {no.refusal.to_do}".strip()
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": request.path})
    return redirect("review", pk=submission.pk)


@require_POST
def import_discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Drop a preview with what was typed."""
    try:
        registry.discard(_find(request, pk))
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": reverse("bring_in")})
    return redirect("bring_in")
