"""The form by which one record is decided: yes as asked or narrower, no, a question; and whether the connection opens it (A7, I8).

What a decision's form says, read as it was meant or refused by its field: nothing garbled counts as "as asked" (A7).

A field that the form does not offer says nothing. One that it offers (it sends ``has_`` and the field's name) or sends says something,
and what can't be read is not guessed. Whether what was read is narrower is the operation's to judge.
"""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.urls import reverse

from approvals.assignment.route import Route
from approvals.decisions import digest
from approvals.decisions.rules import bindings
from approvals.decisions.transitions import decide, duplicates
from approvals.models import Approval, ApprovalKind
from approvals.policies import queries as policy_queries
from approvals.review.views import actions
from approvals.review.views.reader import Reader, Shape
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Transition
from governance.web.requests.parameters import number
from inventory.models import ScopeKind
from inventory.resources.transitions import bindings as transition_bindings
from inventory.risk.tiers import LOWER

#: What a form narrows by, field by field, and what it calls the choices. An error of one that it does not offer stands above it.
CHOICES = {"term_days": "terms", "level": "levels", "scope": "scopes"}
TERMS = {"low": (90, 180, 365), "standard": (30, 90, 180), "high": (30, 60, 90)}


def decide_href(record: Approval) -> str:
    """Where a decision on a record is posted to."""
    return reverse("decide", args=[record.submission_id, record.pk])


def key_of(record: Approval) -> str:
    """What the page calls a record: its row's key, or "app" for the left column."""
    return "app" if record.stage == 1 else str(record.pk)


def decision_form(record: Approval, route: Route, reader: Reader, actor: Actor, held: Refusal | None = None) -> Shape:
    """The context of ``approvals/review/decision_form.html``: what was asked is chosen, anything narrower is offered (A7).

    Args:
        record: open.
        route: of its submission.
        reader: who decides, and what they typed.
        actor: as whom.
        held: why nobody approves it as it stands; then it can be rejected or sent back, and no more.
    """
    policy = policy_queries.of(route.submission.policy)
    typed = reader.typed or {}
    signs = actions.signs(record, route, actor)
    form: Shape = {
        "action": decide_href(record),
        "digest": digest.digest(digest.of(record, reader.now)),
        "reason": {
            "value": typed.get("reason", ""),
            "required": signs or record.tier == "high",
            "help": _reason_help(record, signs=signs),
            "error": reader.errors.get("reason", ""),
        },
        "approve_label": "Approve the app" if record.kind == ApprovalKind.APP else "Approve",
        "final_round": record.round >= policy.rounds,
    }
    if signs:
        form["approve_label"] = "Approve all in the conflict"
    if actor.standing_for is not None:
        form["approve_label"] += f" for {actor.standing_for.name}"
    if held is not None:
        form["held"] = {"lead": held.sentence, "text": held.to_do}
    if record.stage == 2 and held is None and not signs:
        form |= _narrowing_fields(record, typed, policy)
    beside = ["reason", *(field for field, choices in CHOICES.items() if form.get(choices))]
    form["errors"] = {
        name: said for name, said in reader.errors.items() if name in beside or name.startswith(duplicates.FIELD)
    }
    form["error"] = " ".join(said for name, said in reader.errors.items() if name not in form["errors"])
    if reader.opened == key_of(record) and reader.refusal is None:
        form["focus"] = next(iter(form["errors"]), "reason")
    if record.stage == 2:
        form["not_mine"] = _not_mine(record, reader, actor, typed)
    return form


def _reason_help(record: Approval, *, signs: bool) -> str:
    """When a reason is needed."""
    if signs:
        return "needed; it stands for all that is in the conflict"
    if record.tier == "high":
        return "needed for high risk; stays on the record"
    return "needed to reject or to ask for changes; stays on the record"


def _not_mine(record: Approval, reader: Reader, actor: Actor, typed: Shape) -> Shape | None:
    """The words with which whoever answers for the resource refuses the binding, while it is not confirmed (I8)."""
    rows = bindings.unconfirmed(record)
    if not rows or any(
        not transition_bindings.answers_for(actor.capacity_of, row.resource, reader.now) for row in rows
    ):
        return None
    name = rows[0].resource.name
    return {"label": f"This connection does not open {name}", "checked": bool(typed.get("not_mine"))}


def _narrowing_fields(record: Approval, typed: Shape, policy: policy_queries.Policy) -> Shape:
    asked = record.granted_term_days or record.term_days
    offered = sorted({days for days in TERMS[record.tier] if days < asked} | {asked})
    chosen = str(typed.get("term_days") or asked)
    # What was chosen before somebody else narrowed it may not be there any more.
    chosen = chosen if chosen in map(str, offered) else str(asked)
    fields: Shape = {
        "term_help": f"at most {policy.longest_term(record.tier)} days for {record.tier} risk",
        "terms": [
            {"value": days, "label": f"{days} days", "asked": days == asked, "checked": str(days) == chosen}
            for days in offered
        ],
    }
    privilege = record.privilege
    if privilege is None:
        return fields
    level = record.granted_level or privilege.counted_level
    if LOWER[level]:
        offered_levels = (*LOWER[level], level)
        kept_level = typed.get("level") if typed.get("level") in offered_levels else level
        fields["levels"] = [
            {
                "value": one,
                "label": one.capitalize(),
                "asked": one == level,
                "checked": one == kept_level,
            }
            for one in offered_levels
        ]
    scope = record.granted_scope if record.granted_scope is not None else privilege.scope
    if privilege.entitlement.scope_kind in (ScopeKind.SET, ScopeKind.TABLES, ScopeKind.PATH) and len(scope) > 1:
        kept = set(scope if typed.get("scope") is None else typed["scope"])
        kept = kept if kept & set(scope) or not kept else set(scope)
        fields["scope_legend"] = privilege.entitlement.get_scope_kind_display()
        fields["scopes"] = [{"value": one, "label": one, "asked": True, "checked": one in kept} for one in scope]
    return fields


#: What a decision's form may say, by the name of its button, which is what is kept of it (A7).
DECISIONS = {"approve": decide.approve, "reject": decide.reject, "ask": decide.ask_for_changes}
KEPT = "Nothing was decided; what you typed is still there."


def verb(form: QueryDict) -> Transition[Any]:
    """Which button was pressed.

    Raises:
        InvalidInput: none, several, or one that is not on the form.
    """
    found = DECISIONS.get(_one(form, "decision") or "")
    if found is None:
        raise _garbled("decision", "Nothing was decided: approve, reject or ask for changes.")
    return found


def more(form: QueryDict, chosen: Transition[Any]) -> dict[str, Any]:
    """What the form says beside yes or no: term in days, level and scope of an approval; of a rejection, whose resource it is not (I8).

    Raises:
        InvalidInput: something can't be read, with its field.
    """
    not_mine = _one(form, "not_mine")
    if not_mine not in (None, "1"):
        raise _garbled("not_mine", "Say by the box whether this connection opens your resource.")
    if not_mine and chosen is not decide.reject:
        sentence = "You said that this connection does not open your resource."
        raise refuse(Refusal("I8", "input", sentence, "Reject it, or take that back.", (("not_mine", sentence),)))
    if chosen is decide.approve:
        return {"term_days": _term(form), "level": _level(form), "scope": _scope(form), "same": _same(form)}
    return {"not_mine": True} if not_mine else {}


def _term(form: QueryDict) -> int | None:
    said = _one(form, "term_days")
    days = number(said)
    if days is None and (said is not None or "has_term_days" in form):
        raise _garbled("term_days", "A term is a number of days: choose one.")
    return days


def _level(form: QueryDict) -> str:
    said = _one(form, "level")
    if said == "" or (said is None and "has_level" in form):
        raise _garbled("level", "Choose a level.")
    return said or ""


def _scope(form: QueryDict) -> list[str] | None:
    """The parts that stay; none where the form offers no parts."""
    if "scope" not in form and "has_scope" not in form:
        return None
    return [str(part) for part in form.getlist("scope")]


def _same(form: QueryDict) -> dict[int, bool]:
    """What the app was said to be the same as, and what not, by the likeness's id (I9)."""
    found = {}
    for name in form:
        pk = number(name.removeprefix(duplicates.FIELD)) if name.startswith(duplicates.FIELD) else None
        if pk is None:
            continue
        said = _one(form, name)
        if said not in ("yes", "no"):
            raise _garbled(name, "Say whether it is the same or another one.")
        found[pk] = said == "yes"
    return found


def _one(form: QueryDict, name: str) -> str | None:
    """The one value of a field; None for a field that was not sent."""
    said = form.getlist(name)
    if len(said) > 1:
        raise _garbled(name, f"The form says {len(said)} things at once here: choose one.")
    return str(said[0]) if said else None


def _garbled(field: str, sentence: str) -> Exception:
    return refuse(Refusal("A7", "input", sentence, KEPT, ((field, sentence),)))
