"""What a version asks for that is not held already: new approval only for what changed (A12).

`weigh` and `app_reasons` are the rule, over what was read; `compare` reads a version's rows for them, and `unsaved_version` has those of a
version that is not saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from approvals.decisions import digest
from approvals.grants.transitions import lifecycle
from approvals.models import (
    Approval,
    Grant,
    GrantKind,
    GrantState,
    Submission,
    SubmissionState,
    credential_key,
)
from inventory.models import Assessment, Automation, AutomationKind, Credential, Privilege, Version
from inventory.risk.tiers import Tier, is_within

#: The finding that says that code could not be read.
OPAQUE = "opaque_code"

#: How long before its end a grant that no review renews can be asked for anew: as long as a review of it would be open (R1).
RENEWAL = timedelta(days=30)


@dataclass(frozen=True)
class Asked:
    """One thing that stage 2 is asked: why it is asked, and its tier with reasons."""

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
        return credential_key(self.credential.pk)

    @property
    def matter(self) -> str:
        """What it asks, by whatever connection or credential (A15)."""
        return self.privilege.matter if self.privilege is not None else self.key


@dataclass(frozen=True)
class Changes:
    """A version against what is approved and held.

    Args:
        before: the submission in force, or None before the first.
        app: why stage 1 is asked, in words; empty when it is not.
        wanted: everything that the version would hold, in order; `why` is empty for what runs on.
        asked: what of it stage 2 is asked.
        unchanged: grants that run on.
        ending: grants that end when the version is put in force.
    """

    before: Submission | None
    app: tuple[str, ...]
    wanted: tuple[Asked, ...]
    asked: tuple[Asked, ...]
    unchanged: tuple[Grant, ...]
    ending: tuple[Grant, ...]

    @property
    def app_in_force(self) -> Approval | None:
        """The app approval that a submission rests on when stage 1 is not asked again."""
        return self.before.app_approval if self.before is not None and not self.app else None


@dataclass(frozen=True)
class Standing:
    """What is approved and held of an automation: the submission in force, and grants by key."""

    before: Submission | None
    held: Mapping[str, Grant]

    @classmethod
    def read(cls, automation: Automation | None, now: datetime) -> Standing:
        """Read both: two queries, however much is held; None, a new automation, holds nothing."""
        if automation is None:
            return cls(None, {})
        grants_now = automation.grants.standing().filter(ends_at__gt=now).select_related(*GRANT)
        return cls(in_force(automation), {grant.key: grant for grant in grants_now})


#: What is read of each grant: what it is about, what was asked when it was approved, and what it renews (G2).
GRANT = ("entitlement__resource", "credential", "approval__privilege", "predecessor__predecessor__predecessor")


def in_force(automation: Automation) -> Submission | None:
    """The submission whose outcome is in force: the last that was put in force."""
    found = automation.submissions.filter(state=SubmissionState.IN_FORCE).select_related("app_approval", "version")
    return found.order_by("-ended_at", "-pk").first()


def compare(automation: Automation, version: Version, assessment: Assessment, *, now: datetime) -> Changes:
    """Compare a version with what is in force.

    Args:
        automation: whose version it is, with people and purpose as they stand.
        version: what is about to be submitted.
        assessment: its newest assessment: tiers with reasons.
        now: business time.
    """
    standing = Standing.read(automation, now)
    app = _app_reasons(automation, version, assessment, standing.before)
    return weigh(_wanted(version, assessment), standing, app, now=now)


def weigh(wanted: Iterable[Asked], standing: Standing, app: Iterable[str], *, now: datetime) -> Changes:
    """What is asked, runs on and ends. Asks the database nothing.

    Args:
        wanted: everything that the version would hold; why it is asked is found here.
        standing: what is approved and held, read by `Standing.read`.
        app: why stage 1 is asked (`app_reasons`).
        now: business time.
    """
    held = standing.held
    weighed = tuple(replace(one, why=why_asked(one, held.get(one.key), now)) for one in wanted)
    unchanged = tuple(held[one.key] for one in weighed if not one.why)
    kept = {grant.pk for grant in unchanged}
    return Changes(
        before=standing.before,
        app=tuple(app),
        wanted=weighed,
        asked=tuple(one for one in weighed if one.why),
        unchanged=unchanged,
        ending=tuple(grant for grant in held.values() if grant.pk not in kept),
    )


def app_reasons(
    facts_now: Mapping[str, Any], before: Submission | None, *, source_counts: Callable[[], bool]
) -> list[str]:
    """Why stage 1 is asked, in words; empty when what it decided about still stands (A12).

    What its review has suspended since, or a look at what changed, is asked anew: a new submission brings it back, by stage 1 and not
    past it (R4, A12).

    Args:
        facts_now: what it would decide about (`digest.of_app`).
        before: the submission whose stage 1 is compared with; None before the first.
        source_counts: says whether a change of source alone goes to stage 1; asked only where the source changed.
    """
    if before is None or before.app_approval is None:
        return ["It was never approved."]
    then = before.asked
    suspended_at = before.automation.suspended_by_review_at
    reasons = ["Its review suspended it."] if suspended_at is not None and suspended_at >= before.submitted_at else []
    if before.automation.suspended_by_look_at is not None:
        reasons.append("A look at what changed suspended it.")
    if before.automation.moved_at is not None:
        reasons.append("It came to another team.")
    reasons += [
        f"{digest.WORDS[name]} changed."
        for name in ("purpose", "business_owner", "technical_owner", "kind", "triggers", "runs_as")
        if facts_now.get(name) != then.get(name)
    ]
    if facts_now["tier"] != then.get("tier", "standard"):
        reasons.append("The risk tier changed.")
    if facts_now["source"] != then.get("source") and source_counts():
        reasons.append("The source changed, and it is high risk, opaque or driven by a model.")
    return reasons


def does_source_count(tier: str, kind: str, *, is_opaque: bool, is_model_driven: bool) -> bool:
    """Whether a change of source alone goes to stage 1: high, opaque or model-driven (A12).

    Args:
        tier: the app's tier.
        kind: the automation's kind; an agent or AI app is driven by a model.
        is_opaque: whether something in it is code that can't be read.
        is_model_driven: whether a model chooses what a privilege does.
    """
    return tier == "high" or kind in (AutomationKind.AGENT, AutomationKind.AI_APP) or is_opaque or is_model_driven


def _wanted(version: Version, assessment: Assessment) -> list[Asked]:
    judged = assessment.levels
    wanted = []
    for privilege in version.privileges.select_related(
        "entitlement__resource__owner", "entitlement__resource__deputy", "entitlement__resource__team", "credential"
    ):
        said = judged["privileges"][privilege.key]
        wanted.append(Asked("", said["tier"], tuple(said["reasons"]), privilege=privilege))
    for used in version.version_credentials.select_related("credential__kept_in__owner", "credential__opens__owner"):
        said = judged["credentials"][str(used.credential_id)]
        wanted.append(Asked("", said["tier"], tuple(said["reasons"]), credential=used.credential))
    return wanted


def why_asked(item: Asked, grant: Grant | None, now: datetime) -> str:
    """Why stage 2 is asked about one thing; empty where what is held of it runs on.

    Args:
        item: what the version would hold, with its tier; its own `why` is not looked at.
        grant: what is held of it, read with `GRANT`; None for nothing.
        now: business time.
    """
    if grant is None:
        return "new"
    if lifecycle.is_stopped(grant):
        return "stopped"  # a stop is not lifted by the same person's word, nor by nobody's: two others decide anew (G5)
    if lifecycle.is_held_back(grant):
        return "held back"  # policy approved it and a look did not bear that out: somebody decides (A13)
    if _runs_out(grant, now):
        return "renewal"
    if Tier.of(item.tier) > Tier.of(grant.tier):
        return "raised"
    if grant.kind == GrantKind.PRIVILEGE and item.privilege is not None:
        # A grant that its approver narrowed stays narrowed: what the version asks is compared with what was asked then.
        was = grant.approval.privilege
        if was is not None and not is_within(item.privilege.level, was.level):
            return "raised"
        if was is not None and not set(item.privilege.scope) <= set(was.scope):
            return "wider"
    return ""


def _runs_out(grant: Grant, now: datetime) -> bool:
    """Whether a grant ends soon and no review can renew it: then stage 2 decides anew (G2)."""
    if grant.ends_at - now > RENEWAL or grant.state != GrantState.ACTIVE:
        return False
    no = lifecycle.succession_refusal(grant)
    return not grant.renew or (no is not None and no.code == "G2")


def _app_reasons(
    automation: Automation, version: Version, assessment: Assessment, before: Submission | None
) -> list[str]:
    """`app_reasons` of a saved version."""

    def source_counts() -> bool:
        return does_source_count(
            assessment.tier,
            version.automation.kind,
            is_opaque=assessment.findings.filter(code=OPAQUE).exists(),
            is_model_driven=version.privileges.filter(model_controlled=True).exists(),
        )

    return app_reasons(digest.of_version(automation, version, assessment.tier), before, source_counts=source_counts)


def is_same_app(automation: Automation, version: Version, assessment: Assessment, before: Submission) -> bool:
    """Whether what stage 1 of another submission decided about still stands for this version (A12, A14)."""
    return not _app_reasons(automation, version, assessment, before)
