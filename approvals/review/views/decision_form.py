"""Form of a decision: approve as requested or narrowed, reject, ask, and refuse the connection's resource (A7, I8).

Invalid input is refused with its field and never read as "as requested" (A7). A field that the form does not offer has no meaning. The
form sends ``has_`` and the name of each field that it offers. The operation checks whether the decision narrows.
"""

from typing import Any

from django.http import QueryDict

from approvals.assignment.context import SubmissionContext
from approvals.decisions.rules import bindings
from approvals.decisions.transitions import decide
from approvals.duplicates import answers as duplicate_answers
from approvals.models import Approval
from approvals.review.views.reader import Reader
from governance.core.access import Actor, Refusal, refuse
from governance.core.engine.transition import Transition
from governance.web.pages.page import Shape
from governance.web.requests.request import number
from inventory.models import Resource, ScopeKind
from inventory.resources.transitions import bindings as transition_bindings
from inventory.risk.levels import LOWER

#: Fields that narrow an approval, and the names of their choices. Errors of other fields stand in the decision bar.
CHOICES = {"term_days": "terms", "level": "levels", "scope": "scopes"}
#: Fields of one approval. Their names end with its key, since the page is one form.
OWN_FIELDS = ("shown_digest", "not_mine", *CHOICES, *(f"has_{name}" for name in CHOICES))
#: Empty fields of a form. A template takes longer for a missing key.
NOTHING_MORE = dict.fromkeys(("levels", "scopes", "terms", "not_mine", "alike", "stranded", "focus"))
TERMS = {"low": (90, 180, 365), "standard": (30, 90, 180), "high": (30, 60, 90)}


def key_of(record: Approval) -> str:
    """Key of an approval on the page: that of its row, or "app"."""
    return "app" if record.stage == 1 else str(record.pk)


def fields_of(form: QueryDict, record: Approval) -> QueryDict:
    """Return the fields of one approval without its key, and the fields that stand for all selected ones."""
    fields, names = QueryDict(mutable=True), {f"{name}-{record.pk}": name for name in OWN_FIELDS}
    for name, values in form.lists():
        if name in names or name in ("decision", "reason") or name.startswith(duplicate_answers.FIELD):
            fields.setlist(names.get(name, name), values)
    return fields


def decision_form(record: Approval, context: SubmissionContext, reader: Reader, actor: Actor, *, signs: bool) -> Shape:
    """Context of ``approvals/review/decision_form.html``: the request is preselected, narrower choices are offered (A7).

    Args:
        record: open.
        context: of its submission.
        reader: the decider, with typed input.
        actor: the actor of the decision.
        signs: whether it can only be approved as requested: an extra approval, or an approval that nobody can give now.
    """
    typed = fields_of(reader.typed, record)
    form: Shape = {**NOTHING_MORE, "approval": record, "typed": typed}
    if record.stage == 2:
        form["not_mine"] = _unconfirmed_resource(record, context, actor)
        if not signs:
            form |= _narrowing_fields(record, typed)
            form["longest_term"] = context.facts.policy.longest_term(record.tier)
    form["errors"] = {
        name: message
        for name, message in reader.errors.items()
        if form.get(CHOICES.get(name, "")) or name.startswith(duplicate_answers.FIELD)
    }
    if reader.opened == key_of(record) and "reason" not in reader.errors:
        form["focus"] = next(iter(form["errors"]), "")
    return form


def _unconfirmed_resource(record: Approval, context: SubmissionContext, actor: Actor) -> Resource | None:
    """The resource of an unconfirmed binding, which its owner can refuse with a checkbox (I8)."""
    rows = bindings.unconfirmed_bindings(record, context.facts)
    is_theirs = all(transition_bindings.is_on_side(actor.capacity_of, row.resource, context.now) for row in rows)
    return rows[0].resource if rows and is_theirs else None


def _narrowing_fields(record: Approval, typed: QueryDict) -> Shape:
    """Offered terms, levels and parts of the scope; of each what was asked and what is chosen."""
    asked_days, privilege = record.granted_term_days or record.term_days, record.privilege
    terms = sorted({days for days in TERMS[record.tier] if days < asked_days} | {asked_days})
    days = number(typed.get("term_days"))
    # The chosen term may be gone after another person has narrowed the approval.
    fields: Shape = {"terms": terms, "asked_days": asked_days, "days": days if days in terms else asked_days}
    if privilege is None:
        return fields
    level = record.granted_level or privilege.counted_level
    if LOWER[level]:
        levels = (*LOWER[level], level)
        chosen = typed.get("level")
        fields |= {"levels": levels, "asked_level": level, "level": chosen if chosen in levels else level}
    scope = record.granted_scope if record.granted_scope is not None else privilege.scope
    if privilege.entitlement.scope_kind in (ScopeKind.SET, ScopeKind.TABLES, ScopeKind.PATH) and len(scope) > 1:
        kept = set(typed.getlist("scope") if "scope" in typed or "has_scope" in typed else scope)
        fields |= {"scopes": scope, "kept": kept if kept & set(scope) or not kept else set(scope)}
    return fields


#: Value of the button that approves all of the reader's approvals that may be approved together.
REST = "rest"
#: Operations by the name of their button (A7).
DECISIONS = {"approve": decide.approve, REST: decide.approve, "reject": decide.reject, "ask": decide.ask_for_changes}
KEPT = "Nothing was decided; what you typed is still there."


def verb(form: QueryDict) -> Transition[Any]:
    """Return the operation of the pressed button.

    Raises:
        InvalidInput: none, several, or an unknown one.
    """
    operation = DECISIONS.get(_single_value(form, "decision") or "")
    if operation is None:
        raise _garbled("decision", "Nothing was decided: approve, reject or request changes.")
    return operation


def other_answers(form: QueryDict, chosen: Transition[Any]) -> dict[str, Any]:
    """Parse the other answers: term in days, level and scope of an approval; refused resource of a rejection (I8).

    Raises:
        InvalidInput: an answer is invalid, with its field.
    """
    not_mine = _single_value(form, "not_mine")
    if not_mine not in (None, "1"):
        raise _garbled("not_mine", "Say by the box whether this connection opens your resource.")
    if not_mine and chosen is not decide.reject:
        sentence = "You said that this connection does not open your resource."
        raise refuse(Refusal("I8", "input", sentence, "Reject it, or take that back.", (("not_mine", sentence),)))
    if chosen is decide.approve:
        return {"term_days": _term(form), "level": _level(form), "scope": _scope(form), "same": _same(form)}
    return {"not_mine": True} if not_mine else {}


def _term(form: QueryDict) -> int | None:
    value = _single_value(form, "term_days")
    days = number(value)
    if days is None and (value is not None or "has_term_days" in form):
        raise _garbled("term_days", "A term is a number of days: choose one.")
    return days


def _level(form: QueryDict) -> str:
    value = _single_value(form, "level")
    if value == "" or (value is None and "has_level" in form):
        raise _garbled("level", "Choose a level.")
    return value or ""


def _scope(form: QueryDict) -> list[str] | None:
    """The remaining parts of the scope; None if the form offers none."""
    if "scope" not in form and "has_scope" not in form:
        return None
    return [str(part) for part in form.getlist("scope")]


def _same(form: QueryDict) -> dict[int, bool]:
    """Answers about possible duplicates, by id (I9)."""
    answers = {}
    for name in form:
        pk = number(name.removeprefix(duplicate_answers.FIELD)) if name.startswith(duplicate_answers.FIELD) else None
        if pk is None:
            continue
        value = _single_value(form, name)
        if value not in ("yes", "no"):
            raise _garbled(name, "Say whether it is the same or another one.")
        answers[pk] = value == "yes"
    return answers


def _single_value(form: QueryDict, name: str) -> str | None:
    """The single value of a field; None if it was not sent."""
    values = form.getlist(name)
    if len(values) > 1:
        raise _garbled(name, f"The form says {len(values)} things at once here: choose one.")
    return str(values[0]) if values else None


def _garbled(field: str, sentence: str) -> Exception:
    return refuse(Refusal("A7", "input", sentence, KEPT, ((field, sentence),)))
