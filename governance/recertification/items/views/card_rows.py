"""Rows of a card: its items, those that one press answers, and what the press does (R3, S4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from governance.core.access import Actor, Refusal
from governance.core.models import Person
from governance.recertification.items import cards, drafts, reviewers
from governance.recertification.items import queries as item_queries
from governance.recertification.items import rules as item_rules
from governance.recertification.items.cards import Key
from governance.recertification.items.context import ItemContext
from governance.recertification.items.recommendation import Facts, Recommendation, recommend
from governance.recertification.items.transitions.answer import answer_refusal, changed_refusal
from governance.recertification.items.views import item_card
from governance.recertification.models import AnswerKind, Draft, Question
from governance.web.pages.page import Shape

#: What *keep* does if the items of a card end on different days.
KEPT = "Each as long as its approval allows, no wider than now"


@dataclass(frozen=True)
class Row:
    """One item of a card.

    Args:
        item_context: of the item.
        question: the reader's.
        draft: the reader's draft, if it still counts.
        changed: why an earlier draft does not count any more, or None.
        facts, recommended: about the item.
        verbs: what refuses an answer, and passing on.
        apart: why the item is answered by itself, or None.
    """

    item_context: ItemContext
    question: Question
    draft: Draft | None
    changed: Refusal | None
    facts: Facts
    recommended: Recommendation
    verbs: item_card.VerbRefusals
    apart: Refusal | None

    @property
    def shown(self) -> str:
        """The stamp of the row (R7)."""
        return item_card.sign_card(self.recommended.advice)

    @property
    def tier(self) -> str:
        """Its present tier."""
        return self.item_context.item.counted_tier


def load_rows(key: Key, actor: Actor, now: datetime) -> list[Row]:
    """Load the first items of the reader's card. The number of queries does not depend on the number of items."""
    questions = cards.questions_of(key)[: cards.MOST_ITEMS]
    contexts = item_card.load_contexts(questions.values("item"))
    facts = item_queries.load_facts([context.item for context in contexts], now)
    return [_row(context, key, facts[context.item.pk], actor, now) for context in contexts]


def _row(item_context: ItemContext, key: Key, facts: Facts, actor: Actor, now: datetime) -> Row:
    question = next(question for question in item_context.questions if question.asks == key.asks)
    draft, item = drafts.draft_of(question, actor), item_context.item
    changed = changed_refusal(item, draft.answer, drafts.seen_of(draft), draft.reason) if draft is not None else None
    verbs = item_card.refusals_of(item_context, question, actor, now)
    keeping = verbs[0] or answer_refusal(item, AnswerKind.KEEP, now, None)
    apart = item_rules.card_refusal(item) or keeping
    return Row(
        item_context, question, draft if changed is None else None, changed, facts, recommend(facts), verbs, apart
    )


def row_to_show(rows: Sequence[Row], addressed: Row | None = None) -> Row | None:
    """The row that is answered by itself; None if the card is shown as a whole.

    Args:
        rows: of the card.
        addressed: the one in the address, which counts if it is not answered yet.
    """
    left = [row for row in rows if row.draft is None]
    together = [row for row in rows if row.apart is None]
    is_whole = len(together) > 1 and (not left or any(row.apart is None for row in left))
    if is_whole and (addressed is None or addressed.apart is None):
        return None
    if addressed is not None and (addressed.draft is None or not left):
        return addressed
    return next(iter(left or rows))


def context(rows: Sequence[Row], actor: Actor, now: datetime, typed: Shape) -> Shape:
    """Context of ``recertification/items/card.html``.

    Args:
        rows: of the card.
        actor: the reader.
        now: business time.
        typed: input of a refused form, with its error, and the ticked questions.
    """
    first = rows[0]
    grant, reviewer = first.item_context.item.grant, drafts.acting_reviewer(actor, first.question)
    resource = reviewers.resource_of(grant)
    together = [row for row in rows if row.apart is None]
    left = [row for row in together if row.draft is None]
    ticked = typed.get("ticked") or {row.question.pk for row in left or together}
    return {
        "card": {
            "rows": [(row, row.question.pk in ticked) for row in rows],
            "resource": resource,
            "together": len(together),
            "deadline": min(row.item_context.item.due_at for row in rows),
            "high": sum(row.tier == "high" for row in rows),
        },
        "item": first.item_context.item,
        "question": first.question,
        "automation": first.item_context.item.of_automation,
        "reader": actor.person,
        "answers": _answers(together, typed, now),
        "stands_for": reviewer.standing_for,
    }


def _answers(rows: Sequence[Row], typed: Shape, now: datetime) -> Shape:
    """The answers that all of these items take, with what follows, and the form's fields."""
    texts = [item_card.consequences(row.item_context, row.question, now) for row in rows]
    may_pass = all(row.verbs[1] is None for row in rows)
    options = []
    for option in item_card.options():
        kind = AnswerKind(option["value"])
        words = {text[kind] for text in texts}
        same = words.pop() if len(words) == 1 else KEPT if kind == AnswerKind.KEEP else "Passed to the next in line"
        options.append({**option, "text": same})
    return {
        "reason": {"value": typed.get("reason", ""), "error": typed.get("error", "")},
        "options": options if may_pass else options[:2],
        "whose": _may_be_named(rows) if may_pass else [],
    }


def _may_be_named(rows: Sequence[Row]) -> list[Person]:
    """People on the escalation chains whom each of these items may be passed to."""
    return [
        person
        for person in reviewers.people_on_chain(rows[0].item_context, rows[0].question)
        if all(reviewers.next_reviewer(row.item_context, row.question, [person]) is not None for row in rows)
    ]
