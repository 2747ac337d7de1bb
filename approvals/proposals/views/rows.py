"""Rows of proposals for pages: a list line, the changes, the impact, and the people who may answer. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from approvals.models import Proposal, ProposalState, WhatIf
from approvals.policies.views import rows as policy_rows
from approvals.proposals import jobs as proposal_jobs
from approvals.proposals import rules as proposal_rules
from approvals.proposals.kinds import kind as kind_kind
from governance.core.roles.roles import ROLE_WORDS, Role
from governance.web.components import times

Shape = dict[str, Any]

MOST = 50


def list_rows(rows: Any) -> list[Shape]:
    """Return the lines of a list, the newest first."""
    proposals = list(rows.select_related("proposed_by", "answered_by", "appointed")[:MOST])
    titles = kind_kind.titles(proposals)
    return [_line(proposal, titles[proposal.kind, proposal.target]) for proposal in proposals]


def _line(proposal: Proposal, title: str) -> Shape:
    return {
        "href": proposal.href,
        "title": title,
        "kind": kind_kind.kind_of(proposal.kind).title,
        "by": proposal.proposed_by.name,
        "at": proposal.proposed_at,
        "state": proposal.state,
        "tightens": proposal.tightens,
        "due": proposal.lapses_at if proposal.is_under_way else None,
        "with": _waiting_words(proposal),
    }


def title(proposal: Proposal) -> str:
    """Return the title of the subject."""
    subject = kind_kind.kind_of(proposal.kind).about(proposal.target)
    return subject.title if subject is not None else proposal.target


def _waiting_words(proposal: Proposal) -> str:
    if proposal.state == ProposalState.APPROVED and proposal.appointed is not None:
        return f"{proposal.appointed.name} accepts it"
    if proposal.is_under_way:
        return f"a {ROLE_WORDS[Role(proposal.needs)].lower()} countersigns it"
    return f"answered by {proposal.answered_by.name}" if proposal.answered_by is not None else ""


def changes(proposal: Proposal) -> list[Shape]:
    """Return the differences in words."""
    return policy_rows.change_rows(
        kind_kind.kind_of(proposal.kind).changes(proposal.target, proposal.before, proposal.document)
    )


def lines(proposal: Proposal) -> list[Shape]:
    """Return the line diff."""
    words = {"+": "ins", "-": "del"}
    return [
        {"how": words.get(line.sign, ""), "text": line.text}
        for line in kind_kind.kind_of(proposal.kind).lines(proposal.before, proposal.document)
    ]


def what_if(proposal: Proposal, href: str) -> Shape:
    """Return the progress of the count, or its result."""
    count = proposal_jobs.latest(proposal)
    if count is None:
        return {"href": "", "done": 0, "total": 0, "sentences": [], "words": ""}
    is_done = count.finished_at is not None
    return {
        "href": "" if is_done else href,
        "is_done": is_done,
        "done": count.done,
        "total": count.total,
        "since": count.since,
        "words": _counted(count),
        "sentences": kind_kind.kind_of(proposal.kind).said(proposal_jobs.span(proposal, count), count.counts)
        if is_done
        else [],
    }


def _counted(count: WhatIf) -> str:
    return (
        f"Of {times.counted(count.total, 'submission')} handed in during the 90 days before it was proposed:"
        if count.total
        else ""
    )


def countersigner_sentence(proposal: Proposal, now: datetime) -> str:
    """Return the names of people who may countersign; empty after an answer."""
    if proposal.state not in (ProposalState.OPEN, ProposalState.AT_ONCE):
        return ""
    names = [person.name for person in proposal_rules.people_who_may_answer(proposal, now)]
    if not names:
        return f"Nobody may: it takes another {ROLE_WORDS[Role(proposal.needs)].lower()}."
    then = f" Then {proposal.appointed.name} accepts." if proposal.appointed is not None else ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"{listed} may.{then}"
