"""The deploy gate: may this version run, and with which privileges? One read-only answer (A17).

Whether its review is past grace is a higher app's to say: a duty that is demanded of `ASKED` (X2, R6).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from approvals.models import (
    Approval,
    ApprovalState,
    Grant,
    Sample,
    Submission,
    SubmissionState,
    credential_key,
)
from approvals.models.spot_check import NOT_PASSED
from governance.core.actors.actor import Actor
from governance.core.engine import hooks
from inventory.models import Automation, AutomationState, Privilege, Version, of_manifest, of_source
from inventory.models.automation import AutomationQuerySet

#: For how long a superseded version may be rolled back to.
ROLLBACK = timedelta(days=30)
#: What the gate asks for, as other operations are asked: see `consequences.demand`.
ASKED = "gate.asked"
#: How digests that name their hash begin.
HASH = "sha256:"
#: Who asks what is demanded: nobody in particular.
GATE = Actor.of_job("deploy gate")
#: What to do about an automation that was never live.
TO_DO: dict[str, str] = {
    AutomationState.DRAFT: "Submit it.",
    AutomationState.IN_REVIEW: "Wait for its decisions: its page says who holds it.",
}


@dataclass(frozen=True)
class GateAnswer:
    """Whether a version may run.

    Args:
        may_run: the answer; an unknown digest, an error and anything unclear is no.
        code: the first check that failed, or ``OK``.
        sentence: why.
        to_do: what to do where it may not; empty where it may.
        version: the version that may run, or that was meant where one is known.
        grants: the live grants that it may use.
        without: what it asks for and may not use now: refused, stopped, ended, or never asked.
    """

    may_run: bool
    code: str
    sentence: str
    to_do: str = ""
    version: Version | None = None
    grants: Sequence[Grant] = ()
    without: Sequence[Privilege] = ()


def _no(code: str, sentence: str, to_do: str, version: Version | None = None) -> GateAnswer:
    return GateAnswer(False, code, sentence, to_do, version)


UNKNOWN = _no("UNKNOWN_VERSION", "No version with this digest was brought in.", "Bring it in and submit it.")


def find(
    seen: AutomationQuerySet, digest: str, *, environment: str, now: datetime, automation: int | None = None
) -> GateAnswer:
    """Answer for whichever automation has a version with this digest in this environment.

    Args:
        seen: the automations that whoever asks may see; others are as if they were not there.
        digest: of the manifest or the source of the version that is about to run, as 64 hex digits (I2).
        environment: where it is about to run: an approval counts in its own environment (I10).
        now: business time.
        automation: id of the one that is meant, where several have the same.
    """
    either = _written(digest)
    versions = Version.objects.filter(of_manifest(either) | of_source(either)).order_by()
    known = seen.filter(pk__in=versions.values("automation"))
    known = known if automation is None else known.filter(pk=automation)
    here = list(known.filter(environment=environment).order_by("pk")[:2])
    if len(here) > 1:
        to_do = "Say which of them is meant by its id: automation=N."
        return _no("AMBIGUOUS", "Several automations have a version with this digest.", to_do)
    if here:
        return ask(here[0], digest, now=now)
    elsewhere = known.order_by("pk").first()
    if elsewhere is None:
        return UNKNOWN
    where = elsewhere.get_environment_display().lower()
    sentence = f"This version was brought in for {where}, and an approval counts in its own environment alone."
    return _no("OTHER_ENVIRONMENT", sentence, f"Bring it in for {environment} and submit it there.")


def ask(automation: Automation, digest: str, *, now: datetime) -> GateAnswer:
    """Answer for one version, named by its digest.

    Args:
        automation: which automation asks; the digest counts for it alone.
        digest: of the manifest, or of the source, of the version that is about to run (I2).
        now: business time.
    """
    known = _meant(automation, digest)
    if not known:
        return UNKNOWN
    in_force = _in_force(automation)
    if automation.state != AutomationState.LIVE:
        to_do = TO_DO.get(automation.state, "See on its page why, and who lifts that.")
        sentence = f"The automation is {automation.get_state_display().lower()}; it runs only while live."
        return _no("NOT_LIVE", sentence, to_do, known[0])
    current = in_force[0] if in_force else None
    if current is None:
        sentence = "No version of this automation is approved."
        return _no("NOT_APPROVED", sentence, "Submit it, and see who holds it.", known[0])
    failed, rejected = _failed(automation, in_force), _rejected_since(automation, in_force)
    may_run = [one for one in known if _may_run(one, in_force, failed | rejected, now)]
    if not may_run:
        is_failed, is_rejected = (_may_run(known[0], in_force, never, now) for never in (rejected, failed))
        return _not_approved(known[0], current.version, is_failed=is_failed, is_rejected=is_rejected)
    unsure = {one.manifest_digest for one in known} - {one.manifest_digest for one in may_run}
    if unsure:
        other = next(one for one in known if one.manifest_digest in unsure)
        sentence = f"Version {other.number} was read from this source too, and may not run."
        to_do = f"Ask by the digest of the manifest: {may_run[0].manifest_digest} is version {may_run[0].number}."
        return _no("AMBIGUOUS", sentence, to_do, other)
    late = [no for duty in hooks.demanded(ASKED) if (no := duty.asks(automation, GATE, now)) is not None]
    if late:
        return _no("NOT_REVIEWED", late[0].sentence, late[0].to_do, may_run[0])
    return _with_what_is_held(automation, may_run[0], now)


def _meant(automation: Automation, digest: str) -> list[Version]:
    """The versions that a digest may mean, newest first.

    One manifest bound to other resources is another version with the same digest: the newest that may run answers (I8). One source
    read to several manifests (another trigger, other credentials) says of none of them that it is the one that runs.
    """
    known, either = automation.versions.order_by("-number"), _written(digest)
    return list(known.filter(of_manifest(either))) or list(known.filter(of_source(either)))


def _not_approved(version: Version, approved: Version, *, is_failed: bool, is_rejected: bool) -> GateAnswer:
    """No: what came into force unasked and failed a look, what was rejected since it ran, or what never was approved or long ago."""
    if is_failed:
        sentence = f"Version {version.number} came into force unasked; a look at it found it not fine, or nobody looked in time."
        return _no("NOT_FINE", sentence, f"Run version {approved.number}, which is approved.", version)
    if is_rejected:
        sentence = f"Version {version.number} was approved once, and rejected when it was asked for again."
        return _no("NOT_APPROVED", sentence, f"Run version {approved.number}, which is approved.", version)
    to_do = f"Submit it, or run version {approved.number}, which is approved."
    return _no("NOT_APPROVED", f"Version {version.number} is not approved.", to_do, version)


def _with_what_is_held(automation: Automation, version: Version, now: datetime) -> GateAnswer:
    """Yes, with what is live of what the version asks for; no where none of that is: it has all been refused, stopped, or ended."""
    asked = list(version.privileges.select_related("entitlement__resource").order_by("pk"))
    keys = {one.key for one in asked}
    credentials = {credential_key(pk) for pk in version.version_credentials.values_list("credential_id", flat=True)}
    held = Grant.objects.live(now).filter(automation=automation, key__in=keys | credentials)
    live = tuple(
        held.select_related(
            "entitlement__resource", "approval__privilege__entitlement__resource", "credential"
        ).order_by("pk")
    )
    has = {one.key for one in live}
    wanted = keys or credentials  # a credential by itself opens nothing that anybody approved
    if wanted and not has & wanted:
        sentence = (
            f"Nothing that version {version.number} asks for is held: it was refused or stopped, or its term is over."
        )
        no = _no("NOTHING_HELD", sentence, "See on its page what ended and why, and submit it again.", version)
        return replace(no, without=asked)
    return GateAnswer(
        True,
        "OK",
        f"Version {version.number} may run.",
        version=version,
        grants=live,
        without=tuple(one for one in asked if one.key not in has),
    )


def _written(digest: str) -> tuple[str, str]:
    """A digest with and without the name of the hash before it."""
    digits = digest.removeprefix(HASH)
    return digits, f"{HASH}{digits}"


def _in_force(automation: Automation) -> list[Submission]:
    found = automation.submissions.filter(state=SubmissionState.IN_FORCE).select_related("version")
    return list(found.order_by("-ended_at", "-pk"))


def _failed(automation: Automation, in_force: Sequence[Submission]) -> set[int]:
    """Ids of submissions that nobody was asked about and that failed the look at them, and of what came after them just so (A12).

    Stage 1 alone lifts that: what it has decided since rests on another approval of the app.
    """
    looks = Sample.objects.filter(submission__automation=automation, approval=None, state__in=NOT_PASSED)
    found = list(looks.values_list("submission_id", "submission__app_approval_id"))
    return {one.pk for one in in_force for pk, app in found if one.pk >= pk and one.app_approval_id == app}


def _rejected_since(automation: Automation, in_force: Sequence[Submission]) -> set[int]:
    """Ids of submissions whose version, by its manifest, stage 1 has rejected since: what runs runs on (A12), and nobody goes back to it."""
    apps = Approval.objects.filter(submission__automation=automation, stage=1, state=ApprovalState.REJECTED)
    said = list(apps.values_list("submission__version__manifest_digest", "ended_at"))
    return {
        one.pk
        for one in in_force[1:]
        if any(
            one.version.manifest_digest == digest and at and one.ended_at and at > one.ended_at for digest, at in said
        )
    }


def _may_run(version: Version, in_force: Sequence[Submission], never: Collection[int], now: datetime) -> bool:
    """The approved version, or one that was superseded at most 30 days ago; unless it failed a look or was rejected since."""
    superseded_at: datetime | None = None
    for submission in in_force:
        is_this = submission.version_id == version.pk and submission.pk not in never
        if is_this and (superseded_at is None or now - superseded_at <= ROLLBACK):
            return True
        superseded_at = submission.ended_at
    return False
