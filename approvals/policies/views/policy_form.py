"""The form of a policy, generated from its schema (S8)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.http import QueryDict
from pydantic import BaseModel

from approvals.policies import diff
from approvals.policies.schema import Document

Shape = dict[str, Any]

#: Values that equal leaving the name out.
_LEFT_OUT = {"at_least": "low"}


class PolicyForm(forms.Form):
    """The form of a whole policy. Limits and consistency are checked by the document.

    Args:
        document: initial values.
        data: the sent data, if any.
    """

    use_required_attribute = False

    def __init__(self, document: Mapping[str, Any], data: QueryDict | None = None) -> None:
        super().__init__(data)
        for path, annotation in _leaves(Document):
            self.fields[path] = _field(path, annotation, _at(document, path))

    def document(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return the policy that was filled in.

        Args:
            base: the initial document; default values that it lacked stay out.
        """
        made: dict[str, Any] = copy.deepcopy(dict(base))
        for path, value in self.cleaned_data.items():
            *above, last = path.split(".")
            part = made
            for name in above:
                part = part.setdefault(name, {})
            default = _LEFT_OUT.get(above[-1]) if above else None
            if value is None or (value == default and last not in part):
                part.pop(last, None)
            else:
                part[last] = _in_order(value, part.get(last)) if path.startswith(f"{diff.SEATS}.") else value
        return made

    @property
    def groups(self) -> list[Shape]:
        """The fields grouped under headings."""
        groups: dict[str, list[forms.BoundField]] = {setting.group: [] for setting in diff.settings().values()}
        for path in self.fields:
            groups[diff.setting_at(tuple(path.split("."))).group].append(self[path])
        return [{"title": title, "fields": fields} for title, fields in groups.items()]


def _leaves(part: type[BaseModel], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and type of each value of a document."""
    for name, field in part.model_fields.items():
        path = f"{above}.{name}" if above else name
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _leaves(annotation, path)
        else:
            yield path, annotation


def _in_order(value: Any, was: Any) -> Any:
    """Keep the order of earlier values and append new ones, because checkboxes have no order (A8)."""
    if not (isinstance(value, list) and isinstance(was, list)):
        return value
    return [label for label in was if label in value] + [new_label for new_label in value if new_label not in was]


def _at(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path, or its default."""
    *above, last = path.split(".")
    part: Any = document
    for name in above:
        part = part.get(name, {})
    return part.get(last, _LEFT_OUT.get(above[-1]) if above else None)


def _field(path: str, annotation: Any, value: Any) -> forms.Field:
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
