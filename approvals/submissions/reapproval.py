"""Compare a version with what is held: only changes need a new approval (A12).

The rule works on loaded rows; those of the version need not be saved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals.decisions import digest
from approvals.grants.transitions import lifecycle
from approvals.models import Approval, Grant, GrantKind, GrantState, Submission, SubmissionState, credential_key
from inventory.imports.resolution import credential_draft_key
from inventory.models import Automation, Credential, Privilege
from inventory.risk.levels import is_within
from inventory.risk.tiers import Tier

#: How long before its end a grant without review can be requested again: as long as a review would be open (R1).
RENEWAL = timedelta(days=30)


@dataclass(frozen=True)
class RequestedItem:
    """One item of stage 2: the reason for asking, and its tier with reasons."""

    why: str
    tier: str
    reasons: tuple[str, ...]
    privilege: Privilege | None = None
    credential: Credential | None = None

    @property
    def key(self) -> str:
        """The key of the grant that it would become."""
        if self.privilege is not None:
            return self.privilege.key
        assert self.credential is not None
        if self.credential._state.adding:
            return credential_draft_key(self.credential)
        return credential_key(self.credential.pk)

    @property
    def matter(self) -> str:
        """The same request by any connection or credential (A15)."""
        return self.privilege.matter if self.privilege is not None else self.key


@dataclass(frozen=True)
class Changes:
    """The changes of a version against what is approved and held.

    Args:
        before: the submission in force, or None before the first.
        app: reasons for stage 1, in words; empty if stage 1 is not required.
        wanted: everything that the version would hold, in order; `why` is empty for grants that run on.
        asked: the items that stage 2 decides.
        unchanged: grants that run on.
        ending: grants that end when the version is put in force.
    """

    before: Submission | None
    app: tuple[str, ...]
    wanted: tuple[RequestedItem, ...]
    asked: tuple[RequestedItem, ...]
    unchanged: tuple[Grant, ...]
    ending: tuple[Grant, ...]

    @property
    def app_in_force(self) -> Approval | None:
        """The app approval that a submission rests on if stage 1 is not required."""
        return self.before.app_approval if self.before is not None and not self.app else None


#: Relations of a grant: its access, the approved request, and the grants that it renews (G2).
GRANT_RELATIONS = (
    *("entitlement__resource", "credential", "approval__privilege"),
    "predecessor__predecessor__predecessor",
)


def held_grants(automation: Automation, now: datetime) -> dict[str, Grant]:
    """Return the running grants of an automation by key."""
    running = automation.grants.standing().filter(ends_at__gt=now).select_related(*GRANT_RELATIONS).order_by()
    return {grant.key: grant for grant in sorted(running, key=lambda grant: grant.pk)}


def submission_in_force(automation: Automation) -> Submission | None:
    """Return the submission in force: the last that was put in force."""
    in_force = automation.submissions.filter(state=SubmissionState.IN_FORCE)
    return in_force.select_related("app_approval", "version").order_by("-ended_at", "-pk").first()


def app_reasons(facts_now: Mapping[str, Any], before: Submission | None, *, source_counts: bool) -> list[str]:
    """Return the reasons for stage 1, in words; empty if its earlier decision still holds (A12).

    An automation that its review or a spot check has suspended needs stage 1 again (R4, A12).

    Args:
        facts_now: the facts of stage 1 (`digest.facts_of_app`).
        before: the submission to compare with; None before the first.
        source_counts: whether a change of source alone needs stage 1.
    """
    if before is None or before.app_approval_id is None:
        return ["It was never approved."]
    earlier_facts = before.asked
    suspended_at = before.automation.suspended_by_review_at
    reasons = ["Its review suspended it."] if suspended_at is not None and suspended_at >= before.submitted_at else []
    if before.automation.suspended_by_look_at is not None:
        reasons.append("A look at what changed suspended it.")
    if before.automation.moved_at is not None:
        reasons.append("It came to another team.")
    names = ("purpose", "business_owner", "technical_owner", "kind", "runs_as")
    changed = [name for name in names if facts_now.get(name) != earlier_facts.get(name)]
    reasons += [f"{digest.LABELS[name]} changed." for name in changed]
    if _trigger_kinds(facts_now) != _trigger_kinds(earlier_facts):
        reasons.append("The kind of trigger changed.")
    if facts_now["tier"] != earlier_facts.get("tier", "standard"):
        reasons.append("The risk tier changed.")
    if facts_now["source"] != earlier_facts.get("source") and source_counts:
        reasons.append("The source changed, and it is high risk, opaque or driven by a model.")
    return reasons


def _trigger_kinds(facts: Mapping[str, Any]) -> set[tuple[str, bool]]:
    """Return the kinds of trigger in the facts of an app: type, and whether it is open to everybody (A12)."""
    triggers = (str(trigger) for trigger in facts.get("triggers", ()))
    return {(trigger.partition(" ")[0], trigger.endswith(" False")) for trigger in triggers}


def reason_for_stage_2(item: RequestedItem, grant: Grant | None, now: datetime) -> str:
    """Return why stage 2 decides about an item; empty if its grant runs on.

    Args:
        item: with its tier; its `why` is ignored.
        grant: the grant, loaded with `GRANT_RELATIONS`; None for none.
        now: business time.
    """
    if grant is None:
        return "new"
    if lifecycle.is_stopped(grant):
        return "stopped"  # only two other people lift a stop, by new decisions (G5)
    if lifecycle.is_held_back(grant):
        return "held back"  # auto-approved, and its spot check failed: a person decides (A13)
    if _needs_renewal(grant, now):
        return "renewal"
    if Tier.from_word(item.tier) > Tier.from_word(grant.tier):
        return "raised"
    if grant.kind == GrantKind.PRIVILEGE and item.privilege is not None:
        # A narrowed grant stays narrowed: compare with the original request.
        was = grant.approval.privilege
        if was is not None and not is_within(item.privilege.level, was.level):
            return "raised"
        if was is not None and not set(item.privilege.scope) <= set(was.scope):
            return "wider"
    return ""


def _needs_renewal(grant: Grant, now: datetime) -> bool:
    """Return whether a grant ends soon and no review can renew it: stage 2 decides again (G2)."""
    if grant.ends_at - now > RENEWAL or grant.state != GrantState.ACTIVE:
        return False
    succession_refusal = lifecycle.succession_refusal(grant, now)
    return not grant.renew or (succession_refusal is not None and succession_refusal.code == "G2")
