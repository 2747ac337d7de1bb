"""What a version asks for that is not held already: new approval only for what changed (A12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals import facts, grants
from approvals.models import Approval, Grant, GrantKind, GrantState, Submission, SubmissionState
from inventory.models import Assessment, Automation, AutomationKind, Credential, Privilege, Version

#: How levels rise. Unknown counts as write (I4).
POWER = {"read": 0, "write": 1, "unknown": 1, "execute": 2, "admin": 3}
TIERS = ("low", "standard", "high")

#: How long before its end a grant that no review renews can be asked for anew: as long as a review of it would be open (R1).
RENEWAL = timedelta(days=30)


def credential_key(credential: Credential) -> str:
    """The key of the grant to use a credential."""
    return f"credential:{credential.pk}"


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
        return credential_key(self.credential)


@dataclass(frozen=True)
class Changes:
    """A version against what is approved and held.

    Args:
        before: the submission in force, or None before the first.
        app: why stage 1 is asked, in words; empty when it is not.
        asked: what stage 2 is asked.
        unchanged: grants that run on.
        ending: grants that end when the version is put in force.
    """

    before: Submission | None
    app: tuple[str, ...]
    asked: tuple[Asked, ...]
    unchanged: tuple[Grant, ...]
    ending: tuple[Grant, ...]

    @property
    def app_in_force(self) -> Approval | None:
        """The app approval that a submission rests on when stage 1 is not asked again."""
        return self.before.app_approval if self.before is not None and not self.app else None


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
    before = in_force(automation)
    held = {
        grant.key: grant
        for grant in automation.grants.standing().filter(ends_at__gt=now).select_related("entitlement", "credential")
    }
    asked, unchanged = [], []
    for item in _wanted(version, assessment):
        grant = held.get(item.key)
        why = _why_asked(item, grant, now)
        if why:
            asked.append(Asked(why, item.tier, item.reasons, item.privilege, item.credential))
        elif grant is not None:
            unchanged.append(grant)
    kept = {grant.pk for grant in unchanged}
    ending = tuple(grant for grant in held.values() if grant.pk not in kept)
    app = tuple(_app_reasons(automation, version, assessment, before))
    return Changes(before, app, tuple(asked), tuple(unchanged), ending)


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


def _why_asked(item: Asked, grant: Grant | None, now: datetime) -> str:
    if grant is None:
        return "new"
    if _runs_out(grant, now):
        return "renewal"
    if TIERS.index(item.tier) > TIERS.index(grant.tier):
        return "raised"
    if grant.kind == GrantKind.PRIVILEGE and item.privilege is not None:
        # A grant that its approver narrowed stays narrowed: what the version asks is compared with what was asked then.
        was = grant.approval.privilege
        if was is not None and POWER[item.privilege.level] > POWER[was.level]:
            return "raised"
        if was is not None and not set(item.privilege.scope) <= set(was.scope):
            return "wider"
    return ""


def _runs_out(grant: Grant, now: datetime) -> bool:
    """Whether a grant ends soon and no review can renew it: then stage 2 decides anew (G2)."""
    if grant.ends_at - now > RENEWAL or grant.state != GrantState.ACTIVE:
        return False
    no = grants.succession_refusal(grant)
    return not grant.renew or (no is not None and no.code == "G2")


def _app_reasons(
    automation: Automation, version: Version, assessment: Assessment, before: Submission | None
) -> list[str]:
    if before is None or before.app_approval is None:
        return ["It was never approved."]
    now_facts, then = facts.of_app(automation, version, assessment.tier), before.asked
    reasons = [
        f"{facts.WORDS[name]} changed."
        for name in ("purpose", "business_owner", "technical_owner", "kind", "triggers")
        if now_facts[name] != then.get(name)
    ]
    if TIERS.index(assessment.tier) != TIERS.index(str(then.get("tier", "standard"))):
        reasons.append("The risk tier changed.")
    if now_facts["source"] != then.get("source") and _source_counts(version, assessment):
        reasons.append("The source changed, and it is high risk, opaque or driven by a model.")
    return reasons


def is_same_app(automation: Automation, version: Version, assessment: Assessment, before: Submission) -> bool:
    """Whether what stage 1 of another submission decided about still stands for this version (A12, A14)."""
    return not _app_reasons(automation, version, assessment, before)


def _source_counts(version: Version, assessment: Assessment) -> bool:
    """Whether a change of source alone goes to stage 1: high, opaque or model-driven (A12)."""
    if assessment.tier == "high" or version.automation.kind in (AutomationKind.AGENT, AutomationKind.AI_APP):
        return True
    return (
        assessment.findings.filter(code="opaque_code").exists()
        or version.privileges.filter(model_controlled=True).exists()
    )
