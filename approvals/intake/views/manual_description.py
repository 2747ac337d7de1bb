"""Manual description of an automation without an export. It becomes a manifest and continues as a preview (I7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.intake.drafts import Draft, create_preview, keep
from approvals.intake.views.builder import Builder
from approvals.intake.views.forms import DescribedPrivilegeForm, DescriptionForm
from approvals.intake.views.imports import show_refusals
from governance.core.texts import free_text
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.importers.manifest import Trigger
from inventory.imports.manual_description import DescribedPrivilege, describe_manually
from inventory.models import Entitlement, ImportItem, ImportState, Resource

TEMPLATE = "approvals/intake/manual_description.html"
#: Maximum number of privileges in a description.
MOST = 60
#: Number of rows in an empty form.
AT_FIRST = 2


@require_http_methods(["GET", "POST"])
@show_refusals
def describe(request: Request) -> HttpResponse:
    """Describe an automation and its uses of resources. ``?item=`` edits a description that is still a preview.

    ``do=add`` adds a row, and ``do=search`` filters the resources by the words ``q``: a page can't list a large register. Input is kept.
    """
    builder = Builder.of(request)
    builder.team(None)
    item = _described_before(builder, request)
    kept: Mapping[str, Any] = Draft.of(item).by_hand if item is not None else {}
    data = request.POST if request.method == "POST" else None
    count = _count(request, kept)
    choice = _Choice.of(builder, request.POST, kept, count)
    form = DescriptionForm(data, teams=builder.teams, initial=kept.get("about"))
    rows = _rows(data, choice.choices, kept, count)
    if data is not None and data.get("do") not in ("add", "search"):
        if form.is_valid() and rows.is_valid():
            return _go_on(builder, item, form, rows, choice.resources)
        return _page(request, form, rows, item, choice, status=422)
    if data is not None:
        about = {name: form[name].value() for name in form.fields}
        typed = {"rows": [{name: row[name].value() for name in row.fields} for row in rows.forms]}
        form = DescriptionForm(teams=builder.teams, initial=about)
        rows = _rows(None, choice.choices, typed, len(rows.forms) + (data.get("do") == "add"))
    return _page(request, form, rows, item, choice)


@dataclass(frozen=True)
class _Choice:
    """Resources for the rows: those that match the search, and those already chosen.

    Args:
        resources: by id, sorted by name.
        words: the search as typed.
        has_more: whether more resources match than a page lists.
        fitting: how many of them match.
    """

    resources: Mapping[int, Resource]
    words: str
    has_more: bool
    fitting: int

    @classmethod
    def of(cls, builder: Builder, posted: QueryDict, kept: Mapping[str, Any], count: int) -> _Choice:
        named = [posted.get(f"rows-{index}-resource", "") for index in range(count)]
        named += [str(row.get("resource", "")) for row in kept.get("rows", ())]
        options, has_more = builder.options(pager.words_of(posted))
        picked = builder.choosable().filter(pk__in={pk for value in named if (pk := number(value)) is not None})
        rows = sorted({*options, *picked}, key=lambda resource: (resource.name, resource.pk))
        return cls({resource.pk: resource for resource in rows}, posted.get("q", "")[:200], has_more, len(options))

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Value and label of each resource."""
        return [(str(pk), resource.name) for pk, resource in self.resources.items()]


def _page(
    request: Request, form: forms.Form, rows: Any, item: ImportItem | None, choice: _Choice, status: int = 200
) -> HttpResponse:
    action = reverse("import_form") + (f"?item={item.pk}" if item is not None else "")
    context = {"action": action, "form": form, "rows": rows, "choice": choice}
    return page(request, TEMPLATE, context, status=status)


def _described_before(builder: Builder, request: Request) -> ImportItem | None:
    pk = number(request.GET.get("item"))
    if pk is None:
        return None
    item = builder.find(pk)
    if item.progress != ImportState.PREVIEW or item.manifest["source"]["format"] != "manual":
        raise Http404("This preview was not described by hand, or is confirmed already.")
    return item


def _count(request: Request, kept: Mapping[str, Any]) -> int:
    if request.method == "POST":
        return min(number(request.POST.get("rows-TOTAL_FORMS")) or AT_FIRST, MOST)
    return max(len(kept.get("rows", ())), AT_FIRST)


def _rows(data: Any, choices: list[tuple[str, str]], kept: Mapping[str, Any], count: int) -> Any:
    """Formset of `DescribedPrivilegeForm`. Empty rows are ignored, but one row is required."""
    limits: dict[str, Any] = {"extra": 0, "min_num": 1, "validate_min": True, "max_num": MOST, "absolute_max": MOST}
    formset_class = forms.formset_factory(DescribedPrivilegeForm, formset=_OneAtLeast, **limits)
    before = kept.get("rows", ()) if data is None else ()  # with initial data, an unchanged row would count as empty
    initial = [*before, *({} for _ in range(MOST))][:count]
    return formset_class(data, prefix="rows", initial=initial, form_kwargs={"resources": choices})


class _OneAtLeast(forms.BaseFormSet):
    """Ignore untouched rows."""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        form.empty_permitted = bool(index)


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
    draft = replace(Draft.of(item) if item is not None else Draft(team=team.pk), by_hand=typed)
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
        new_entitlement = Entitlement(resource=resources[pk], code=does, words=f"May {does}", level=level)
        entitlement = registered.get((pk, does), new_entitlement)
        descriptions.append(DescribedPrivilege(entitlement, level, given["target"], given["model_controlled"]))
    return descriptions


def _plain(words: str) -> str:
    """Words for comparison: lower case, single blanks, without "May" and the separators of codes."""
    plain = re.sub(r"[\s:/|]+", " ", free_text.name(words)).strip().lower()
    return plain.removeprefix("may ")
