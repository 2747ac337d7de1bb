"""An item's card for its reviewer: facts, use, approvals and possible answers (R3, R4).

No answer is preselected. An answer that would be refused is not offered; the card shows why.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from django.urls import reverse

from approvals.grants.transitions import lifecycle
from approvals.models import Approval, Decision, DecisionOutcome, Grant
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Refusal, access
from governance.core.clock import current_time
from governance.core.database.querysets import with_columns
from governance.recertification.items import drafts, reviewers
from governance.recertification.items import queries as item_queries
from governance.recertification.items import rules as item_rules
from governance.recertification.items.context import ItemContext, contexts_of
from governance.recertification.items.recommendation import Facts, Reason, recommend
from governance.recertification.items.transitions import answer
from governance.recertification.items.transitions.answer import NO_CARD_VIEW, CardView, answer_refusal, changed_refusal
from governance.recertification.items.transitions.settle import last_day
from governance.recertification.models import AnswerKind, Draft, Item, Question
from governance.web.components.times import day_of
from governance.web.pages.page import Shape
from governance.web.requests.request import number

K = AnswerKind

#: Answers in the order of the keys 1 to 4, with icon and tone.
OPTIONS = (
    (K.KEEP, "ring-check", "ok"),
    (K.REVOKE, "ring-cross", "no"),
    (K.DONT_KNOW, "question", ""),
    (K.NOT_MINE, "person", ""),
)

#: Columns of a question with its reviewer, draft and item.
QUESTION_COLUMNS = (
    *("asks", "asked_at", "escalation_chain", "asked_before", "passed", "answered_at"),
    *("reviewer__name", "reviewer__is_active", "reviewer__left_at"),
    *(f"draft__{column}" for column in ("person", "answer", "ends_on", "reason", "whose")),
    *(f"draft__{column}" for column in ("seconds", "recommended", "looked", "in_bulk", "saved_at")),
    *(f"item__{column}" for column in ("grant", "automation", "reason", "snapshot", "deadline", "suspended_at")),
    *(f"item__{column}" for column in ("state", "outcome", "grace_until", "closes_at", "closed_at")),
    *("item__campaign__kind", "item__campaign__tier", "item__campaign__name", "item__campaign__reason__text"),
)

#: Columns of a reviewed automation for its card and the rules, besides those of its facts.
_AUTOMATION = ("name", "purpose", "tier", "interim__person", "team__name", "business_owner__name")
AUTOMATION_COLUMNS = (*item_queries.AUTOMATION_COLUMNS, *_AUTOMATION)

#: Columns of an approval behind a grant.
_APPROVAL = ("submission", "round", "ended_at", "by_policy", "carried_from")

#: Columns of a reviewed grant with its automation and approvals.
GRANT_COLUMNS = (
    *item_queries.GRANT_COLUMNS,
    *("target", "sentence", "tier", "ends_at", "entitlement__resource__name"),
    *("credential__kind", "credential__kept_in__name", "credential__opens__name"),
    *(f"automation__{column}" for column in _AUTOMATION),
    *(f"app_approval__{column}" for column in _APPROVAL),
    *(f"approval__{column}" for column in (*_APPROVAL, "term_days", "granted_term_days")),
    *("approval__justification__text", "approval__privilege__entitlement__code"),
    *(f"approval__privilege__{column}" for column in ("connector", "instance", "credential__external_id")),
)

#: Longest time that counts as looking at a card, and most looks that are counted.
LONGEST_SECONDS, MOST_LOOKS = 3600, 99

#: Latest earlier answers to show.
EARLIER = 4

_SALT = "recertification.card"


def load_contexts(keys: QuerySet[Any, Any]) -> list[ItemContext]:
    """Load items with their questions for a card; without those that have none. At most six queries for any number.

    Args:
        keys: ids of items, as a query.
    """
    rows = Question.objects.filter(item__in=keys)
    questions = list(with_columns(rows, QUESTION_COLUMNS).order_by("item", "pk"))
    items = list({question.item_id: question.item for question in questions}.values())
    item_queries.load_subjects(items, GRANT_COLUMNS, AUTOMATION_COLUMNS)
    return contexts_of(items, questions)


def context(
    known: ItemContext, question: Question, actor: Actor, now: datetime, typed: Shape, facts: Facts | None = None
) -> Shape:
    """Context of ``recertification/items/item.html``.

    Args:
        known: of the item.
        question: one of its questions.
        actor: the reader.
        now: business time.
        typed: input of a refused form, with its error.
        facts: of the item, if they are loaded.
    """
    item, draft, reviewer = known.item, drafts.draft_of(question, actor), drafts.acting_reviewer(actor, question)
    mine = verb_refusals(known, question, actor, now)
    refusals = [changed_refusal(item, draft.answer, drafts.seen_of(draft), draft.reason)] if draft is not None else []
    if mine:
        refusals += [mine[0] or answer_refusal(item, K.KEEP, now, None), mine[1]]
    facts = facts or item_queries.load_facts([item], now)[item.pk]
    recommended = recommend(facts)
    return {
        "item": item,
        "tier": item.snapshot.get("tier", item.campaign.tier),
        "question": question,
        "reader": actor.person,
        "grant": item.grant,
        "automation": item.of_automation,
        "facts": facts,
        "advice": recommended.advice,
        "reasons": _reasons(item, recommended.reasons),
        "unchanged": [
            name for name, is_any in (("drift", facts.has_drift), ("conflict", facts.conflicts)) if not is_any
        ],
        **(_approvals(item.grant) if item.grant is not None else {}),
        "others": [(other, known.latest_answer(other)) for other in known.questions if other != question],
        "earlier": facts.earlier[:EARLIER],
        "chosen": draft.answer if draft is not None else "",
        "answers": _answers(known, question, draft, typed, now, mine) if mine else None,
        "shown": sign_card(recommended.advice),
        "refusals": [refusal for refusal in refusals if refusal is not None],
        "stale": item_rules.requires_fresh.asks(question, reviewer, now) if mine else None,
        "stands_for": reviewer.standing_for if mine else None,
        "can_correct": item.closes_at is not None
        and answer.correct.refusal(question, actor=reviewer, now=now, context=known) is None,
    }


#: Why the reader may not answer a question, and why they may not pass it on.
VerbRefusals = tuple[Refusal | None, Refusal | None]


def verb_refusals(known: ItemContext, question: Question, actor: Actor, now: datetime) -> VerbRefusals | None:
    """What refuses an answer or passing on, apart from a fresh sign-in; None for a reader who can do neither.

    The reader, or the person they are a delegate of, is its reviewer.
    """
    if question.reviewer_id not in access.answers_as(actor, now):
        return None
    refusals = refusals_of(known, question, actor, now)
    return refusals if None in refusals else None


def refusals_of(known: ItemContext, question: Question, actor: Actor, now: datetime) -> VerbRefusals:
    """What refuses an answer and passing on to the question's reviewer or their delegate, apart from a fresh sign-in."""
    asked: Shape = {"actor": drafts.acting_reviewer(actor, question), "now": now, "context": known}
    of_answer = drafts.refusal_except_sign_in(answer.answer, question, **asked)
    return of_answer, drafts.refusal_except_sign_in(answer.pass_on, question, **asked)


def options() -> list[Shape]:
    """The answers in the order of their keys, each with its icon and tone."""
    return [
        {"value": kind, "key": str(key), "label": kind.label.replace("'", "’"), "icon": icon, "tone": tone}
        for key, (kind, icon, tone) in enumerate(OPTIONS, start=1)
    ]


def _answers(
    known: ItemContext, question: Question, draft: Draft | None, typed: Shape, now: datetime, refusals: VerbRefusals
) -> Shape:
    """The answers that the reviewer may give, with what follows, and the form's fields."""
    grant, (of_answer, of_passing) = known.item.grant, refusals
    ends_on = _end_date(grant, draft, typed, now) if grant is not None else None
    # *keep* is offered until the end of a grant that no review renews
    last = ends_on["most"] if ends_on is not None else None
    of_keeping = of_answer or answer_refusal(known.item, K.KEEP, now, last)
    offered = {K.KEEP: of_keeping, K.REVOKE: of_answer, K.DONT_KNOW: of_passing, K.NOT_MINE: of_passing}
    texts = consequences(known, question, now)
    chosen = [{**option, "text": texts[option["value"]]} for option in options() if offered[option["value"]] is None]
    people = reviewers.people_on_chain(known, question) if of_passing is None else ()
    others = [person for person in people if reviewers.next_reviewer(known, question, [person]) is not None]
    return {
        "reason": {"value": typed.get("reason", draft.reason if draft else ""), "error": typed.get("error", "")},
        "options": chosen,
        "ends_on": ends_on,
        "whose": others,
        "whose_value": draft.whose_id if draft is not None and draft.whose_id else number(typed.get("whose")),
    }


def _end_date(grant: Grant, draft: Draft | None, typed: Shape, now: datetime) -> Shape:
    """The field for an earlier end. It is filled in if no review renews the grant, which then ends on its date (G2)."""
    is_needed = lifecycle.succession_refusal(grant, now) is not None
    most = last_day(grant.ends_at if is_needed else max(grant.ends_at, lifecycle.longest_end(grant, now)))
    chosen = draft.ends_on if draft is not None else most if is_needed else None
    value = typed.get("ends_on", chosen.isoformat() if chosen is not None else "")
    return {"value": value, "least": day_of(now), "most": most, "needed": is_needed}


def consequences(known: ItemContext, question: Question, now: datetime) -> dict[AnswerKind, str]:
    """What follows from each answer, in words."""
    grant, to = known.item.grant, reviewers.next_reviewer(known, question)
    if grant is None:
        days = policy_queries.in_force(now).review_after(known.item.of_automation.tier)
        kept = f"Comes up again on {day(now + timedelta(days=days))}"
    elif lifecycle.succession_refusal(grant, now) is not None:
        kept = f"Ends on {day(grant.ends_at)} at the latest"
    else:
        kept = f"To {day(lifecycle.longest_end(grant, now))}, no wider than now"
    return {
        K.KEEP: kept,
        K.REVOKE: "Suspended when you submit, later removed",
        K.DONT_KNOW: f"Passed to {to.name}" if to is not None else "",
        K.NOT_MINE: "Say whose; passed on once more" if question.passed == 0 else "Passed on for the last time",
    }


def day(at: datetime | date) -> str:
    """A day, or the reader's day of an instant, with its year."""
    on = day_of(at)
    return f"{on.day} {on:%b %Y}"


def sign_card(advice: str) -> str:
    """Signed time and recommendation for the form, to measure what was shown and for how long (R7)."""
    return signing.dumps([int(current_time.real().timestamp()), advice], salt=_SALT)


def read_card_view(signed: str, looked: str) -> CardView:
    """How the card was shown, from the sent form.

    Args:
        signed: its stamp; an invalid one gives nothing, an old one no duration.
        looked: how often details were opened, as the script counted; empty without one.
    """
    try:
        since, advice = signing.loads(signed, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return NO_CARD_VIEW
    seconds, looks = max(0, int(current_time.real().timestamp()) - since), number(looked)
    is_measured = seconds <= LONGEST_SECONDS
    return CardView(seconds if is_measured else None, advice, min(looks, MOST_LOOKS) if looks is not None else None)


def _reasons(item: Item, reasons: Iterable[Reason]) -> list[Shape]:
    """The reasons of a recommendation, each with a link to what it is about."""
    grant, automation = item.grant, item.of_automation
    addresses = {"automation": automation.href, "versions": f"{automation.href}?tab=versions"}
    if grant is not None:
        addresses["approval"] = reverse("review", args=[grant.approval.submission_id])
        addresses |= {"resource": grant.entitlement.resource.href} if grant.entitlement is not None else {}
        addresses |= {"credential": grant.credential.href} if grant.credential is not None else {}
    rows = []
    for reason in reasons:
        href = reverse("conflict", args=[reason.conflict]) if reason.conflict else addresses.get(reason.shown)
        link = {"href": href, "link": f"The {reason.shown}"} if href else {}
        rows.append({"icon": reason.icon, "text": reason.sentence, **link})
    return rows


def _approvals(grant: Grant) -> Shape:
    """Both approvals of a grant with the approving decisions of their last round. One query beside the approvals."""
    approvals = [_original_approval(approval) for approval in (grant.app_approval, grant.approval)]
    rounds = reduce(or_, (Q(approval=approval, round=approval.round) for approval in approvals))
    rows = Decision.objects.standing().filter(rounds, outcome=DecisionOutcome.APPROVE)
    decisions = list(with_columns(rows, ("approval", "person__name", "for_person__name", "reason__text")))
    comments = [grant.approval.justification, *(decision.reason for decision in decisions)]
    return {
        "stages": [(approval, [row for row in decisions if row.approval_id == approval.pk]) for approval in approvals],
        "has_comments": any(text is not None and text.text for text in comments),
    }


def _original_approval(approval: Approval) -> Approval:
    """The approval that was carried over, through any number of versions (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval
