"""Stories of Finance Operations: a live automation with a newer version, one to accept, one in stage 2."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from approvals.submissions.transitions import put_in_force
from approvals.submissions.transitions.submit import ItemRequest
from approvals.waivers import transitions as waiver_transitions
from governance.demo.stories.director import EXPORTS, Director
from governance.demo.stories.playback import Ago, Story
from inventory.resources.transitions import controls

ONBOARDING = "supplier-onboarding.json"
SOON = timedelta(minutes=35)
MINUTES = timedelta(minutes=4)

#: Justifications of supplier onboarding; the second version changes only the look-up.
ONBOARDING_WHY = {
    "New supplier": "Buyers fill one form instead of writing mails; the form has its own password.",
    "Check credit": "We check every new supplier before the first order, as the purchasing policy asks.",
    "Assessment model": "It sums up the credit report for the buyer and proposes accept, refuse or ask.",
    "Look up supplier": "It must see whether the company is in the ERP already under another spelling.",
    "File certificate": "The certificate belongs into the supplier's folder, where audits look for it.",
    "Add supplier": "An accepted supplier is added as 'proposed'; purchasing releases it by hand.",
}


def supplier_onboarding(d: Director) -> Story:
    """Live for weeks without a refused privilege; its second version is before stage 1."""
    now = yield Ago(52, "10:15")
    version = d.bring_in(
        "finance_ops",
        "rita",
        ONBOARDING,
        now,
        purpose="Takes in new suppliers from buyers, checks their credit and prepares their record in the ERP.",
        business_owner="jonas",
        technical_owner="rita",
        escalation_contact="accounts-payable@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "rita",
        now,
        {**ONBOARDING_WHY, "Assessment model": ItemRequest(ONBOARDING_WHY["Assessment model"], 60)},
    )
    now = yield Ago(51, "09:20")
    d.approve(d.app(submission), "theo", now, "It replaces eleven mails a supplier. A person still releases each one.")
    now = yield Ago(50, "11:00")
    d.approve(d.app(submission), "viktor", now, "Fine as an app. What it may touch is a question of its own: free SQL?")
    now = yield Ago(47, "13:30")
    d.reject(
        d.privilege(submission, "Look up supplier"),
        "omar",
        now,
        "SQL that a model writes, on the production ERP: no. A fixed select on scm.suppliers would do.",
    )
    now = yield MINUTES
    upload = d.privilege(submission, "File certificate")
    d.approve(upload, "mei", now, "Into the certificates folder only, and not for longer than a quarter.", term_days=75)
    now = yield Ago(45, "09:40")
    now = yield from d.approve_rest(submission, now, "Named, needed, and a person releases the record at the end.")
    now = yield Ago(44, "10:30")
    put_in_force.accept_subset(submission, actor=d.company.actor("jonas"), now=now)
    now = yield Ago(20, "11:05")
    automation = submission.automation
    waiver: Any = waiver_transitions.ask_waiver(
        automation,
        actor=d.company.actor("rita"),
        now=now,
        reason="The platform's next release has a step that writes to the log; until then the model's answers leave no trail of their own.",
        code="model-without-log",
        subject_id=automation.pk,
        control="The model gateway keeps prompts and answers for 90 days, and Viktor reads a sample of twenty each week.",
        days=60,
    )
    now = yield Ago(19, "09:45")
    waiver_transitions.grant_waiver(
        waiver,
        actor=d.company.actor("sana"),
        now=now,
        reason="The gateway's trail is complete. Once, and not beyond the release.",
    )
    now = yield Ago(3, "10:50")
    again = d.bring_in("finance_ops", "rita", ONBOARDING, now, content=second_onboarding())
    now = yield SOON
    why = ONBOARDING_WHY | {"Look up supplier": "As Omar proposed: one fixed select, by name, on one table."}
    newer = d.submit(again, "rita", now, why)
    now = yield Ago(2, "14:15")
    d.say(newer, "rita", now, "The credit agency's key stands in a credential now, and the old key was withdrawn.")


def second_onboarding() -> bytes:
    """The export after Rita's changes: the key is a credential, and the look-up is a fixed select."""
    workflow = json.loads((EXPORTS / ONBOARDING).read_bytes())
    nodes: dict[str, dict[str, Any]] = {node["name"]: node for node in workflow["nodes"]}
    check = nodes["Check credit"]
    check["parameters"]["headerParameters"]["parameters"] = [{"name": "Accept", "value": "application/json"}]
    check["parameters"] |= {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}
    check["credentials"] = {"httpHeaderAuth": {"id": "hdrCredit8Wn4PqL", "name": "Credit check API"}}
    nodes["Look up supplier"]["parameters"] = {
        "descriptionType": "manual",
        "toolDescription": "Finds suppliers by name.",
        "operation": "select",
        "schema": {"__rl": True, "value": "scm", "mode": "list"},
        "table": {"__rl": True, "value": "suppliers", "mode": "list", "cachedResultName": "suppliers"},
        "limit": 10,
        "where": {
            "values": [{"column": "name", "condition": "ILIKE", "value": "={{ $fromAI('name', ``, 'string') }}"}]
        },
        "options": {"outputColumns": ["id", "name", "vat_number", "status"]},
    }
    return json.dumps(workflow).encode()


def payment_run_exporter(d: Director) -> Story:
    """Decided with one refusal: the business owner accepts the rest or declines."""
    now = yield Ago(15, "09:00")
    version = d.bring_in(
        "finance_ops",
        "rita",
        "payment-run-exporter.json",
        now,
        purpose="Hands approved payment runs to the bank, after treasury has said yes in Slack.",
        business_owner="jonas",
        technical_owner="rita",
        escalation_contact="treasury@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "rita",
        now,
        {
            "Approved payments": "It reads the run that was approved in the ERP, nothing else.",
            "Build bank file": "The bank wants a fixed format that no node of the platform writes.",
            "Ask treasury": "Treasury confirms each run; without an answer nothing is sent.",
            "Send to bank": "The file has to reach the bank somehow; today it is uploaded by hand.",
            "Mark as exported": "So that no run is sent twice.",
        },
    )
    now = yield Ago(14, "10:30")
    d.approve(
        d.app(submission), "theo", now, "Treasury keeps the last word, and the hand-made upload is the bigger risk."
    )
    now = yield Ago(13, "15:10")
    d.approve(d.app(submission), "sana", now, "With treasury's answer in between I can live with it.")
    now = yield Ago(9, "11:40")
    d.reject(
        d.privilege(submission, "Build bank file"),
        "mei",
        now,
        "Code of its own, on the platform that also holds the bank's key: no. The ERP can write this format since May.",
    )
    now = yield Ago(9, "16:20")
    asks = d.privilege(submission, "Ask treasury").privilege
    assert asks is not None
    controls.state_control(
        asks.entitlement,
        actor=d.company.actor("omar"),
        now=now,
        reason="The message has two buttons, and the node goes on only when one of treasury presses the first.",
        tag="human.confirm",
    )
    now = yield Ago(8, "09:50")
    now = yield from d.approve_rest(submission, now, "Needed for the run, and no wider than the run.")


def invoice_chaser(d: Director) -> Story:
    """In stage 2 with all results side by side: approved, narrowed, refused, sent back, waiting."""
    now = yield Ago(8, "13:10")
    version = d.bring_in(
        "finance_ops",
        "rita",
        "invoice-chaser.json",
        now,
        purpose="Reminds customers of invoices that are more than ten days late, three times at most.",
        business_owner="jonas",
        technical_owner="rita",
        escalation_contact="receivables@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "rita",
        now,
        {
            "Find overdue invoices": "It reads what is overdue, with the customer's name and address.",
            "Chat model": "The model writes the reminder: friendly at first, firm at the third.",
            "Read contract terms": "Terms differ; it must not chase an invoice that is not due by contract.",
            "Send reminder": "The reminder comes from the mailbox that customers know and answer to.",
            "GitHub MCP server": "If contract and invoice contradict each other, somebody must look at it.",
            "Record reminder": "So that nobody is reminded a fourth time.",
            "Post to finance": "The team sees what went out and can step in.",
        },
    )
    now = yield Ago(7, "09:15")
    d.object_to(
        d.privilege(submission, "Record reminder"),
        "omar",
        now,
        "Updates of fin.invoices by an agent should go through the ERP's own API. I would want to see a narrower way.",
    )
    now = yield Ago(7, "11:05")
    comment = "The workflow sets the counter, not the model: the update has fixed columns and the invoice's id."
    d.say(submission, "rita", now, comment, on=d.privilege(submission, "Record reminder"))
    now = yield Ago(6, "10:00")
    d.approve(d.app(submission), "theo", now, "We spend two days a month on reminders. Wording stays with Rita.")
    now = yield Ago(5, "14:30")
    d.approve(
        d.app(submission), "viktor", now, "It writes to people outside: I want to see each privilege decided by itself."
    )
    yield from _stage_2_of_the_chaser(d, submission)


def _stage_2_of_the_chaser(d: Director, submission: Any) -> Story:
    """Decisions of the owners so far; the demo's users decide the rest."""
    now = yield Ago(4, "09:30")
    read = d.privilege(submission, "Find overdue invoices")
    d.approve(read, "omar", now, "Half the time that was asked: we move to the replica in spring.", term_days=60)
    now = yield MINUTES
    d.approve(d.credential(submission, "Finance Slack workspace"), "omar", now, "For the one channel.")
    now = yield MINUTES
    d.approve(d.privilege(submission, "Post to finance"), "omar", now, "Their own channel, their own messages.")
    now = yield Ago(4, "15:00")
    d.reject(
        d.privilege(submission, "GitHub MCP server"),
        "mei",
        now,
        "Issues there are read by all of engineering, and these would name customers. Use the finance channel.",
    )
    now = yield MINUTES
    mail = d.privilege(submission, "Send reminder")
    d.ask_for_changes(
        mail, "mei", now, "Who keeps the model from writing to somebody else? Show me where the recipient comes from."
    )
    now = yield MINUTES
    box = d.credential(submission, "Receivables mailbox")
    d.approve(box, "mei", now, "The workflow needs the mailbox if it may send at all; security has to say so too.")
    now = yield Ago(3, "09:25")
    d.approve(d.privilege(submission, "Chat model"), "amara", now, "Through the gateway, logged: fine.")
    now = yield Ago(2, "10:10")
    comment = "Mei, the recipient is the invoice's own address, not the model's choice. I'll answer on the record with the node."
    d.say(submission, "rita", now, comment, on=mail)
