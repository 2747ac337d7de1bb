"""Manual description of an automation without an export. It becomes a manifest and continues as a preview (I7)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.intake.drafts import Draft, create_preview, keep
from approvals.intake.views.builder import Builder
from approvals.intake.views.forms import DescribedPrivilegeForm, DescriptionForm
from governance.core.texts import free_text
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, number
from inventory.importers.manifest import Trigger
from inventory.imports.manual_description import DescribedPrivilege, describe_manually
from inventory.models import Entitlement, ImportItem, ImportState, Resource

#: Maximum number of privileges in a description.
MOST = 60
#: Number of rows in an empty form.
AT_FIRST = 2


class _OneAtLeast(forms.BaseFormSet):
    """Ignore untouched rows, but require the first."""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        form.empty_permitted = bool(index)


_LIMITS: dict[str, Any] = {"extra": 0, "min_num": 1, "validate_min": True, "max_num": MOST, "absolute_max": MOST}
_Rows: Any = forms.formset_factory(DescribedPrivilegeForm, formset=_OneAtLeast, **_LIMITS)


@require_http_methods(["GET", "POST"])
def describe(request: Request) -> HttpResponse:
    """Describe an automation and its uses of resources. ``?item=`` edits a description that is still a preview.

    ``do=add`` adds a row, and ``do=search`` filters the resources by the words ``q``: a page can't list a large register. Input is kept.
    """
    builder = Builder.for_request(request)
    builder.team(None)
    item = _described_before(builder, request)
    kept: Mapping[str, Any] = Draft.load(item).by_hand if item is not None else {}
    about, typed, do = kept.get("about"), list(kept.get("rows", ())), request.POST.get("do")
    if request.method == "POST":
        about = _values(DescriptionForm(request.POST, teams=builder.teams))
        typed = [_values(row) for row in _Rows(request.POST, prefix="rows", form_kwargs={"resources": ()}).forms]
    choice = _choice(builder, request.POST, typed)
    resources: Mapping[int, Resource] = choice["resources"]
    options = {"prefix": "rows", "form_kwargs": {"resources": [(str(pk), row.name) for pk, row in resources.items()]}}
    if request.method == "POST" and do not in ("add", "search"):
        form, rows = DescriptionForm(request.POST, teams=builder.teams), _Rows(request.POST, **options)
        if form.is_valid() and rows.is_valid():
            return _go_on(builder, item, form, rows, resources)
    else:
        count = min(max(len(typed) + (do == "add"), AT_FIRST), MOST)
        initial = [*typed, *({} for _ in range(count - len(typed)))]
        form, rows = DescriptionForm(teams=builder.teams, initial=about), _Rows(initial=initial, **options)
    action = reverse("import_form") + (f"?item={item.pk}" if item is not None else "")
    context = {"action": action, "form": form, "rows": rows, "choice": choice}
    return page(request, "approvals/intake/manual_description.html", context, status=422 if form.is_bound else 200)


def _values(form: forms.Form) -> dict[str, Any]:
    """What is typed in each field."""
    return {name: form[name].value() for name in form.fields}


def _choice(builder: Builder, posted: QueryDict, typed: Sequence[Mapping[str, Any]]) -> Shape:
    """Resources for the rows by id: those that match the search, and those already chosen. ``fitting`` is how many match."""
    options, has_more = builder.options(pager.words_of(posted))
    chosen = {pk for row in typed if (pk := number(str(row.get("resource", "")))) is not None}
    rows = {*options, *builder.choosable().filter(pk__in=chosen)}
    resources = {row.pk: row for row in sorted(rows, key=lambda row: (row.name, row.pk))}
    return {"resources": resources, "words": posted.get("q", "")[:200], "has_more": has_more, "fitting": len(options)}


def _described_before(builder: Builder, request: Request) -> ImportItem | None:
    pk = number(request.GET.get("item"))
    if pk is None:
        return None
    item = builder.find(pk)
    if item.progress != ImportState.PREVIEW or item.manifest["source"]["format"] != "manual":
        raise Http404("This preview was not described by hand, or is confirmed already.")
    return item


def _go_on(
    builder: Builder, item: ImportItem | None, form: DescriptionForm, rows: Any, resources: Mapping[int, Resource]
) -> HttpResponse:
    given = form.cleaned_data
    team = builder.team(number(given.get("team")))
    privileges = [row.cleaned_data for row in rows.forms if row.cleaned_data]
    manifest = describe_manually(
        **{name: given[name] for name in ("name", "kind", "platform")},
        privileges=_described(privileges, resources),
        triggers=[Trigger(type=given["starts"], at="", authenticated=not given["is_open"])],
        external_id=item.manifest["source"]["external_id"] if item is not None else "",
    )
    typed = {"about": {**given, "team": team.pk}, "rows": privileges}
    draft = replace(Draft.load(item) if item is not None else Draft(team=team.pk), by_hand=typed)
    if item is None:
        item = create_preview(manifest.to_dict(), draft, by=builder.person, now=builder.now, team=team)
    else:
        keep(item, draft, team)
        item.manifest = manifest.to_dict()
        item.save(update_fields=["manifest"])
    return redirect("import_preview", pk=item.pk)


def _described(privileges: list[dict[str, Any]], resources: Mapping[int, Resource]) -> list[DescribedPrivilege]:
    """Each row with its entitlement: the registered one with these words or this code, or a new one."""
    rows = Entitlement.objects.filter(resource__in=[int(row_data["resource"]) for row_data in privileges])
    registered: dict[tuple[int, str], Entitlement] = {}
    for row in rows.select_related("resource"):
        registered[row.resource_id, _plain(row.code)] = registered[row.resource_id, _plain(row.words)] = row
    descriptions = []
    for given in privileges:
        pk, does, level = int(given["resource"]), _plain(given["does"]), given["level"]
        new_entitlement = Entitlement(
            resource=resources[pk], code=does, words=f"{does[:1].upper()}{does[1:]}", level=level
        )
        entitlement = registered.get((pk, does), new_entitlement)
        descriptions.append(DescribedPrivilege(entitlement, level, given["target"], given["model_controlled"]))
    return descriptions


def _plain(words: str) -> str:
    """Words for comparison: lower case, single blanks, without "May" and the separators of codes."""
    plain = re.sub(r"[\s:/|]+", " ", free_text.name(words)).strip().lower()
    return plain.removeprefix("may ")
