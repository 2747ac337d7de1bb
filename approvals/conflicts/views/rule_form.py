"""The form of a conflict rule: texts, choices, and the legs with their selectors (S6)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms

from approvals.conflicts.rule_language.rule import LEGS, MODES, RATINGS, SCOPES
from approvals.conflicts.rule_language.selectors import FLAGS, LISTS, VALUE_WORDS
from approvals.policies.yaml_document import LARGEST_BYTES
from approvals.proposals.views import proposals
from governance.core.access import Actor
from governance.core.texts.csv_tables import read_rows
from inventory.importers.capabilities import TAGS
from inventory.models import Entitlement, Resource

#: Most values that a field suggests.
MOST_SUGGESTED = 500
#: Words of fields, scopes and modes by kind and code.
WORDS = {(row["kind"], row["code"]): row["words"] for row in read_rows(__file__, "rule_words.csv")}
LABELS = {code: words for (kind, code), words in WORDS.items() if kind == "field"}
#: The sections of the legs: name, heading, help.
SECTIONS = (
    ("legs", "What may not be held together", "Each part is a set of access. One match fills a part."),
    ("needs", "Only if it also holds", "Without this access, the rule does not fire."),
    ("without", "Unless it also holds", "This access prevents the conflict: “A without B”."),
)


@dataclass(frozen=True)
class Field:
    """One field of a selector.

    Args:
        name, label: of its inputs.
        kind: ``some`` (values that are added one by one), ``boxes`` or ``flag``.
        suggestions: id of the list with suggested values, for ``some``.
        options: value, label, and whether it is chosen.
        error: what is wrong with it.
    """

    name: str
    label: str
    kind: str
    suggestions: str
    options: Sequence[tuple[str, str, bool]]
    error: str

    @property
    def chosen(self) -> list[str]:
        """The labels of the chosen values."""
        return [label for value, label, is_chosen in self.options if value and is_chosen]


@dataclass(frozen=True)
class SelectorPart:
    """One set of conditions of a leg."""

    place: str
    fields: Sequence[Field]
    error: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing is chosen."""
        return not any(field.chosen for field in self.fields)

    @property
    def is_open(self) -> bool:
        """Whether it is unfolded: nothing is chosen, or something is wrong."""
        return self.is_empty or bool(self.error) or any(field.error for field in self.fields)

    @property
    def key(self) -> str:
        """Its DOM id."""
        return "any-" + self.place.replace(", any", "").replace(" ", "-")


@dataclass(frozen=True)
class LegPart:
    """One leg. ``add`` is the order of the button that adds a selector."""

    place: str
    name: str
    selectors: Sequence[SelectorPart]
    add: str
    errors: Mapping[str, str]


@dataclass(frozen=True)
class Section:
    """The legs of one section. ``add`` is the order of the button that adds a leg; empty if there can be no more."""

    key: str
    title: str
    help: str
    legs: Sequence[LegPart]
    add: str
    error: str


class RuleForm(forms.Form):
    """The texts and choices of a rule, or the rule as text, and the reason of the proposal."""

    use_required_attribute = False

    title = forms.CharField(label="Name", required=False, help_text="The conflict in a few words.")
    process = forms.CharField(label="Business process", required=False, help_text="For example: Procure to pay.")
    why = forms.CharField(label="Why it matters", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    resolve = forms.CharField(
        label="How to resolve a conflict", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    scope = forms.ChoiceField(
        label="Who may not hold all of it", choices=[(word, WORDS["scope", word]) for word in SCOPES]
    )
    rating = forms.ChoiceField(label="Risk", choices=[(word, word.capitalize()) for word in RATINGS])
    mode = forms.ChoiceField(label="What a conflict does", choices=[(word, WORDS["mode", word]) for word in MODES])
    code = forms.CharField(
        label="Code", required=False, help_text="Small letters, digits and hyphens. Empty: made from the name."
    )
    text = forms.CharField(
        label="The rule as YAML",
        max_length=LARGEST_BYTES,
        widget=forms.Textarea(attrs={"rows": 28, "class": "control mono", "spellcheck": "false"}),
    )
    reason = proposals.reason_field()
    at_once = forms.BooleanField(label="Put it in force at once", required=False)

    def __init__(self, *args: Any, as_text: bool, has_code: bool, hours: int | None, **more: Any) -> None:
        """`hours` is how long a new rule may act before its countersignature; None for an amended proposal."""
        super().__init__(*args, **more)
        hidden = {*self.base_fields} - {"text", "reason", "at_once"} if as_text else {"text"}
        for name in hidden | ({"code"} if has_code else set()) | ({"at_once"} if hours is None else set()):
            self.fields.pop(name, None)
        if hours is not None:
            self.fields[
                "at_once"
            ].help_text = f"Only for a new rule or a stricter mode. It ends after {hours} hours unless a security reviewer countersigns."


def sections(document: Mapping[str, Any], errors: Mapping[str, str], names: Mapping[int, str]) -> list[Section]:
    """Return the legs of a document for the form.

    Args:
        document: a rule, maybe not valid yet.
        errors: what is wrong, by the name of the place.
        names: names of resources by id.
    """
    parts = []
    for key, title, words in SECTIONS:
        given = document.get(key)
        legs = list(given or ()) if key == "legs" else [given] if given else []
        places = [f"legs {number}" for number in range(1, len(legs) + 1)] if key == "legs" else [key]
        rows = [_leg(place, leg, errors, names) for place, leg in zip(places, legs, strict=False)]
        place = f"legs {len(legs) + 1}" if key == "legs" else key
        has_room = len(legs) < (LEGS if key == "legs" else 1)
        parts.append(
            Section(key, title, words, rows, f"add {place}, any 1, outbound" if has_room else "", errors.get(key, ""))
        )
    return parts


def _leg(place: str, leg: Mapping[str, Any], errors: Mapping[str, str], names: Mapping[int, str]) -> LegPart:
    selectors = [
        SelectorPart(at := f"{place}, any {number}", list(_fields(at, selector, errors, names)), errors.get(at, ""))
        for number, selector in enumerate(leg["any"], 1)
    ]
    own = {part: errors.get(f"{place}, {part}", "") for part in ("name", "any")}
    return LegPart(place, leg["name"], selectors, f"add {place}, any {len(selectors) + 1}, outbound", own)


def _fields(
    place: str, selector: Mapping[str, Any], errors: Mapping[str, str], names: Mapping[int, str]
) -> Iterator[Field]:
    for part, label in LABELS.items():
        name, chosen = f"{place}, {part}", selector.get(part)
        if part in FLAGS:
            words = (("", "Either", None), ("true", "Yes", True), ("false", "No", False))
            options = [(value, text, chosen is truth) for value, text, truth in words]
            yield Field(name, label, "flag", "", options, errors.get(name, ""))
            continue
        values = LISTS[part] or chosen or ()
        options = [(str(value), _word(part, value, names), value in (chosen or ())) for value in values]
        kind = "some" if LISTS[part] is None else "boxes"
        yield Field(name, label, kind, f"suggested-{part}" if kind == "some" else "", options, errors.get(name, ""))


def _word(part: str, value: Any, names: Mapping[int, str]) -> str:
    if part == "resources":
        return names.get(value, f"Resource {value}")
    words = str(value) if part in ("tags", "codes") else VALUE_WORDS.get(value, value)
    return words if part in ("tags", "codes") else words[:1].upper() + words[1:]


def suggestions(actor: Actor, now: datetime) -> dict[str, list[tuple[str, str]]]:
    """Return the values that exist, with words: tags, operations, and the resources that the reader may see."""
    codes = Entitlement.objects.order_by("code").values_list("code", "words").distinct()[:MOST_SUGGESTED]
    resources = Resource.objects.visible_to(actor, now).order_by("name").values_list("pk", "name")[:MOST_SUGGESTED]
    rows: dict[str, Iterable[tuple[Any, str]]] = {"tags": TAGS.items(), "codes": codes, "resources": resources}
    return {f"suggested-{part}": [(str(value), words) for value, words in pairs] for part, pairs in rows.items()}
