"""Home of a builder, of a resource owner, and with nothing to do."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, frame, on


def _automation(name: str, state: str, approved: int = 0) -> Shape:
    version = {"number": approved} if approved else None
    return {"href": "/automations/1", "name": name, "state": state, "approved_version": version}


def builder() -> Shape:
    """Rita Novak's: a question to answer and two automations on their way."""
    return {
        "chrome": frame("Rita Novak", "home", recertify=1),
        "person": {"get_short_name": "Rita"},
        "tasks": 2,
        "groups": [
            {
                "key": "recertifications",
                "words": "1 to answer",
                "shown_tasks": [
                    {
                        "href": "/recertify",
                        "level": "read",
                        "name": "Stock dashboard may read stock in ERP Postgres (production)",
                        "text": "Is it still needed? You own the automation.",
                        "since": at(20),
                        "due": at(4, 17, month=12),
                        "tier": "standard",
                    }
                ],
            },
            {
                "key": "questions",
                "words": "the approver waits for your answer",
                "shown_tasks": [
                    {
                        "href": "/review?open=17",
                        "name": "Which labels may it set?",
                        "text": "Invoice chaser, run the tool create_issue on GitHub MCP server",
                        "who": "Mei Tanaka",
                        "since": at(24, 8, 47),
                        "due": at(8, 17, month=12),
                    }
                ],
            },
        ],
        "automations": [
            {
                "row": _automation("Invoice chaser", "live", approved=3),
                "submission": {"pk": 7, "state": "open", "version": {"number": 7}},
                "held": [{"who": "Omar Haddad", "since": on(20)}, {"who": "Mei Tanaka", "since": on(20)}],
                "more": 0,
            },
            {
                "row": _automation("Supplier onboarding agent", "draft"),
                "submission": None,
                "held": [{"who": "you", "since": on(24)}],
                "more": 0,
            },
            {"row": _automation("Stock dashboard", "live", approved=1), "submission": None, "held": [], "more": 0},
        ],
    }


def owner() -> Shape:
    """Omar Haddad's: approvals first."""
    return {
        "chrome": frame("Omar Haddad", "home", approvals=7, recertify=5),
        "person": {"get_short_name": "Omar"},
        "tasks": 12,
        "groups": [
            {
                "key": "approvals",
                "words": "7 approvals in 3 submissions, on resources you own",
                "more_href": "/approvals",
                "shown_tasks": [
                    {
                        "href": "/review",
                        "seal": "left",
                        "name": "Vendor bank-detail checker",
                        "text": "change bank details in ERP Postgres (production)",
                        "who": "Rita Novak",
                        "since": at(18, 16),
                        "due": at(23, 17),
                        "tier": "high",
                    },
                    {
                        "href": "/review",
                        "seal": "left",
                        "name": "Invoice chaser",
                        "text": "mark invoices as reminded, send mail outside, post messages, use a database password",
                        "who": "Rita Novak",
                        "since": at(20, 10, 12),
                        "due": at(26, 17),
                        "tier": "high",
                    },
                ],
            },
            {
                "key": "recertifications",
                "words": "5 left of 12",
                "more_href": "/recertify",
                "shown_tasks": [
                    {
                        "href": "/recertify",
                        "level": "read",
                        "name": "Weekly stock report may read stock and orders in ERP Postgres (production)",
                        "text": "Last used 13 days ago",
                        "since": at(20),
                        "due": at(4, 17, month=12),
                    }
                ],
            },
        ],
        "automations": [],
    }


def nothing() -> Shape:
    """Nobody needs Tom Ashby."""
    return {
        "chrome": frame("Tom Ashby", "home"),
        "person": {"get_short_name": "Tom"},
        "tasks": 0,
        "groups": [],
        "automations": [],
        "nothing": {
            "sentence": "What needs you would be here: approvals, recertifications, questions, and your automations.",
            "href": "/import",
            "action": "Import an automation",
        },
    }
