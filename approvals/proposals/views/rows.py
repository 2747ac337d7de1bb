"""A proposal as pages show it: a line of a list, what it would change, what was counted, and who may answer. Reads only."""

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


def listed(rows: Any) -> list[Shape]:
    """Lines of a list, the newest first."""
    found = list(rows.select_related("proposed_by", "answered_by", "appointed")[:MOST])
    titles: dict[tuple[str, str], str] = {}
    for kind in {one.kind for one in found}:
        abouts = kind_kind.of(kind).abouts({one.target for one in found if one.kind == kind})
        titles |= {(kind, target): about.title for target, about in abouts.items()}
    return [_line(one, titles.get((one.kind, one.target), one.target)) for one in found]


def _line(one: Proposal, title: str) -> Shape:
    return {
        "href": one.href,
        "title": title,
        "kind": kind_kind.of(one.kind).title,
        "by": one.proposed_by.name,
        "at": one.proposed_at,
        "state": one.state,
        "tightens": one.tightens,
        "due": one.lapses_at if one.is_under_way else None,
        "with": _with(one),
    }


def title(one: Proposal) -> str:
    """What it is about, as people know it."""
    about = kind_kind.of(one.kind).about(one.target)
    return about.title if about is not None else one.target


def _with(one: Proposal) -> str:
    if one.state == ProposalState.APPROVED and one.appointed is not None:
        return f"{one.appointed.name} accepts it"
    if one.is_under_way:
        return f"a {ROLE_WORDS[Role(one.needs)].lower()} countersigns it"
    return f"answered by {one.answered_by.name}" if one.answered_by is not None else ""


def changes(one: Proposal) -> list[Shape]:
    """What would be different, in words."""
    return policy_rows.change_rows(kind_kind.of(one.kind).changes(one.target, one.before, one.document))


def lines(one: Proposal) -> list[Shape]:
    """The same as text, line by line."""
    words = {"+": "ins", "-": "del"}
    return [
        {"how": words.get(line.sign, ""), "text": line.text}
        for line in kind_kind.of(one.kind).lines(one.before, one.document)
    ]


def what_if(one: Proposal, href: str) -> Shape:
    """How far the counting is, or what came of it."""
    found = proposal_jobs.latest(one)
    if found is None:
        return {"href": "", "done": 0, "total": 0, "sentences": [], "words": ""}
    is_done = found.finished_at is not None
    return {
        "href": "" if is_done else href,
        "is_done": is_done,
        "done": found.done,
        "total": found.total,
        "since": found.since,
        "words": _counted(found),
        "sentences": kind_kind.of(one.kind).said(proposal_jobs.span(one, found), found.counts) if is_done else [],
    }


def _counted(found: WhatIf) -> str:
    return (
        f"Of {times.counted(found.total, 'submission')} handed in during the 90 days before it was proposed:"
        if found.total
        else ""
    )


def who_may(one: Proposal, now: datetime) -> str:
    """Who could countersign it, by name; nothing once it is answered."""
    if one.state not in (ProposalState.OPEN, ProposalState.AT_ONCE):
        return ""
    names = [person.name for person in proposal_rules.who_may_answer(one, now)]
    if not names:
        return f"Nobody may: it takes another {ROLE_WORDS[Role(one.needs)].lower()}."
    then = f" Then {one.appointed.name} accepts." if one.appointed is not None else ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"{listed} may.{then}"
