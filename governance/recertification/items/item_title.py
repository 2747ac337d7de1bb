"""What is reviewed, in the words that a person would say (R3). Pure over the rows it is given."""

from __future__ import annotations

from governance.recertification.models import Item

#: Why something is reviewed, in words; what just comes up on its day says nothing.
BECAUSE = {
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


def because(item: Item) -> str:
    """Why an item is open before its time: what opened it, and what joined it since (R1, R2)."""
    reasons = dict.fromkeys([item.reason, *item.snapshot.get("joined", [])])
    return " ".join(said for one in reasons if (said := BECAUSE.get(one, "")))


def title(item: Item) -> str:
    """One line for the whole item: "Invoice chaser may post messages to #finance in Finance Slack workspace"."""
    if item.grant is None:
        return f"{item.of_automation.name} is in use"
    said = item.grant.sentence
    return f"{item.of_automation.name} {said[:1].lower()}{said[1:]}"
