"""One item as it is shown: what it is, who holds it, how it is used, what is recommended, and why it is held (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from approvals.models import Approval, Decision, DecisionOutcome
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.recertification.items import item_title, usage
from governance.recertification.items.queries import Known
from governance.recertification.items.recommendation import Reason
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, ItemOutcome, ItemState, Question
from governance.web.components.times import counted, day_of

Shape = dict[str, Any]

#: Earlier answers that are shown, the latest ones.
EARLIER = 4
#: What a rule's link says, by what it shows (`recommending.Rule.shown`).
LINKS = {
    "app": "The approval",
    "approval": "The approval",
    "automation": "The automation",
    "versions": "Its versions",
    "resource": "The resource",
    "credential": "The credential",
    "conflict": "The conflict",
}


def item(question: Question, known: Known, actor: Actor, now: datetime, draft: Draft | None, *, mine: bool) -> Shape:
    """What ``recertification/items/item.html`` takes as ``item``.

    Args:
        question: what is asked.
        known: what is known of its item.
        actor: the reader.
        now: business time.
        draft: what they chose before, or None.
        mine: whether the question is theirs to answer.
    """
    one, grant = question.item, question.item.grant
    held, automation = known.held, question.item.of_automation
    return {
        "key": str(one.pk),
        "tier": one.snapshot.get("tier", one.campaign.tier),
        "due": one.deadline if one.state in (ItemState.OPEN, ItemState.ESCALATED) else None,
        "level": (grant.level if grant.entitlement_id else "secret") if grant is not None else "",
        "title": item_title.title(one),
        "scope": grant.raw_scope if grant is not None else "",
        "data_class": grant.entitlement.counted_class if grant is not None and grant.entitlement is not None else "",
        "purpose": automation.purpose,
        "holder": {"name": automation.name, "href": automation.href},
        "team": automation.team.name,
        "owner": name(automation.business_owner, actor),
        "held_since": held[-1].begins_at if held else automation.created_at,
        "ends": grant.ends_at if grant is not None else None,
        "asks": question.asks,
        "question": question.get_asks_display(),
        "figures": _figures(known.usage, now) if held else [],
        "weeks": _weeks(known.usage, now) if known.usage is not None else None,
        "advice": _advice(one, known),
        **_why(one, question, known, actor),
        "answer": draft.answer if draft is not None else "",
        "mine": mine,
        "state": _state(one, question, actor),
    }


def _state(item: Item, question: Question, actor: Actor) -> Shape:
    """Who has it, for somebody who can't answer; what became of it, once it is closed."""
    if item.state == ItemState.CLOSED:
        return {"value": "closed", "words": ItemOutcome(item.outcome).label, "since": item.closed_at}
    if question.answered_at is not None:
        return {
            "value": "answered",
            "words": f"Answered by {name(question.reviewer, actor)}",
            "since": question.answered_at,
        }
    return {"value": item.state, "words": f"With {name(question.reviewer, actor)}", "since": question.asked_at}


def _figures(measured: usage.Usage | None, now: datetime) -> list[Shape]:
    if measured is None:
        return [{"value": "Not measured", "caption": "nothing reports its use yet"}]
    last = measured.last_at
    ago = "never" if last is None else "today" if (now - last).days == 0 else counted((now - last).days, "day")
    return [
        {"value": ago, "caption": "since last call" if last is not None and ago != "today" else "last call"},
        {"value": f"{measured.calls_30:,}", "caption": "calls, 30 days"},
        {"value": f"{measured.calls_90:,}", "caption": "calls, 90 days"},
        {"value": f"{measured.refused_90:,}", "caption": "refused"},
    ]


def _weeks(measured: usage.Usage, now: datetime) -> Shape:
    first = timezone.localtime(now - timedelta(weeks=usage.WEEKS))
    busiest = max(measured.weeks)
    label = f"Calls a week for {usage.WEEKS} weeks: at most {busiest:,}, {measured.weeks[-1]:,} in the last"
    return {"counts": list(measured.weeks), "label": label, "first": f"{first:%B}"}


def _advice(item: Item, known: Known) -> Shape:
    """What is recommended, with its reasons and the way to what each rests on."""
    return {
        "title": known.recommended.advice.label,
        "reasons": [_reason(item, one) for one in known.recommended.reasons],
    }


def _reason(item: Item, reason: Reason) -> Shape:
    rule = reason.rule
    said: Shape = {"icon": rule.icon, "text": reason.sentence}
    href = _href(item, rule.shown, reason.conflict)
    return said | ({"href": href, "link": LINKS[rule.shown]} if href else {})


def _href(item: Item, shown: str, conflict: int) -> str:
    grant, automation = item.grant, item.of_automation
    if shown == "conflict":
        return reverse("conflict", args=[conflict])
    if shown == "automation":
        return automation.href
    if shown == "versions":
        return f"{automation.href}?tab=versions"
    if grant is None or not shown:
        return ""
    if shown == "resource":
        return grant.entitlement.resource.href if grant.entitlement is not None else ""
    if shown == "credential":
        return grant.credential.href if grant.credential is not None else ""
    record = grant.app_approval if shown == "app" else grant.approval
    return reverse("review", args=[record.submission_id])


def _why(item: Item, question: Question, known: Known, actor: Actor) -> Shape:
    """Both approvals and what was said with them; what the other reviewer says; what is as it was; what was answered in earlier reviews."""
    found: list[Shape] = []
    said: list[Shape] = []
    if item.grant is not None:
        noun = "Credential" if item.grant.entitlement_id is None else "Privilege"
        app, own = _decided(item.grant.app_approval), _decided(item.grant.approval)
        taken = _decisions([app, own])
        found = [
            _approved("left", "App approved", app, taken, 1, actor),
            _approved("right", f"{noun} approved", own, taken, 2, actor),
        ]
        said = _said_then(own, [app, own], taken, actor)
    found += [_other(other, actor) for other in item.questions.all() if other.pk != question.pk]
    found += [as_it_was] if (as_it_was := _as_it_was(known)) else []
    return {"why": [*found, *_earlier(known.earlier, actor)], "said": said}


def _as_it_was(known: Known) -> Shape | None:
    """What did not change, in words, where something may have: what did stands with the recommendation."""
    facts = known.facts
    drifts = facts.other_source or facts.newer_version
    lead = {(False, False): "No drift, no conflict", (False, True): "No drift", (True, False): "No conflict"}
    words = lead.get((bool(drifts), bool(facts.conflicts)))
    return {"icon": "lock", "lead": words, "text": "", "below": "as it stands now"} if words else None


def _decided(approval: Approval) -> Approval:
    """Where an approval was decided: the record from which it was carried over, however often (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval


def _decisions(records: Iterable[Approval]) -> dict[int, list[Decision]]:
    """By record: what approved it in its last round, one query for all."""
    rounds = [Q(approval=record, round=record.round) for record in records]
    rows = (
        Decision.objects.standing()
        .filter(reduce(or_, rounds), outcome=DecisionOutcome.APPROVE)
        .select_related("person", "for_person", "reason")
    )
    found: dict[int, list[Decision]] = {}
    for row in rows:
        found.setdefault(row.approval_id, []).append(row)
    return found


def _approved(
    seal: str, lead: str, source: Approval, taken: Mapping[int, Sequence[Decision]], stage: int, actor: Actor
) -> Shape:
    if source.by_policy is not None:
        by = f"by policy version {source.by_policy.number}"
    else:
        by = f"by {' and '.join(_by(one.person, one.for_person, actor) for one in taken.get(source.pk, ()))}"
    on = day_of(source.ended_at) if source.ended_at is not None else None
    return {
        "seal": seal,
        "lead": lead,
        "text": by,
        "below": f"{day(on)}, stage {stage}" if on else f"stage {stage}",
        "href": reverse("review", args=[source.submission_id]),
    }


def _said_then(
    own: Approval, records: Sequence[Approval], taken: Mapping[int, Sequence[Decision]], actor: Actor
) -> list[Shape]:
    """Why it was asked for, and what was said when it was approved."""
    asked = own.justification
    found = [{"who": "Asked for", "text": asked.text}] if asked is not None and asked.text else []
    for record in records:
        for one in taken.get(record.pk, ()):
            if one.reason is not None and one.reason.text:
                found.append({"who": _by(one.person, one.for_person, actor), "text": one.reason.text})
    return found


def _other(other: Question, actor: Actor) -> Shape:
    lead, last = Asks(other.asks).label, other.latest_answer
    lead = {"needed": "Still needed?", "acceptable": "Still acceptable?"}.get(other.asks, lead)
    if last is None:
        since = f"asked {day(day_of(other.asked_at))}"
        return {
            "icon": "person",
            "lead": lead,
            "text": f"{name(other.reviewer, actor)} has not answered",
            "below": since,
        }
    return {
        "icon": "person",
        "lead": lead,
        "text": f"{_by(last.person, last.for_person, actor)} says “{AnswerKind(last.answer).label.lower()}”",
        "below": _said(last),
    }


def _earlier(said: Sequence[Answer], actor: Actor) -> list[Shape]:
    """What was answered in earlier reviews of what is held now, or of what it renews."""
    return [
        {
            "icon": "undo",
            "lead": f"Earlier: {AnswerKind(row.answer).label.lower()}",
            "text": f"by {_by(row.person, row.for_person, actor)}",
            "below": _said(row),
            "href": f"{reverse('recert_item', args=[row.question.item_id])}?asks={row.question.asks}",
        }
        for row in said[:EARLIER]
    ]


def _said(answer: Answer) -> str:
    on = day(day_of(answer.at))
    return f"{on}: “{answer.reason.text}”" if answer.reason is not None and answer.reason.text else on


def _by(person: Person, for_person: Person | None, actor: Actor) -> str:
    """Who did it, and for whom (A11)."""
    said = name(person, actor)
    return f"{said} for {name(for_person, actor)}" if for_person is not None else said


def name(person: Person, actor: Actor) -> str:
    """What a person is called to the reader."""
    return "you" if actor.person is not None and person.pk == actor.person.pk else person.name


def day(on: Any) -> str:
    """A day with its year."""
    return f"{on.day} {on:%b %Y}"
