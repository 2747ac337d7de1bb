"""The deploy gate: may this version run, and with which privileges? One read-only answer (A17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.models import Grant, Submission, SubmissionState, credential_key
from inventory.models import Automation, AutomationState, Version

#: For how long a superseded version may be rolled back to.
ROLLBACK = timedelta(days=30)


@dataclass(frozen=True)
class GateAnswer:
    """Whether a version may run.

    Args:
        may_run: the answer; an unknown digest, an error and anything unclear is no.
        code: the first check that failed, or ``OK``.
        sentence: why, and what to do.
        grants: the live grants that it may use.
    """

    may_run: bool
    code: str
    sentence: str
    grants: Sequence[Grant] = ()


def _no(code: str, sentence: str) -> GateAnswer:
    return GateAnswer(False, code, sentence)


def ask(automation: Automation, manifest_digest: str, *, now: datetime) -> GateAnswer:
    """Answer for one version, named by its digest.

    Args:
        automation: which automation asks; the digest counts for it alone.
        manifest_digest: of the version that is about to run (I2).
        now: business time.
    """
    # One manifest bound to other resources is another version with the same digest: the newest that may run answers (I8).
    known = list(automation.versions.filter(manifest_digest=manifest_digest).order_by("-number"))
    if not known:
        return _no("UNKNOWN_VERSION", "No version with this digest was brought in. Bring it in and submit it.")
    if automation.state != AutomationState.LIVE:
        return _no("NOT_LIVE", f"The automation is {automation.get_state_display().lower()}; it runs only while live.")
    in_force = _in_force(automation)
    current = in_force[0] if in_force else None
    if current is None:
        return _no("NOT_APPROVED", "No version of this automation is approved.")
    version = next((one for one in known if _may_run(one, in_force, now)), None)
    if version is None:
        return _no(
            "NOT_APPROVED",
            f"Version {known[0].number} is not approved. Submit it, or run version {current.version.number}, which is.",
        )
    keys = set(version.privileges.values_list("key", flat=True))
    keys |= {credential_key(pk) for pk in version.version_credentials.values_list("credential_id", flat=True)}
    live = Grant.objects.live(now).filter(automation=automation, key__in=keys).select_related("entitlement__resource")
    return GateAnswer(True, "OK", f"Version {version.number} may run.", tuple(live.order_by("pk")))


def _in_force(automation: Automation) -> list[Submission]:
    found = automation.submissions.filter(state=SubmissionState.IN_FORCE).select_related("version")
    return list(found.order_by("-ended_at", "-pk"))


def _may_run(version: Version, in_force: Sequence[Submission], now: datetime) -> bool:
    """The approved version, or one that was superseded at most 30 days ago."""
    superseded_at: datetime | None = None
    for submission in in_force:
        if submission.version_id == version.pk and (superseded_at is None or now - superseded_at <= ROLLBACK):
            return True
        superseded_at = submission.ended_at
    return False
