"""A policy as a form: whatever its document may say, made of the shape that its schema is made of (S8)."""

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

#: The parts of the form: what stands above a few fields, and the parts of the document that they are in.
GROUPS = (
    ("What is high, and what may be low", ("tiers",)),
    ("Whose signatures", ("seats",)),
    ("Two owners", ("two_owners",)),
    ("Terms and reviews", ("longest_term", "review_after")),
    ("Deadlines", ("due_working_days", "expires_working_days", "builder_working_days")),
    ("Rounds and refusals", ("rounds", "resubmission_days")),
    ("Light path and what is looked at", ("light_path", "sampling")),
    ("Signals", ("signals",)),
    ("Sign-ins and proposals", ("fresh_sign_in_minutes", "proposals")),
    ("Conflicts and waivers", ("conflicts", "waivers")),
    ("Reviews and what they take away", ("events", "correction_days", "revocation_hours")),
    ("The brake", ("brake",)),
)
#: What is left out of a document says the same as this.
_LEFT_OUT = {"at_least": "low"}


class PolicyForm(forms.Form):
    """Everything that a policy says; how large a number may be, and what goes together, is the document's to say, with all else.

    Args:
        document: what the fields begin with.
        data: what was sent, if anything was.
    """

    use_required_attribute = False

    def __init__(self, document: Mapping[str, Any], data: QueryDict | None = None) -> None:
        super().__init__(data)
        for path, said in _leaves(Document):
            self.fields[path] = _field(path, said, _at(document, path))

    def document(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The policy as it was filled in.

        Args:
            base: what the form began with: what says nothing by itself and was not there stays away.
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
        """The fields, a few together under a heading."""
        return [
            {"title": title, "fields": [self[path] for path in self.fields if path.partition(".")[0] in parts]}
            for title, parts in GROUPS
        ]


def _leaves(part: type[BaseModel], above: str = "") -> Iterator[tuple[str, Any]]:
    """What a document may say, each by its path, with its type."""
    for name, field in part.model_fields.items():
        path = f"{above}.{name}" if above else name
        said = field.annotation
        if isinstance(said, type) and issubclass(said, BaseModel):
            yield from _leaves(said, path)
        else:
            yield path, said


def _in_order(value: Any, was: Any) -> Any:
    """Boxes have no order: what was there stays in the one that it had, and what is new follows (A8)."""
    if not (isinstance(value, list) and isinstance(was, list)):
        return value
    return [one for one in was if one in value] + [one for one in value if one not in was]


def _at(document: Mapping[str, Any], path: str) -> Any:
    """What a document says at a path, or what it says by leaving it out."""
    *above, last = path.split(".")
    part: Any = document
    for name in above:
        part = part.get(name, {})
    return part.get(last, _LEFT_OUT.get(above[-1]) if above else None)


def _field(path: str, said: Any, value: Any) -> forms.Field:
    label = _label(path)
    if said is bool:
        return forms.BooleanField(label=label, initial=value, required=False)
    if get_origin(said) is list:
        choices = _choices(get_args(said)[0])
        boxes = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(label=label, initial=value, choices=choices, widget=boxes, required=False)
    if get_origin(said) is Literal:
        return forms.ChoiceField(label=label, initial=value, choices=_choices(said))
    number = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, initial=value, widget=number, required=NoneType not in get_args(said))


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(word, word.replace("_", " ").capitalize()) for word in get_args(words)]


def _label(path: str) -> str:
    head, _, last = path.rpartition(".")
    sort = diff.SORTS.get(path) or diff.SORTS[f"{head}.*"]
    unit = f" ({sort.unit})" if sort.unit else ""
    return sort.label.format(last.replace("_", " ")) + unit
