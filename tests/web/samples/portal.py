"""The demo's clock and mail, a person, a search."""

from __future__ import annotations

from dataclasses import replace

from tests.web.samples.row_samples import Shape, at, event, frame, on


def clock() -> Shape:
    """The page that moves the demo's clock."""
    return {
        "chrome": replace(frame("Ines Moreau", ""), demo=True),
        "action": "/clock",
        "ahead": "3 days ahead of real time",
        "steps": [
            {"days": 1, "label": "1 day on"},
            {"days": 7, "label": "7 days on"},
            {"days": 30, "label": "30 days on"},
            {"days": 90, "label": "90 days on"},
        ],
        "coming": [
            {"at": on(26), "text": "4 approvals of Invoice chaser are due", "href": "/review"},
            {"at": on(4, 12), "text": "5 recertifications of Omar Haddad are due", "href": ""},
            {"at": on(8, 12), "text": "Grant ends: read files under /Templates", "href": "/automations/1"},
        ],
    }


def mails() -> Shape:
    """The list of sent mail."""
    subjects = (
        ("Decide by Thu 26 Nov: 4 approvals for Invoice chaser", "Omar Haddad", "sent", ""),
        ("2 to decide and 5 to review, first due Thu 26 Nov", "Omar Haddad", "queued", ""),
        ("Is payroll-sftp kept in Vault?", "Omar Haddad", "waiting", ""),
        ("Mei Tanaka asks about Invoice chaser", "Rita Novak", "failed", "Mailbox full; tried again today 16:00"),
    )
    return {
        "chrome": replace(frame("Omar Haddad", ""), demo=True),
        "head": {"title": "Mail", "facts": ["What the portal sent, as this demo keeps it"]},
        "mails": [
            {"href": "/mail/1", "subject": subject, "to": to, "at": at(24, 8, 0), "state": state, "why": why}
            for subject, to, state, why in subjects
        ],
        "pager": {"older_href": "", "newer_href": ""},
    }


def mail() -> Shape:
    """One mail."""
    return {
        "chrome": replace(frame("Omar Haddad", ""), demo=True),
        "crumbs": [{"label": "Mail", "href": "/mail"}, {"label": "To Omar Haddad", "href": ""}],
        "mail": {
            "subject": "2 to decide and 5 to review, first due Thu 26 Nov",
            "sender": "Countersign <countersign@northwind.example>",
            "to": "Omar Haddad <omar.haddad@northwind.example>",
            "at": at(24, 8, 0),
            "state": "sent",
            "why": "",
            "body": "Omar,\n\nThis waits for you or is new for you: 2 to decide and 5 to review.\n\nTo review\n\n"
            "* Weekly stock report may read stock and orders in ERP Postgres (production)\n"
            "Due Friday 4 December, 17:00: http://localhost:8000/recertify/88\n",
            "headers": [
                {"label": "Went out in", "text": "2 to decide and 5 to review", "href": "/mail/2"},
                {"label": "Thread", "text": "digest:88", "mono": True},
            ],
        },
    }


def person() -> Shape:
    """Theo Brandt's page."""
    return {
        "chrome": frame("Yuki Sato", ""),
        "crumbs": [{"label": "People", "href": "/people"}, {"label": "Theo Brandt", "href": ""}],
        "head": {"title": "Theo Brandt", "facts": ["Lead of Finance Operations", "here since 2 Mar 2025"]},
        "facts": [
            {"label": "Mail", "text": "theo.brandt@northwind.example"},
            {"label": "Signs in by", "text": "password"},
        ],
        "capacities": [{"text": "App approver, Finance Operations", "since": on(2, 3, 2025), "until": None}],
        "teams": [{"name": "Finance Operations", "href": "/teams/4", "capacity": "lead"}],
        "delegations": [{"text": "Bram Visser stands in", "from_on": on(1, 12), "until_on": on(12, 12)}],
        "answers_for": [
            {
                "href": "/automations/4",
                "icon": "bolt",
                "name": "Payment run exporter",
                "words": "business owner",
                "kind": "automation",
                "state": "live",
            }
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
                        "icon": "bolt",
                        "name": "Invoice chaser",
                        "text": "Finance Operations, n8n workflow, production",
                        "state": ("automation", "live"),
                    }
                ],
            },
            {
                "title": "Submissions",
                "href": "",
                "more": False,
                "rows": [
                    {
                        "href": "/review",
                        "icon": "file",
                        "name": "Invoice chaser",
                        "text": "2026-0418, version 7, submitted by Rita Novak",
                        "state": ("submission", "open"),
                    }
                ],
            },
        ],
    }
