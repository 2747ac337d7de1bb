"""Stories of Platform Engineering and IT Operations: two with one identity, one expired, one auto-approved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from approvals.grants.transitions import lifecycle
from approvals.waivers import transitions as waiver_transitions
from governance.demo.company.cast import Cast
from governance.demo.stories.playback import Ago, Story
from governance.demo.stories.scenes import SOON, approve_rest, submit_export
from inventory.resources.transitions import incidents


def rates_on_the_intranet(d: Cast) -> Story:
    """Auto-approved, registered by form, live for months: Mei decided the app, policy the rest."""
    d.now = yield Ago(104, "09:40")
    version = d.describe("Rates on the intranet")
    d.now = yield SOON
    submission = d.submit(version, "Rates on the intranet")
    d.now = yield Ago(103, "10:10")
    d.approve(submission, "mei")


def incident_scribe(d: Cast) -> Story:
    """An agent with its own identity in the wiki; on-call stopped one of its grants, the other continues."""
    submission = yield from submit_export(d, "incident-scribe.mcp.json", 80, "13:20")
    d.now = yield Ago(79, "09:15")
    d.approve(submission, "amara", "It only reads. Whoever is on call still decides.")
    d.now = yield Ago(77, "14:00")
    yield from approve_rest(d, submission)
    d.now = yield Ago(12, "02:40")
    why = "It quoted the recovery codes of the old router into a channel with guests. Off until those are gone."
    lifecycle.stop(d.held(submission.automation, "runbooks/read_runbook"), **d.by("mei", why))


def incident_in_the_sandbox(d: Cast) -> Story:
    """A finished incident on a sandbox without grants, so it opened no review."""
    d.now = yield Ago(15, "21:40")
    why = "A dump of it lay in a public bucket for an hour. Nobody's data, and whatever is in it was made up; looking anyway."
    declared: Any = incidents.declare_incident(
        d.resources["sandbox"], **d.by("amara", why), reference="INC-2041", until=d.now + timedelta(days=3)
    )
    d.now = yield Ago(14, "11:20")
    why = "The bucket is closed, its log shows our own scanner and nobody else."
    incidents.end_incident(declared, **d.by("sana", why))


def shift_handover_agent(d: Cast) -> Story:
    """A trial before stage 1 that shares the incident scribe's identity under a waiver of three weeks."""
    d.now = yield Ago(3, "16:20")
    version = d.bring_in("shift-handover-agent.mcp.json")
    d.now = yield SOON
    waiver: Any = waiver_transitions.ask_waiver(
        version.automation,
        **d.by("elif", "The wiki gives out one service account a quarter, and the next one is for this."),
        code="shared-identity",
        subject_id=version.version_identities.get().identity_id,
        control="Both only read there, and the wiki's log names the program that asks beside the account.",
        days=21,
    )
    d.now = yield SOON
    waiver_transitions.grant_waiver(waiver, **d.by("sana", "On trial, read only, and until its own account is there."))
    d.now = yield SOON
    d.submit(version, "shift-handover-agent.mcp.json")


def alert_deduplicator(d: Cast) -> Story:
    """Expired twice: nobody decided about the service desk, and then nobody accepted the rest."""
    submission = yield from submit_export(d, "alert-deduplicator.json", 46, "10:30")
    d.now = yield Ago(45, "09:50")
    d.approve(submission, "amara", "Sixty mails an hour are the same as none.")
    d.now = yield Ago(44, "15:10")
    d.approve(submission, "omar", at="Read alerts")


STORIES = (rates_on_the_intranet, incident_scribe, incident_in_the_sandbox, shift_handover_agent, alert_deduplicator)
