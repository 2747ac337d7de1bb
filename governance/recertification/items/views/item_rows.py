"""Rows of an item's card: facts, use, recommendation, approvals and answers (R3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.urls import reverse

from approvals.models import Approval, Decision, DecisionOutcome, Grant
from governance.core.actors.actor import Actor
from governance.core.database.selected_columns import with_columns
from governance.recertification.items.item_context import ItemContext
from governance.recertification.items.queries import ItemFacts
from governance.recertification.items.recommendation import Reason
from governance.recertification.models import Item, Question

Shape = dict[str, Any]

#: Latest earlier answers to show.
EARLIER = 4


def item_rows(known: ItemContext, question: Question, facts: ItemFacts, actor: Actor) -> Shape:
    """The facts of an item for ``recertification/items/item.html``.

    Args:
        known: of the item.
        question: the shown question.
        facts: the facts about the item.
        actor: the reader.
    """
    item, grant = known.item, known.item.grant
    has_drift = facts.facts.other_source or facts.facts.newer_version
    stages = _stages(grant) if grant is not None else []
    asked_for = grant.approval.justification if grant is not None else None
    comments = [asked_for, *(decision.reason for _, decisions in stages for decision in decisions)]
    unchanged = [*([] if has_drift else ["drift"]), *([] if facts.facts.conflicts else ["conflict"])]
    return {
        "item": item,
        "tier": item.snapshot.get("tier", item.campaign.tier),
        "question": question,
        "reader": actor.person,
        "grant": grant,
        "automation": item.of_automation,
        "facts": facts,
        "reasons": [_reason(item, reason) for reason in facts.recommended.reasons],
        "stages": stages,
        "has_comments": any(text is not None and text.text for text in comments),
        "others": [(other, known.latest_answer(other)) for other in known.questions if other != question],
        "unchanged": unchanged,
        "earlier": facts.earlier[:EARLIER],
    }


def _reason(item: Item, reason: Reason) -> Shape:
    href = _href(item, reason.shown, reason.conflict)
    link = {"href": href, "link": f"The {reason.shown}"} if href else {}
    return {"icon": reason.icon, "text": reason.sentence, **link}


def _href(item: Item, shown: str, conflict: int) -> str:
    grant, automation = item.grant, item.of_automation
    if shown == "conflict":
        return reverse("conflict", args=[conflict])
    if shown in ("automation", "versions"):
        return automation.href if shown == "automation" else f"{automation.href}?tab=versions"
    if shown == "approval" and grant is not None:
        return reverse("review", args=[grant.approval.submission_id])
    if shown == "resource" and grant is not None and grant.entitlement is not None:
        return grant.entitlement.resource.href
    if shown == "credential" and grant is not None and grant.credential is not None:
        return grant.credential.href
    return ""


def _stages(grant: Grant) -> list[tuple[Approval, list[Decision]]]:
    """Both approvals of a grant with the approving decisions of their last round. One query beside the approvals."""
    approvals = [_original_approval(approval) for approval in (grant.app_approval, grant.approval)]
    decisions = _decisions(approvals)
    return [(approval, [row for row in decisions if row.approval_id == approval.pk]) for approval in approvals]


def _original_approval(approval: Approval) -> Approval:
    """The approval that was carried over, through any number of versions (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval


def _decisions(approvals: Iterable[Approval]) -> list[Decision]:
    rounds = reduce(or_, (Q(approval=approval, round=approval.round) for approval in approvals))
    rows = Decision.objects.standing().filter(rounds, outcome=DecisionOutcome.APPROVE)
    return list(with_columns(rows, ("approval", "person__name", "for_person__name", "reason__text")))
