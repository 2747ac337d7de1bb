"""Titles and reasons of items in words (R3). Pure: no queries."""

from __future__ import annotations

from governance.recertification.models import Item

#: Reasons of a review in words; a scheduled review needs none.
REASON_WORDS = {
    "review date": "",
    "tier raised": "Its risk has risen since it was approved.",
    "new conflict": "It is held together with something that a rule no longer allows.",
    "ad hoc": "Somebody asked for this review before its time.",
    "owner left": "Somebody who answers for it has left.",
    "drift": "It was changed since it was approved, and nobody has submitted the change.",
    "unused": "It was measured all the while, and not used once.",
    "incident": "An incident is declared on what it touches.",
    "new finding": "Something was found in it that was not known when it was approved.",
}


def reason_words(item: Item) -> str:
    """Reasons of an unscheduled review in words: why it opened and what joined it (R1, R2)."""
    reasons = dict.fromkeys([item.reason, *item.snapshot.get("joined", [])])
    return " ".join(sentence for reason in reasons if (sentence := REASON_WORDS.get(reason, "")))
