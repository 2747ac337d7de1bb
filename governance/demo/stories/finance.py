"""Stories of Finance Operations: a live automation with a newer version, one to accept, one in stage 2."""

from __future__ import annotations

import json
from typing import Any

from approvals.decisions.transitions import comment
from approvals.models import Submission
from approvals.submissions.transitions import put_in_force
from approvals.waivers import transitions as waiver_transitions
from governance.demo.company.cast import EXPORTS, Cast
from governance.demo.stories.playback import Ago, Story
from governance.demo.stories.scenes import MINUTES, SOON, approve_rest, submit_export
from inventory.resources.transitions import controls

ONBOARDING = "supplier-onboarding.json"
AGAIN = f"{ONBOARDING}, version 2"


def supplier_onboarding(d: Cast) -> Story:
    """Live for weeks without a refused privilege; its second version is before stage 1."""
    submission = yield from submit_export(d, ONBOARDING, 52, "10:15")
    d.now = yield Ago(51, "09:20")
    d.approve(submission, "theo", "It replaces eleven mails a supplier. A person still releases each one.")
    d.now = yield Ago(50, "11:00")
    why = "Fine as an app. What it may touch is a question of its own: free SQL?"
    comment.comment(submission, **d.by("viktor", why))
    d.now = yield Ago(47, "13:30")
    why = "SQL that a model writes, on the production ERP: no. A fixed select on scm.suppliers would do."
    d.reject(submission, "omar", why, at="Look up supplier")
    d.now = yield MINUTES
    why = "Into the certificates folder only, and not for longer than a quarter."
    d.approve(submission, "mei", why, at="File certificate", term_days=75)
    d.now = yield Ago(45, "09:40")
    yield from approve_rest(d, submission, "Named, needed, and a person releases the record at the end.")
    d.now = yield Ago(44, "10:30")
    put_in_force.accept_subset(submission, **d.by("jonas"))
    yield from _waiver_without_log(d, submission)
    d.now = yield Ago(3, "10:50")
    version = d.bring_in(AGAIN, second_onboarding())
    d.now = yield SOON
    newer = d.submit(version, AGAIN)
    d.now = yield Ago(2, "14:15")
    why = "The credit agency's key stands in a credential now, and the old key was withdrawn."
    comment.comment(newer, **d.by("rita", why))


def _waiver_without_log(d: Cast, submission: Submission) -> Story:
    d.now = yield Ago(20, "11:05")
    waiver: Any = waiver_transitions.ask_waiver(
        submission.automation,
        **d.by(
            "rita",
            "The platform's next release has a step that writes to the log; until then the model's answers leave no trail of their own.",
        ),
        code="model-without-log",
        subject_id=submission.automation_id,
        control="The model gateway keeps prompts and answers for 90 days, and Viktor reads a sample of twenty each week.",
        days=60,
    )
    d.now = yield Ago(19, "09:45")
    why = "The gateway's trail is complete. Once, and not beyond the release."
    waiver_transitions.grant_waiver(waiver, **d.by("sana", why))


def second_onboarding() -> bytes:
    """The export after Rita's changes: the key is a credential, and the look-up is a fixed select."""
    workflow = json.loads((EXPORTS / ONBOARDING).read_bytes())
    nodes: dict[str, dict[str, Any]] = {node["name"]: node for node in workflow["nodes"]}
    check = nodes["Check credit"]
    check["parameters"]["headerParameters"]["parameters"] = [{"name": "Accept", "value": "application/json"}]
    check["parameters"] |= {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}
    check["credentials"] = {"httpHeaderAuth": {"id": "hdrCredit8Wn4PqL", "name": "Credit check API"}}
    name = "={{ $fromAI('name', ``, 'string') }}"
    nodes["Look up supplier"]["parameters"] = {
        "descriptionType": "manual",
        "toolDescription": "Finds suppliers by name.",
        "operation": "select",
        "schema": {"__rl": True, "value": "scm", "mode": "list"},
        "table": {"__rl": True, "value": "suppliers", "mode": "list", "cachedResultName": "suppliers"},
        "limit": 10,
        "where": {"values": [{"column": "name", "condition": "ILIKE", "value": name}]},
        "options": {"outputColumns": ["id", "name", "vat_number", "status"]},
    }
    return json.dumps(workflow).encode()


def payment_run_exporter(d: Cast) -> Story:
    """Decided with one refusal: the business owner accepts the rest or declines."""
    submission = yield from submit_export(d, "payment-run-exporter.json", 15, "09:00")
    d.now = yield Ago(14, "10:30")
    d.approve(submission, "theo", "Treasury keeps the last word, and the hand-made upload is the bigger risk.")
    d.now = yield Ago(13, "15:10")
    comment.comment(submission, **d.by("sana", "With treasury's answer in between I can live with it."))
    d.now = yield Ago(9, "11:40")
    why = (
        "Code of its own, on the platform that also holds the bank's key: no. The ERP can write this format since May."
    )
    d.reject(submission, "mei", why, at="Build bank file")
    d.now = yield Ago(9, "16:20")
    asks = d.approval(submission, "Ask treasury").privilege
    assert asks is not None
    why = "The message has two buttons, and the node goes on only when one of treasury presses the first."
    controls.state_control(asks.entitlement, **d.by("omar", why), tag="human.confirm")
    d.now = yield Ago(8, "09:50")
    yield from approve_rest(d, submission, "Needed for the run, and no wider than the run.")


def invoice_chaser(d: Cast) -> Story:
    """In stage 2 with all results side by side: approved, narrowed, refused, sent back, waiting."""
    submission = yield from submit_export(d, "invoice-chaser.json", 8, "13:10")
    record = d.approval(submission, "Record reminder")
    d.now = yield Ago(7, "09:15")
    why = "Updates of fin.invoices by an agent should go through the ERP's own API. I would want to see a narrower way."
    comment.object_to(record, **d.by("omar", why))
    d.now = yield Ago(7, "11:05")
    text = "The workflow sets the counter, not the model: the update has fixed columns and the invoice's id."
    comment.comment(submission, **d.by("rita", text), approval=record)
    d.now = yield Ago(6, "10:00")
    d.approve(submission, "theo", "We spend two days a month on reminders. Wording stays with Rita.")
    d.now = yield Ago(5, "14:30")
    why = "It writes to people outside: I want to see each privilege decided by itself."
    comment.comment(submission, **d.by("viktor", why))
    yield from _stage_2_of_the_chaser(d, submission)


def _stage_2_of_the_chaser(d: Cast, submission: Submission) -> Story:
    """Decisions of the owners so far; the demo's users decide the rest."""
    d.now = yield Ago(4, "09:30")
    why = "Half the time that was asked: we move to the replica in spring."
    d.approve(submission, "omar", why, at="Find overdue invoices", term_days=60)
    d.now = yield MINUTES
    d.approve(submission, "omar", "For the one channel.", at="Finance Slack workspace")
    d.now = yield MINUTES
    d.approve(submission, "omar", "Their own channel, their own messages.", at="Post to finance")
    d.now = yield Ago(4, "15:00")
    why = "Issues there are read by all of engineering, and these would name customers. Use the finance channel."
    d.reject(submission, "mei", why, at="GitHub MCP server")
    d.now = yield MINUTES
    why = "Who keeps the model from writing to somebody else? Show me where the recipient comes from."
    d.ask_for_changes(submission, "mei", why, at="Send reminder")
    d.now = yield MINUTES
    why = "The workflow needs the mailbox if it may send at all; security has to say so too."
    d.approve(submission, "mei", why, at="Receivables mailbox")
    d.now = yield Ago(3, "09:25")
    d.approve(submission, "amara", "Through the gateway, logged: fine.", at="Chat model")
    d.now = yield Ago(2, "10:10")
    text = "Mei, the recipient is the invoice's own address, not the model's choice. I'll answer on the record with the node."
    comment.comment(submission, **d.by("rita", text), approval=d.approval(submission, "Send reminder"))


STORIES = (supplier_onboarding, payment_run_exporter, invoice_chaser)
