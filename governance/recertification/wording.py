"""What is reviewed, in the words that a person would say (R3). Pure over the rows it is given."""

from __future__ import annotations

from approvals.models import Grant
from governance.recertification.models import Item

#: Why something is reviewed, in words; what just comes up on its day says nothing.
BECAUSE = {
    "review date": "",
    "tier raised": "Its risk has risen since it was approved.",
    "new finding": "Something was found in it that was not known when it was approved.",
}


def because(item: Item) -> str:
    """Why an item is open before its time: what opened it, and what joined it since (R1, R2)."""
    reasons = dict.fromkeys([item.reason, *item.snapshot.get("joined", [])])
    return " ".join(said for one in reasons if (said := BECAUSE.get(one, "")))


def sentence(grant: Grant) -> str:
    """What a grant allows: "May post messages to #finance in Finance Slack workspace"."""
    if grant.entitlement is not None:
        privilege = grant.approval.privilege
        return privilege.sentence if privilege is not None else grant.entitlement.sentence
    return grant.credential.sentence if grant.credential is not None else ""


def title(item: Item) -> str:
    """One line for the whole item: "Invoice chaser may post messages to #finance in Finance Slack workspace"."""
    if item.grant is None:
        return f"{item.of_automation.name} is in use"
    said = sentence(item.grant)
    return f"{item.of_automation.name} {said[:1].lower()}{said[1:]}"


def raw_scope(grant: Grant) -> str:
    """What stands in small type beside the sentence: the entitlement's code, the target and what narrows it."""
    code = grant.entitlement.code if grant.entitlement is not None else ""
    privilege = grant.approval.privilege
    through = privilege.through if privilege is not None else ""
    return " · ".join(
        filter(None, [code, through, grant.target, ", ".join(one for one in grant.scope if one != grant.target)])
    )
