"""Pages that edit a policy: as text with errors by line, or as a form made from its schema; with a preview of the changes
before proposing (S8).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from approvals.models import PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as kept
from approvals.policies.schema import Document
from approvals.policies.yaml_document import InvalidDocument, Problem
from approvals.proposals.views import proposals
from governance.core.access import InvalidInput
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request
from governance.web.requests.request import number as asked_number

TEMPLATE = "approvals/policies/policy_edit.html"


@require_http_methods(["GET", "POST"])
def policy_propose(request: Request) -> HttpResponse:
    """Propose a policy, starting from the one in force or an earlier version."""
    now = request.now()
    row = Proposal(kind="policy", target=DEFAULT)
    if (refusal := proposals.refusal(request, row, now)) is not None:
        return proposals.show_refusal(request, row, refusal, now, reverse("policies"))
    chosen = asked_number(request.GET.get("from"))
    base = get_object_or_404(PolicyVersion, kind=DEFAULT, number=chosen) if chosen else kept.in_force(now).version
    return _edit(request, row, kept.with_shipped_parts(base.document), now, begins_with=base.number)


@require_http_methods(["GET", "POST"])
def policy_amend(request: Request, pk: int) -> HttpResponse:
    """Amend a proposed policy before its first answer."""
    now = request.now()
    seen = Proposal.objects.visible_to(request.actor, now).filter(kind="policy").select_related("proposed_by")
    row = get_object_or_404(seen, pk=pk)
    if (refusal := proposals.refusal(request, row, now)) is not None:
        return proposals.show_refusal(request, row, refusal, now, row.href)
    return _edit(request, row, kept.with_shipped_parts(row.document), now, begins_with=None)


def _edit(
    request: Request, row: Proposal, base: dict[str, Any], now: datetime, *, begins_with: int | None
) -> HttpResponse:
    is_new, is_post, order = row._state.adding, request.method == "POST", request.POST.get("do", "")
    as_text = "text" in request.POST or (not is_post and request.GET.get("as") == "text")
    in_force = kept.with_shipped_parts(kept.in_force(now).document)
    form = None if as_text else PolicyForm(base, request.POST if is_post else None)
    typed = request.POST.get("text", policy_document.as_text(base))
    document: dict[str, Any] | None = None
    problems: tuple[Problem, ...] = ()
    status, error = 200, ""
    try:
        document = _read(form, base, typed) if is_post else base
        if order == "propose":
            reason, at_once = request.POST.get("reason", ""), request.POST.get("at_once") == "yes"
            made = proposals.write(request, row, now, document, reason, at_once=at_once)
            return redirect("proposal", made.pk)
        if order.startswith("show "):
            as_text, typed = order == "show text", policy_document.as_text(document)
            form = None if as_text else PolicyForm(document)
    except InvalidDocument as invalid_document:
        status, problems = 422 if order else 200, invalid_document.problems
    except InvalidInput as invalid:
        status, error = invalid.status, invalid.refusal.sentence
    changes = diff.changes(in_force, document) if document is not None else ()
    context: Shape = {
        "as_text": as_text,
        "groups": form.groups({change.where: change for change in changes}) if form is not None else (),
        "text": typed,
        "problems": problems,
        "is_read": document is not None,
        "changes": changes,
        "error": error,
        "hours": kept.in_force(now).at_once_hours,
        "begins_with": begins_with,
        "is_new": is_new,
        "back_href": reverse("policies") if is_new else row.href,
    }
    return page(request, TEMPLATE, context, fragment="change", also=() if as_text else ("marks",), status=status)


def _read(form: PolicyForm | None, base: Mapping[str, Any], typed: str) -> dict[str, Any]:
    """Return the document that was typed.

    Raises:
        InvalidDocument: fields get their problems; no problem if the form has its own.
    """
    if form is None:
        return policy_document.from_text(typed)
    if not form.is_valid():
        raise InvalidDocument
    try:
        return policy_document.from_data(form.document(base))
    except InvalidDocument as error:
        for problem in error.problems:
            # A value of a list is in the field of the list.
            where = problem.where if problem.where in form.fields else problem.where.rpartition(".")[0]
            changed = [name for name in form.changed_data if name.rpartition(".")[0] == where.rpartition(".")[0]]
            if where in form.fields:  # of two values that are compared, the changed one gets the problem
                marked = where if where in changed or not changed else changed[0]
                form.add_error(marked, f"{problem.what} {problem.to_do}".strip())
        raise


class PolicyForm(forms.Form):
    """The form of a whole policy. Limits and consistency are checked by the document.

    Args:
        document: initial values.
        data: the sent data, if any.
    """

    use_required_attribute = False

    def __init__(self, document: Mapping[str, Any], data: QueryDict | None = None) -> None:
        super().__init__(data)
        for path, field in _leaves(Document):
            self.fields[path] = _field(path, field, _at(document, path))

    def document(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return the policy that was filled in.

        Args:
            base: the initial document.
        """
        made: dict[str, Any] = copy.deepcopy(dict(base))
        for path, value in self.cleaned_data.items():
            *above, last = path.split(".")
            part = made
            for name in above:
                part = part.setdefault(name, {})
            part[last] = _in_order(value, part.get(last)) if path.startswith(f"{diff.SEATS}.") else value
        return made

    def groups(self, changes: Mapping[str, diff.Change]) -> list[Shape]:
        """The fields grouped under headings, each with its help and its change from the policy in force."""
        groups: dict[str, list[Shape]] = {setting.group: [] for setting in diff.settings().values()}
        for path in self.fields:
            setting = diff.setting_at(tuple(path.split(".")))
            groups[setting.group].append({"bound": self[path], "help": setting.help, "change": changes.get(path)})
        return [{"title": title, "fields": fields} for title, fields in groups.items()]


def _leaves(part: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield path and field of each value of a document."""
    for name, field in part.model_fields.items():
        path = f"{above}.{name}" if above else name
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _leaves(annotation, path)
        else:
            yield path, field


def _in_order(value: Any, was: Any) -> Any:
    """Keep the order of earlier values and append new ones, because checkboxes have no order (A8)."""
    if not (isinstance(value, list) and isinstance(was, list)):
        return value
    return [label for label in was if label in value] + [new_label for new_label in value if new_label not in was]


def _at(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path, or None."""
    part: Any = document
    for name in path.split("."):
        part = part.get(name, {})
    return None if part == {} else part


def _field(path: str, field: FieldInfo, value: Any) -> forms.Field:
    annotation: Any = field.annotation
    value = value if value is not None or field.is_required() else field.default
    label = diff.label_of(tuple(path.split(".")), with_unit=True)
    if annotation is bool:
        return forms.BooleanField(label=label, initial=value, required=False)
    if get_origin(annotation) is list:
        choices = _choices(get_args(annotation)[0])
        boxes = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(label=label, initial=value, choices=choices, widget=boxes, required=False)
    if get_origin(annotation) is Literal:
        return forms.ChoiceField(label=label, initial=value, choices=_choices(annotation))
    number = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, initial=value, widget=number, required=NoneType not in get_args(annotation))


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(word, word.replace("_", " ").capitalize()) for word in get_args(words)]
