"""Pages of proposals: the list, and one proposal with its changes, its impact and the people who may answer it (S8)."""

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

#: Transitions by the name of the button.
VERBS: dict[str, Any] = {
    "approve": proposal_transitions.approve,
    "reject": proposal_transitions.reject,
    "accept": proposal_transitions.accept,
    "decline": proposal_transitions.decline,
    "withdraw": proposal_transitions.withdraw,
}


@require_GET
def proposals(request: Request) -> HttpResponse:
    """List the proposals visible to the reader, open ones first."""
    now = business_time.now()
    rows = Proposal.objects.visible_to(request.actor, now)
    may_read = access.may(request.actor, Permission.PROPOSAL_READ, None, now=now)
    if not may_read and not rows.exists():
        return refused(request, NOT_YOURS)
    is_over = request.GET.get("show") == "over"
    shown = rows.exclude(pk__in=rows.unanswered().values("pk")) if is_over else rows.unanswered()
    before = asked_number(request.GET.get("before"))
    proposal_ids = list((shown.filter(pk__lt=before) if before else shown).values_list("pk", flat=True)[: MOST + 1])
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
        "rows": proposal_rows.list_rows(rows.filter(pk__in=proposal_ids[:MOST])),
        "older": f"?show={'over' if is_over else ''}&before={proposal_ids[MOST - 1]}"
        if len(proposal_ids) > MOST
        else "",
    }
    return page(request, "approvals/proposals/proposals.html", context)


def _visible_proposal(request: Request, pk: int, now: datetime) -> Proposal:
    seen = Proposal.objects.visible_to(request.actor, now)
    related = seen.select_related("proposed_by", "answered_by", "appointed", "reason", "answer")
    return get_object_or_404(related, pk=pk)


@require_GET
def proposal(request: Request, pk: int) -> HttpResponse:
    """Show one proposal; htmx polls the impact while it is counted."""
    now = business_time.now()
    return page(
        request, TEMPLATE, _context(_visible_proposal(request, pk, now), request.actor, now), fragment="what-if"
    )


@require_POST
def proposal_answer(request: Request, pk: int) -> HttpResponse:
    """Approve, reject, accept, decline or withdraw; a refusal for its wording keeps the typed text."""
    now = business_time.now()
    subject, text, answer = (
        _visible_proposal(request, pk, now),
        request.POST.get("reason", ""),
        request.POST.get("answer", ""),
    )
    try:
        verb = VERBS.get(answer)
        if verb is None:
            raise refuse(Refusal("S8", "input", "Say what you answer; what you typed is still there."))
        more = {"shown_digest": request.POST.get("shown_digest", "")} if answer == "approve" else {}
        verb(subject, actor=request.actor, now=now, reason=text, **more)
    except InvalidInput as invalid:
        context = _context(subject, request.actor, now, typed=text, error=invalid.refusal.sentence)
        return page(request, TEMPLATE, context, status=invalid.status)
    except Refused as refused_error:
        return refused(request, refused_error.refusal, context={"back_href": subject.href, "typed": text})
    return redirect("proposal", pk)


def _context(subject: Proposal, actor: Actor, now: datetime, *, typed: str = "", error: str = "") -> Shape:
    kind, title = kind_kind.kind_of(subject.kind), proposal_rows.title(subject)
    subject_name = kind.about(subject.target)
    return {
        "now": now,
        "crumbs": [
            {"label": "Proposals", "href": reverse("proposals")},
            {"label": f"{title}, number {subject.pk}", "href": ""},
        ],
        "head": {
            "title": _headline(kind, subject_name, title),
            "tag": {"text": "Tightens", "tone": "ok"} if subject.tightens else {"text": "Loosens", "tone": "high"},
            "facts": [
                f"proposed by {subject.proposed_by.name}",
                *([f"amended, round {subject.round}"] if subject.round > 1 else []),
                *(
                    [{"text": "as it stands now", "href": subject_name.href}]
                    if subject_name is not None and subject_name.href
                    else []
                ),
            ],
            "actions": _actions(subject, kind.edit_href(subject.target, subject), actor, now),
        },
        "proposal": {
            "state": subject.state,
            "acts": subject.state == ProposalState.AT_ONCE,
            "due": subject.lapses_at if subject.is_under_way else None,
            "reason": subject.reason.shown if subject.reason is not None else "",
            "by": subject.proposed_by.name,
            "at": subject.proposed_at,
            "answer": subject.answer.shown if subject.answer is not None else "",
            "answered_by": subject.answered_by.name if subject.answered_by is not None else "",
            "answered_at": subject.answered_at,
        },
        "changes": proposal_rows.changes(subject),
        "lines": proposal_rows.lines(subject),
        "what_if": proposal_rows.what_if(subject, subject.href),
        "form": _form(subject, actor, now, typed, error),
        "locked": _locked(subject, actor, now),
        "who_may": proposal_rows.countersigner_sentence(subject, now),
        "events": timeline_queries.shapes(subject, reader=actor.person, limit=EVENTS),
        "ledger_href": ledger_href(subject, actor=actor, now=now),
    }


def _headline(kind: kind_kind.Kind, subject: kind_kind.Subject | None, title: str) -> str:
    """Return the headline; a proposal about a person needs no kind in front."""
    if subject is not None and subject.who:
        return title
    return f"{kind.title}: {title}" if title.lower() != f"the {kind.code}" else f"Change of the {kind.code}"


def _actions(subject: Proposal, edit_href: str, actor: Actor, now: datetime) -> list[Shape]:
    """Return the actions of the author."""
    actions: list[Shape] = []
    if edit_href and proposal_transitions.amend.refusal(subject, actor=actor, now=now) is None:
        actions.append({"label": "Amend it", "href": edit_href})
    if proposal_transitions.withdraw.refusal(subject, actor=actor, now=now) is None:
        fields = {"answer": "withdraw"}
        actions.append(
            {"label": "Withdraw it", "post": reverse("proposal_answer", args=[subject.pk]), "fields": fields}
        )
    return actions


def _form(subject: Proposal, actor: Actor, now: datetime, typed: str, error: str) -> Shape | None:
    """Return the two answers open to the reader, or None."""
    pairs: tuple[tuple[Callable[..., Any], str, str], ...] = (
        (proposal_transitions.approve, "approve", "Countersign it"),
        (proposal_transitions.accept, "accept", "Accept it"),
    )
    for verb, name, label in pairs:
        if verb.refusal(subject, actor=actor, now=now) is None:  # type: ignore[attr-defined]
            negative = {"approve": "reject", "accept": "decline"}[name]
            return {
                "action": reverse("proposal_answer", args=[subject.pk]),
                "digest": subject.digest,
                "yes": {"value": name, "label": label},
                "no": {"value": negative, "label": "Reject it" if negative == "reject" else "Decline it"},
                "reason": {"value": typed, "error": error},
            }
    return None


def _locked(subject: Proposal, actor: Actor, now: datetime) -> Shape | None:
    """Return why the reader can't answer an open proposal, or None."""
    if not subject.is_under_way:
        return None
    verb = proposal_transitions.accept if subject.state == ProposalState.APPROVED else proposal_transitions.approve
    refusal = verb.refusal(subject, actor=actor, now=now)
    return {"sentence": refusal.sentence, "code": refusal.code, "to_do": refusal.to_do} if refusal is not None else None
