"""The demo's clock and mail, a person, a search."""

from __future__ import annotations

from dataclasses import replace

from governance.core.models import Delegation, Person
from tests.web.samples.row_samples import Shape, at, event, frame

BRAM, THEO = Person(name="Bram Visser"), Person(name="Theo Brandt")


def clock() -> Shape:
    """The page that moves the demo's clock."""
    return {
        "chrome": replace(frame("Ines Moreau", ""), demo=True),
        "ahead": 3,
    }


def mails() -> Shape:
    """The list of sent mail."""
    subjects = (
        ("Decide by Thu 26 Nov: 4 approvals for Invoice chaser", "Omar Haddad", "sent", ""),
        ("2 to decide and 5 to review, first due Thu 26 Nov", "Omar Haddad", "queued", ""),
        ("Is payroll-sftp kept in Vault?", "Omar Haddad", "waiting", ""),
        (
            "Mei Tanaka requests changes to Invoice chaser",
            "Rita Novak",
            "failed",
            "Mailbox full; tried again today 16:00",
        ),
    )
    return {
        "chrome": replace(frame("Omar Haddad", ""), demo=True),
        "mails": [
            {
                "pk": 1,
                "heading": subject,
                "recipient": {"name": to},
                "sent_at": at(24, 8, 0),
                "state": state,
                "error": error,
            }
            for subject, to, state, error in subjects
        ],
        "pager": {"older_href": "", "newer_href": ""},
    }


def mail() -> Shape:
    """One mail."""
    return {
        "chrome": replace(frame("Omar Haddad", ""), demo=True),
        "sender": "Countersign <countersign@northwind.example>",
        "mail": {
            "heading": "2 to decide and 5 to review, first due Thu 26 Nov",
            "recipient": {"name": "Omar Haddad", "email": "omar.haddad@northwind.example"},
            "sent_at": at(24, 8, 0),
            "state": "sent",
            "error": "",
            "text": "Omar,\n\nThis is new or a reminder: 2 to decide and 5 to review.\n\nTo review\n\n"
            "* Weekly stock report may read stock and orders in ERP Postgres (production)\n"
            "Due Friday 4 December, 17:00: http://localhost:8000/recertify/88\n",
            "digest": {"pk": 2, "subject": "2 to decide and 5 to review"},
            "message_id": "<digest.88@northwind.example>",
            "thread": "digest:88",
        },
    }


def person() -> Shape:
    """Theo Brandt's page."""
    return {
        "chrome": frame("Yuki Sato", ""),
        "facts": [
            {"label": "Mail", "text": "theo.brandt@northwind.example"},
            {"label": "Signs in by", "text": "password"},
        ],
        "subject": {"pk": 7, "name": "Theo Brandt", "title": "Lead of Finance Operations", "left_at": None},
        "roles": [],
        "propose": {"options": [{"value": "auditor", "label": "Auditor"}], "why_not": None},
        "teams": [({"name": "Finance Operations"}, "lead")],
        "delegations": [Delegation(taker=BRAM, giver=THEO, from_at=at(1, 8, month=12), until_at=at(12, 17, month=12))],
        "automations": [
            {"href": "/automations/4", "name": "Payment run exporter", "business_owner_id": 7, "state": "live"}
        ],
        "events": [
            event("lock", "no", "Theo Brandt was refused", "to decide on the Slack message", at(23, 11, 5), "SOD-2"),
            event("check", "ok", "Theo Brandt approved", "the app of Invoice chaser, version 7", at(20, 10, 12)),
        ],
        "ledger_href": "/ledger?actor=7",
    }


def search() -> Shape:
    """What "invoice" finds."""
    return {
        "chrome": frame("Omar Haddad", ""),
        "action": "/search",
        "words": "invoice",
        "searched": True,
        "groups": [
            {
                "title": "Automations",
                "href": "/automations?q=invoice",
                "more": True,
                "rows": [
                    {
                        "href": "/automations/1",
                        "name": "Invoice chaser",
                        "team": {"name": "Finance Operations"},
                        "get_kind_display": "Workflow",
                        "get_environment_display": "Production",
                        "state": "live",
                    }
                ],
            },
            {
                "title": "Submissions",
                "href": "",
                "more": False,
                "rows": [
                    {
                        "pk": 418,
                        "reference": "2026-0418",
                        "automation": {"name": "Invoice chaser"},
                        "version": {"number": 7},
                        "submitted_by": {"name": "Rita Novak"},
                        "state": "open",
                    }
                ],
            },
        ],
    }
