"""The form by which one record is decided: yes as asked or narrower, no, a question; and whether the connection opens it (A7, I8)."""

from __future__ import annotations

from django.urls import reverse

from approvals import facts, openings, policies
from approvals.models import Approval, ApprovalKind
from approvals.routing import Route
from approvals.transitions import likening
from approvals.views import may_say
from approvals.views.reader import Reader, Shape
from governance.controls.actors import Actor
from governance.controls.refusals import Refusal
from inventory import registry
from inventory.models import ScopeKind
from inventory.risk import LOWER

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
    """The context of ``approvals/review/decide.html``: what was asked is chosen, anything narrower is offered (A7).

    Args:
        record: open.
        route: of its submission.
        reader: who decides, and what they typed.
        actor: as whom.
        held: why nobody approves it as it stands; then it can be rejected or sent back, and no more.
    """
    policy = policies.of(route.submission.policy)
    typed = reader.typed or {}
    signs = may_say.signs(record, route, actor)
    form: Shape = {
        "action": decide_href(record),
        "digest": facts.digest(facts.of(record, reader.now)),
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
        name: said for name, said in reader.errors.items() if name in beside or name.startswith(likening.FIELD)
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
    rows = openings.unconfirmed(record)
    if not rows or any(not registry.answers_for(actor.capacity_of, row.resource, reader.now) for row in rows):
        return None
    name = rows[0].resource.name
    return {"label": f"This connection does not open {name}", "checked": bool(typed.get("not_mine"))}


def _narrowing_fields(record: Approval, typed: Shape, policy: policies.Policy) -> Shape:
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
