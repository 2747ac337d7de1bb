"""The deploy gate: may this version run, and with which privileges (A17)? One read-only answer.

An app above adds overdue reviews: a duty demanded of `GATE_EVENT` (X2, R6).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from approvals.models import Approval, ApprovalState, Grant, Sample, Submission, SubmissionState, credential_key
from approvals.models.spot_check import NOT_PASSED
from governance.core.access import Actor
from governance.core.engine import hooks
from inventory.models import Automation, AutomationState, Version
from inventory.models.automation import AutomationQuerySet

#: How long a superseded version may be rolled back to.
ROLLBACK = timedelta(days=30)
#: The event of a gate query for `hooks.demand`.
GATE_EVENT = "gate.asked"
#: Prefix of digests that name their hash.
HASH_PREFIX = "sha256:"
#: The actor of demanded duties: a job.
GATE = Actor.of_job("deploy gate")
#: What to do about an automation that was never live.
TO_DO: dict[str, str] = {
    AutomationState.DRAFT: "Submit it.",
    AutomationState.IN_REVIEW: "Wait for its decisions. Its page shows who must act.",
}


@dataclass(frozen=True)
class GateAnswer:
    """The answer whether a version may run.

    Args:
        may_run: the answer; False for an unknown digest, an error or an unclear case.
        code: the first check that failed, or ``OK``.
        sentence: the reason.
        to_do: the next step if it may not run; else empty.
        version: the version that may run, or the version meant, if known.
        grants: live grants that it may use.
        without: sentences of privileges that it asks for and may not use now: refused, stopped, ended or never submitted.
        environment: where it would run, for programs.
    """

    may_run: bool
    code: str
    sentence: str
    to_do: str = ""
    version: Version | None = None
    grants: Sequence[Grant] = ()
    without: Sequence[str] = ()
    environment: str = ""


UNKNOWN = GateAnswer(False, "UNKNOWN_VERSION", "No version with this digest was imported.", "Import it and submit it.")


def answer_for_digest(
    seen: AutomationQuerySet, digest: str, *, environment: str, now: datetime, automation: int | None = None
) -> GateAnswer:
    """Answer for the automation that has a version with this digest in this environment.

    Args:
        seen: automations visible to the caller; others are ignored.
        digest: digest of the version's manifest or source, 64 hex digits (I2).
        environment: where the version will run; an approval counts in its own environment (I10).
        now: business time.
        automation: id of the automation, needed if several have this version.
    """
    either = _digest_forms(digest)
    versions = Version.objects.filter(Q(manifest_digest__in=either) | Q(source_digest__in=either)).order_by()
    automations = seen.filter(pk__in=versions.values("automation"))
    automations = automations if automation is None else automations.filter(pk=automation)
    matches = list(automations.filter(environment=environment).order_by("pk")[:2])
    if len(matches) > 1:
        to_do = "Say which of them is meant by its id: automation=N."
        return GateAnswer(False, "AMBIGUOUS", "Several automations have a version with this digest.", to_do)
    if matches:
        return answer_for_automation(matches[0], digest, now=now)
    elsewhere = automations.order_by("pk").first()
    if elsewhere is None:
        return UNKNOWN
    place = elsewhere.get_environment_display().lower()
    sentence = f"This version was imported for {place}, and an approval counts in its own environment alone."
    return GateAnswer(False, "OTHER_ENVIRONMENT", sentence, f"Import it for {environment} and submit it there.")


def answer_for_automation(automation: Automation, digest: str, *, now: datetime) -> GateAnswer:
    """Answer for one version of an automation by its digest.

    Args:
        automation: the automation of the version.
        digest: digest of the version's manifest or source (I2).
        now: business time.
    """
    versions = _versions_meant(automation, digest)
    if not versions:
        return UNKNOWN
    in_force, failed, rejected = _in_force(automation)
    if automation.state != AutomationState.LIVE:
        to_do = TO_DO.get(automation.state, "See on its page why, and who lifts that.")
        sentence = f"The automation is {automation.get_state_display().lower()}; it runs only while live."
        return GateAnswer(False, "NOT_LIVE", sentence, to_do, versions[0])
    if not in_force:
        sentence = "No version of this automation is approved."
        return GateAnswer(False, "NOT_APPROVED", sentence, "Submit it, and see who must act.", versions[0])
    may_run = [version for version in versions if _may_run(version, in_force, failed | rejected, now)]
    if not may_run:
        is_failed, is_rejected = (_may_run(versions[0], in_force, never, now) for never in (rejected, failed))
        return _not_approved(versions[0], in_force[0].version, is_failed=is_failed, is_rejected=is_rejected)
    unsure = {version.manifest_digest for version in versions} - {candidate.manifest_digest for candidate in may_run}
    if unsure:
        other = next(version for version in versions if version.manifest_digest in unsure)
        sentence = f"Version {other.number} was read from this source too, and may not run."
        to_do = f"Ask by the digest of the manifest: {may_run[0].manifest_digest} is version {may_run[0].number}."
        return GateAnswer(False, "AMBIGUOUS", sentence, to_do, other)
    for duty in hooks.demanded(GATE_EVENT):
        if (late := duty.refusal(automation, GATE, now)) is not None:
            return GateAnswer(False, "NOT_REVIEWED", late.sentence, late.to_do, may_run[0])
    return _answer_with_grants(automation, may_run[0], now)


def _versions_meant(automation: Automation, digest: str) -> list[Version]:
    """Return the versions that a digest may mean, newest first.

    A manifest bound to other resources is another version with the same digest: the newest that may run counts (I8).
    One source may be read to several manifests (another trigger, other credentials); then it is unclear which of them
    runs.
    """
    versions, either = automation.versions.order_by("-number"), _digest_forms(digest)
    return list(versions.filter(manifest_digest__in=either)) or list(versions.filter(source_digest__in=either))


def _not_approved(version: Version, approved: Version, *, is_failed: bool, is_rejected: bool) -> GateAnswer:
    """Answer no for a version that failed a spot check, was rejected since, or was never or not recently approved."""
    if is_failed:
        sentence = f"Version {version.number} came into force unasked; a look at it found it not fine, or nobody looked in time."
        return GateAnswer(False, "NOT_FINE", sentence, f"Run version {approved.number}, which is approved.", version)
    if is_rejected:
        sentence = f"Version {version.number} was approved once, and rejected when it was asked for again."
        return GateAnswer(
            False, "NOT_APPROVED", sentence, f"Run version {approved.number}, which is approved.", version
        )
    to_do = f"Submit it, or run version {approved.number}, which is approved."
    return GateAnswer(False, "NOT_APPROVED", f"Version {version.number} is not approved.", to_do, version)


def _answer_with_grants(automation: Automation, version: Version, now: datetime) -> GateAnswer:
    """Answer yes with the live grants of the version; no if it has none."""
    privileges = list(version.privileges.select_related("entitlement__resource").order_by("pk"))
    keys = {privilege.key for privilege in privileges}
    credentials = {credential_key(pk) for pk in version.version_credentials.values_list("credential_id", flat=True)}
    held = Grant.objects.live(now).filter(automation=automation, key__in=keys | credentials)
    live = tuple(held.select_related("entitlement__resource").order_by("pk"))
    has = {grant.key for grant in live}
    wanted = keys or credentials  # a credential alone opens nothing approved
    if wanted and not has & wanted:
        sentence = (
            f"Nothing that version {version.number} asks for is held: it was rejected or stopped, or its term is over."
        )
        to_do = "See on its page what ended and why, and submit it again."
        return GateAnswer(False, "NOTHING_HELD", sentence, to_do, version, without=[row.sentence for row in privileges])
    without = [privilege.sentence for privilege in privileges if privilege.key not in has]
    return GateAnswer(True, "OK", f"Version {version.number} may run.", "", version, live, without)


def _digest_forms(digest: str) -> tuple[str, str]:
    """Return a digest without and with the prefix of its hash."""
    digits = digest.removeprefix(HASH_PREFIX)
    return digits, f"{HASH_PREFIX}{digits}"


def _in_force(automation: Automation) -> tuple[list[Submission], set[int], set[int]]:
    """Return the submissions in force, newest first, and the ids of two kinds of them that nobody rolls back to.

    The first failed a spot check of policy, or rest on the app approval of an earlier one that did (A12). Stage 1 rejected
    the manifest of the second later. A running version runs on.
    """
    looks = Sample.objects.filter(submission__automation=automation, approval=None, state__in=NOT_PASSED)
    on_it = Q(submission__lt=OuterRef("pk"), submission__app_approval=OuterRef("app_approval"))
    failed = looks.filter(Q(submission=OuterRef("pk")) | on_it)
    apps = Approval.objects.filter(submission__automation=automation, stage=1, state=ApprovalState.REJECTED)
    same = Q(submission__version__manifest_digest=OuterRef("version__manifest_digest"))
    rejected = apps.filter(same, ended_at__gt=OuterRef("ended_at"))
    submissions = automation.submissions.filter(state=SubmissionState.IN_FORCE).select_related("version")
    rows = list(submissions.annotate(failed=Exists(failed), rejected=Exists(rejected)).order_by("-ended_at", "-pk"))
    return [*rows], {row.pk for row in rows if row.failed}, {row.pk for row in rows[1:] if row.rejected}


def _may_run(version: Version, in_force: Sequence[Submission], never: Collection[int], now: datetime) -> bool:
    """Return whether the version is approved, or was superseded at most 30 days ago, and is in no ``never`` submission."""
    superseded_at: datetime | None = None
    for submission in in_force:
        is_this = submission.version_id == version.pk and submission.pk not in never
        if is_this and (superseded_at is None or now - superseded_at <= ROLLBACK):
            return True
        superseded_at = submission.ended_at
    return False
