"""Joining a conflict to the open review of its grant, so that nobody is asked twice (R2, R5, S6)."""

from __future__ import annotations

from datetime import datetime

from approvals.models import Conflict, ConflictState
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from governance.recertification.items import conflict_reviews
from governance.recertification.items.transitions.open_item import join
from governance.recertification.models import Item, ItemState


def _item_of(conflict: Conflict) -> Item | None:
    """The open item for a conflict that no review has asked about yet."""
    grant = next(
        (grant for unasked, grant in conflict_reviews.unreviewed_conflicts() if unasked.pk == conflict.pk), None
    )
    return Item.objects.filter(grant=grant, state__in=(ItemState.OPEN, ItemState.ESCALATED)).first() if grant else None


def _under_review(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    if _item_of(subject) is not None:
        return None
    return Refusal("R2", "state", "No grant of it is under review, or the review has asked about it already.")


UNDER_REVIEW = Duty("R2", "R2", "A conflict joins the open review of what it is about, once.", _under_review)


@transition(
    Conflict,
    event="conflict.joined_review",
    permission=Permission.ITEM_OPEN,
    source=(ConflictState.OPEN,),
    duties=(UNDER_REVIEW,),
)
def join_review(step: Step[Conflict]) -> Effect:
    """Join a conflict to the open item of its grant; its reviewers are notified (S6)."""
    item = _item_of(step.subject)
    assert item is not None  # the duty has checked it
    join(item, actor=step.actor, now=step.now, because=conflict_reviews.IN_CONFLICT)
    return Effect(payload={"item": str(item.pk)})
