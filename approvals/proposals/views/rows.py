"""Lines of proposals in lists, and the impact of one, for pages. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from approvals.models import Proposal, ProposalState, WhatIf
from approvals.proposals import rules as proposal_rules
from approvals.proposals.jobs import impact_count
from approvals.proposals.kinds import kind as kind_kind
from governance.core.roles.roles import ROLE_WORDS, Role

#: Lines of a list on another page.
MOST = 50


@dataclass(frozen=True)
class ProposalLine:
    """A proposal in a list, with its title and kind, and who answers or answered it."""

    proposal: Proposal
    title: str
    kind: str
    waits_for: str


@dataclass(frozen=True)
class Impact:
    """The progress of a count; the sentences once it is done."""

    what_if: WhatIf | None
    sentences: list[str]


def list_rows(rows: QuerySet[Proposal]) -> list[ProposalLine]:
    """Return the lines of a list, the newest first."""
    proposals = list(rows.select_related("proposed_by", "answered_by", "appointed").order_by("-pk")[:MOST])
    titles = kind_kind.titles(proposals)
    return [
        ProposalLine(
            proposal,
            titles[proposal.kind, proposal.target],
            kind_kind.kind_of(proposal.kind).title,
            _waiting_words(proposal),
        )
        for proposal in proposals
    ]


def _waiting_words(proposal: Proposal) -> str:
    if proposal.state == ProposalState.APPROVED and proposal.appointed is not None:
        return f"{proposal.appointed.name} accepts it"
    if proposal.is_under_way:
        return f"a {ROLE_WORDS[Role(proposal.needs)].lower()} countersigns it"
    return f"answered by {proposal.answered_by.name}" if proposal.answered_by is not None else ""


def impact(proposal: Proposal) -> Impact:
    """Return the impact of a proposal, or the progress of its count."""
    count = impact_count.latest(proposal)
    if count is None or count.finished_at is None:
        return Impact(count, [])
    kind = kind_kind.kind_of(proposal.kind)
    return Impact(count, kind.said(impact_count.span(proposal, count), count.counts))


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
