"""Proposals, as pages: all of them, and one with what it changes, what it would have changed, and who answers it (S8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.models import Proposal, ProposalState
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.views import rows as proposal_rows
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused, refuse
from governance.core.roles.roles import Permission
from governance.core.timeline import queries as timeline_queries
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number as asked_number

Shape = dict[str, Any]

TEMPLATE = "approvals/proposals/proposal.html"
EVENTS, MOST = 20, 50
CHIPS = (("", "Under way"), ("over", "Answered"))

NOT_YOURS = Refusal(
    "PERMISSION",
    "permission",
    "Proposals are read by admins, security reviewers and auditors.",
    "Go back to your own pages.",
)

#: What the form may say, by the name of its button.
VERBS: dict[str, Any] = {
    "approve": proposal_transitions.approve,
    "reject": proposal_transitions.reject,
    "accept": proposal_transitions.accept,
    "decline": proposal_transitions.decline,
    "withdraw": proposal_transitions.withdraw,
}


@require_GET
def proposals(request: Request) -> HttpResponse:
    """Everything that was proposed and the reader may see; what is under way first."""
    now = business_time.now()
    rows = Proposal.objects.visible_to(request.actor, now)
    may_read = access.may(request.actor, Permission.PROPOSAL_READ, None, now=now)
    if not may_read and not rows.exists():
        return refused(request, NOT_YOURS)
    is_over = request.GET.get("show") == "over"
    shown = rows.exclude(pk__in=rows.unanswered().values("pk")) if is_over else rows.unanswered()
    before = asked_number(request.GET.get("before"))
    found = list((shown.filter(pk__lt=before) if before else shown).values_list("pk", flat=True)[: MOST + 1])
    context = {
        "now": now,
        "head": {
            "title": "Proposals",
            "facts": ["what one person wants changed about rules, and another countersigns"],
            "actions": [{"label": "The policy", "href": reverse("policies")}],
        },
        "chips": [
            {"label": label, "href": f"?show={key}" if key else "?", "current": key == ("over" if is_over else "")}
            for key, label in CHIPS
        ],
        "rows": proposal_rows.listed(rows.filter(pk__in=found[:MOST])),
        "older": f"?show={'over' if is_over else ''}&before={found[MOST - 1]}" if len(found) > MOST else "",
    }
    return page(request, "approvals/proposals/proposals.html", context)


def _one(request: Request, pk: int, now: datetime) -> Proposal:
    seen = Proposal.objects.visible_to(request.actor, now)
    related = seen.select_related("proposed_by", "answered_by", "appointed", "reason", "answer")
    return get_object_or_404(related, pk=pk)


@require_GET
def proposal(request: Request, pk: int) -> HttpResponse:
    """One proposal; while it is counted htmx asks again for that part."""
    now = business_time.now()
    return page(request, TEMPLATE, _context(_one(request, pk, now), request.actor, now), fragment="what-if")


@require_POST
def proposal_answer(request: Request, pk: int) -> HttpResponse:
    """Approve, reject, accept, decline or withdraw; nothing typed is lost when it is refused for its wording."""
    now = business_time.now()
    one, text, said = _one(request, pk, now), request.POST.get("reason", ""), request.POST.get("answer", "")
    try:
        verb = VERBS.get(said)
        if verb is None:
            raise refuse(Refusal("S8", "input", "Say what you answer; what you typed is still there."))
        more = {"shown_digest": request.POST.get("shown_digest", "")} if said == "approve" else {}
        verb(one, actor=request.actor, now=now, reason=text, **more)
    except InvalidInput as no:
        context = _context(one, request.actor, now, typed=text, error=no.refusal.sentence)
        return page(request, TEMPLATE, context, status=no.status)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": one.href, "typed": text})
    return redirect("proposal", pk)


def _context(one: Proposal, actor: Actor, now: datetime, *, typed: str = "", error: str = "") -> Shape:
    kind, title = kind_kind.of(one.kind), proposal_rows.title(one)
    about = kind.about(one.target)
    return {
        "now": now,
        "crumbs": [
            {"label": "Proposals", "href": reverse("proposals")},
            {"label": f"{title}, number {one.pk}", "href": ""},
        ],
        "head": {
            "title": _headline(kind, about, title),
            "tag": {"text": "Tightens", "tone": "ok"} if one.tightens else {"text": "Loosens", "tone": "high"},
            "facts": [
                f"proposed by {one.proposed_by.name}",
                *([f"amended, round {one.round}"] if one.round > 1 else []),
                *([{"text": "as it stands now", "href": about.href}] if about is not None and about.href else []),
            ],
            "actions": _actions(one, kind.edit_href(one.target, one), actor, now),
        },
        "proposal": {
            "state": one.state,
            "acts": one.state == ProposalState.AT_ONCE,
            "due": one.lapses_at if one.is_under_way else None,
            "reason": one.reason.shown if one.reason is not None else "",
            "by": one.proposed_by.name,
            "at": one.proposed_at,
            "answer": one.answer.shown if one.answer is not None else "",
            "answered_by": one.answered_by.name if one.answered_by is not None else "",
            "answered_at": one.answered_at,
        },
        "changes": proposal_rows.changes(one),
        "lines": proposal_rows.lines(one),
        "what_if": proposal_rows.what_if(one, one.href),
        "form": _form(one, actor, now, typed, error),
        "locked": _locked(one, actor, now),
        "who_may": proposal_rows.who_may(one, now),
        "events": timeline_queries.shapes(one, reader=actor.person, limit=EVENTS),
        "ledger_href": ledger_href(one, actor=actor, now=now),
    }


def _headline(kind: kind_kind.Kind, about: kind_kind.About | None, title: str) -> str:
    """What a proposal is called on its page: what is about somebody says by itself of what kind it is."""
    if about is not None and about.who:
        return title
    return f"{kind.title}: {title}" if title.lower() != f"the {kind.code}" else f"Change of the {kind.code}"


def _actions(one: Proposal, edit_href: str, actor: Actor, now: datetime) -> list[Shape]:
    """What its author may still do."""
    found: list[Shape] = []
    if edit_href and proposal_transitions.amend.refusal(one, actor=actor, now=now) is None:
        found.append({"label": "Amend it", "href": edit_href})
    if proposal_transitions.withdraw.refusal(one, actor=actor, now=now) is None:
        fields = {"answer": "withdraw"}
        found.append({"label": "Withdraw it", "post": reverse("proposal_answer", args=[one.pk]), "fields": fields})
    return found


def _form(one: Proposal, actor: Actor, now: datetime, typed: str, error: str) -> Shape | None:
    """The two answers that the reader may give, or None where they may give none."""
    pairs: tuple[tuple[Callable[..., Any], str, str], ...] = (
        (proposal_transitions.approve, "approve", "Countersign it"),
        (proposal_transitions.accept, "accept", "Accept it"),
    )
    for verb, name, label in pairs:
        if verb.refusal(one, actor=actor, now=now) is None:  # type: ignore[attr-defined]
            no = {"approve": "reject", "accept": "decline"}[name]
            return {
                "action": reverse("proposal_answer", args=[one.pk]),
                "digest": one.digest,
                "yes": {"value": name, "label": label},
                "no": {"value": no, "label": "Reject it" if no == "reject" else "Decline it"},
                "reason": {"value": typed, "error": error},
            }
    return None


def _locked(one: Proposal, actor: Actor, now: datetime) -> Shape | None:
    """Why the reader may not answer it, in words; None where it is over, or they may."""
    if not one.is_under_way:
        return None
    verb = proposal_transitions.accept if one.state == ProposalState.APPROVED else proposal_transitions.approve
    no = verb.refusal(one, actor=actor, now=now)
    return {"sentence": no.sentence, "code": no.code, "to_do": no.to_do} if no is not None else None
