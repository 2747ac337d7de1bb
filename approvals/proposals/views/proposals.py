"""Pages of proposals: the list, and one proposal with its changes, its impact and the people who may answer it (S8).

Other pages list proposals with `list_rows` and write them with `write`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.models import Proposal, ProposalState
from approvals.policies import diff
from approvals.proposals import impact_count
from approvals.proposals import rules as proposal_rules
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from governance.core.access import Actor, InvalidInput, Permission, Refusal, access, refuse
from governance.web.pages import pager
from governance.web.pages.page import Shape, finish, page, readers_only, refused, timeline_context
from governance.web.requests.request import Request, visible_row

TEMPLATE = "approvals/proposals/proposal.html"
#: Relations of a proposal that its page reads.
RELATED = ("proposed_by", "answered_by", "appointed", "reason", "answer")
#: Lines of a list on another page.
MOST = 50
CHIPS = (("", "Under way"), ("over", "Answered"))
NOT_YOURS = readers_only("Proposals are read by admins, security reviewers and auditors.")
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
    now, path = request.now(), reverse("proposals")
    rows = Proposal.objects.visible_to(request.actor, now)
    may_read = access.may(request.actor, Permission.PROPOSAL_READ, None, now=now)
    if not may_read and not rows.exists():
        return refused(request, NOT_YOURS)
    is_over = request.GET.get("show") == "over"
    shown = rows.exclude(pk__in=rows.unanswered().values("pk")) if is_over else rows.unanswered()
    paged = pager.newest_first(shown, request.GET, path)
    context = {
        "chips": pager.chips(path, request.GET, "show", CHIPS),
        "rows": list_rows(rows.filter(pk__in=[proposal.pk for proposal in paged.rows])),
        "pager": paged,
    }
    return page(request, "approvals/proposals/proposals.html", context)


@require_GET
def proposal(request: Request, pk: int) -> HttpResponse:
    """Show one proposal; htmx polls the impact while it is counted."""
    subject, now = visible_row(request, Proposal, pk, *RELATED)
    context = _context(subject, request.actor, now)
    return page(request, TEMPLATE, context, fragment="what-if")


@require_POST
def proposal_answer(request: Request, pk: int) -> HttpResponse:
    """Approve, reject, accept, decline or withdraw; a refusal for its wording keeps the typed text."""
    subject, now = visible_row(request, Proposal, pk, *RELATED)
    text, answer = request.POST.get("reason", ""), request.POST.get("answer", "")
    try:
        if (verb := VERBS.get(answer)) is None:
            raise refuse(Refusal("S8", "input", "Say what you answer; what you typed is still there."))
        more = {"shown_digest": request.POST.get("shown_digest", "")} if answer == "approve" else {}
        verb(subject, actor=request.actor, now=now, reason=text, **more)
    except InvalidInput as invalid:
        context = _context(subject, request.actor, now, error=invalid.refusal.sentence)
        return page(request, TEMPLATE, context, status=invalid.status)
    return finish(request, verb, "proposal", pk)


def _context(proposal: Proposal, actor: Actor, now: datetime, *, error: str = "") -> Shape:
    kind = kind_kind.kind_of(proposal.kind)
    subject = kind.subject(proposal.target) or kind_kind.Subject(proposal.target)
    count = impact_count.latest(proposal)
    may_amend = proposal_transitions.amend.refusal(proposal, actor=actor, now=now) is None
    is_unsigned = proposal.state in (ProposalState.OPEN, ProposalState.AT_ONCE)
    answer = proposal_transitions.accept if proposal.state == ProposalState.APPROVED else proposal_transitions.approve
    refusal = answer.refusal(proposal, actor=actor, now=now) if proposal.is_under_way else None
    return timeline_context(proposal, actor=actor, now=now, limit=20) | {
        "subject": subject,
        "headline": _headline(kind, subject),
        "edit_href": kind.edit_href(proposal.target, proposal) if may_amend else "",
        "may_withdraw": proposal_transitions.withdraw.refusal(proposal, actor=actor, now=now) is None,
        "proposal": proposal,
        "may_answer": proposal.is_under_way and refusal is None,
        "locked": refusal,
        "changes": kind.changes(proposal.target, proposal.before, proposal.document),
        "lines": diff.lines(kind.text(proposal.before), kind.text(proposal.document)),
        "count": count,
        "impact": kind.impact_sentences(count) if count and count.finished_at else [],
        "error": error,
        "is_unsigned": is_unsigned,
        "countersigners": proposal_rules.people_who_may_answer(proposal, now) if is_unsigned else (),
    }


def _headline(kind: kind_kind.Kind, subject: kind_kind.Subject) -> str:
    """Return the headline; a proposal about a person needs no kind in front."""
    if subject.who:
        return subject.title
    is_only_one = subject.title.lower() == f"the {kind.code}"
    return f"Change of the {kind.code}" if is_only_one else f"{kind.title}: {subject.title}"


def reason_field() -> forms.CharField:
    """Return the field for the reason of a proposal."""
    area = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(label="Why", max_length=4000, widget=area, help_text="It stays on record.")


def write(
    request: Request, row: Proposal, now: datetime, document: dict[str, Any], reason: str, *, at_once: bool = False
) -> Proposal:
    """Make or amend the proposal. Only a new one may act at once.

    Raises:
        Refused: see `propose` and `amend` in `approvals.proposals.transitions`.
    """
    facts: dict[str, Any] = {"actor": request.actor, "now": now, "reason": reason, "document": document}
    if not row._state.adding:
        amended = proposal_transitions.amend(row, **facts)
        messages.success(request, "Amended. It waits for a second person.")
        return amended
    made = proposal_transitions.propose(row, **facts, at_once=at_once)
    messages.success(request, f"Proposed{', and acts at once' if at_once else ''}. It waits for a second person.")
    return made


def may_propose(kind: str, target: str, actor: Actor, now: datetime) -> bool:
    """Return whether the reader may propose a change: not during another proposal about the same."""
    return proposal_transitions.propose.refusal(Proposal(kind=kind, target=target), actor=actor, now=now) is None


def refusal(request: Request, row: Proposal, now: datetime) -> Refusal | None:
    """Return why the reader can't make or amend the proposal, or None."""
    verb = proposal_transitions.propose if row._state.adding else proposal_transitions.amend
    return verb.refusal(row, actor=request.actor, now=now)


def show_refusal(request: Request, row: Proposal, why: Refusal, now: datetime, back_href: str) -> HttpResponse:
    """Show the refusal; record an attempted write (S5)."""
    if request.method == "POST":
        write(request, row, now, {}, "")
    same = Proposal.objects.visible_to(request.actor, now).unanswered().filter(kind=row.kind, target=row.target)
    return refused(request, why, context={"back_href": back_href, "under_way": list_rows(same)})


@dataclass(frozen=True)
class ProposalLine:
    """A proposal in a list, with its title and kind."""

    proposal: Proposal
    title: str
    kind: str


def list_rows(rows: QuerySet[Proposal]) -> list[ProposalLine]:
    """Return the lines of a list, the newest first."""
    shown = list(rows.select_related("proposed_by", "answered_by", "appointed").order_by("-pk")[:MOST])
    titles = kind_kind.titles(shown)
    return [ProposalLine(row, titles[row.kind, row.target], kind_kind.kind_of(row.kind).title) for row in shown]
