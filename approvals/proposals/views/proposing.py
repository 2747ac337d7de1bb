"""Write a proposal from a page, or show why the reader can't (S5, S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.duties.refusals import Refusal, Refused
from governance.web.pages.page import refused
from governance.web.requests.request import Request


def write(
    request: Request, row: Proposal, now: datetime, document: dict[str, Any], reason: str, *, at_once: bool = False
) -> Proposal:
    """Make or amend the proposal. Only a new one may act at once.

    Raises:
        Refused: see `propose` and `amend` in `approvals.proposals.transitions`.
    """
    facts: dict[str, Any] = {"actor": request.actor, "now": now, "reason": reason, "document": document}
    if row._state.adding:
        return proposal_transitions.propose(row, **facts, at_once=at_once)
    return proposal_transitions.amend(row, **facts)


def refusal(request: Request, row: Proposal, now: datetime) -> Refusal | None:
    """Return why the reader can't make or amend the proposal, or None."""
    verb = proposal_transitions.propose if row._state.adding else proposal_transitions.amend
    return verb.refusal(row, actor=request.actor, now=now)


def show_refusal(request: Request, row: Proposal, why: Refusal, now: datetime, back_href: str) -> HttpResponse:
    """Show the refusal; record an attempted write (S5)."""
    if request.method == "POST":
        try:
            write(request, row, now, {}, "")
        except Refused as error:
            why = error.refusal
    return refused(request, why, context={"back_href": back_href, "typed": request.POST.get("text", "")})
