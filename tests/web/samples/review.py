"""The review of one submission as three people see it, and the desk."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, event, frame, on, reason, tag

ERP = "ERP Postgres (production)"


def _row(key: str, level: str, sentence: str, scope: str, **more: object) -> Shape:
    base: Shape = {
        "key": key,
        "kind": "privilege",
        "level": level,
        "sentence": sentence,
        "scope": scope,
        "tier": "standard",
        "tags": [tag("New")],
        "data_class": "internal",
        "owner": "Omar Haddad",
        "term": "180 d",
        "state": {"value": "open", "mine": True},
        "open_href": f"/review?open={key}",
        "close_href": "/review",
    }
    return {**base, **more}


def decide(asked: str = "write") -> Shape:
    """The decision form of an opened high-risk row."""
    columns = ("reminder_state", True), ("reminded_at", True), ("dunning_note", False)
    return {
        "action": "/decide/12",
        "digest": "9f2c41ab",
        "level_help": "you can lower it, never raise it",
        "levels": [
            {"value": "read", "label": "Read"},
            {"value": "write", "label": "Write", "checked": True, "asked": True},
        ],
        "scope_legend": "Columns",
        "scopes": [
            {
                "value": name,
                "label": f"ar.invoices.{name}",
                "checked": kept,
                "asked": True,
                "words": "" if kept else "unticked by you",
            }
            for name, kept in columns
        ],
        "term_help": "at most 90 days for high risk",
        "terms": [
            {"value": 30, "label": "30 days"},
            {"value": 60, "label": "60 days", "checked": True},
            {"value": 90, "label": "90 days", "asked": True},
        ],
        "term_note": "Ends Sat 23 Jan 2027. Recertified 24 Dec.",
        "reason": {
            "value": "Two status columns are enough. dunning_note holds free text about customers, so I took it out.",
            "help": "needed for high risk; stays on the record",
            "required": True,
        },
        "approve_label": "Approve",
    }


def evidence() -> Shape:
    """What stands left of the decision form."""
    return {
        "asked_by": "Rita Novak",
        "why": "After a reminder goes out, the workflow marks the invoice so nobody chases it twice. It sets two fields"
        " and never touches amounts.",
        "reasons": [
            reason("file", "Used by 2 of 14 steps:", code="Mark reminded, Reset on payment"),
            reason("up", "Approved version 3 could only read this table. In 90 days: 18,204 reads, 0 refused."),
            reason(
                "robot", "Which invoice is marked is chosen by a model (gpt-4.1, pinned). The value written is fixed."
            ),
            reason(
                "key",
                "If that is refused, this stays approved but can’t be used.",
                "Rests on the password n8n-ar-writer.",
            ),
        ],
        "seats_title": "Seats for a high-risk privilege",
        "seats": [
            {"capacity": "Resource owner", "who": "you", "seal": "left", "state": {"value": "open", "mine": True}},
            {
                "capacity": "Security",
                "who": "Sana Iqbal",
                "seal": "right",
                "state": {"value": "approved", "below": "Mon 23 Nov"},
            },
        ],
    }


def _mine() -> list[Shape]:
    quick: Shape = {"action": "/decide/14", "digest": "77aa"}
    return [
        _row(
            "12",
            "write",
            f"May mark invoices as reminded in {ERP}",
            "UPDATE (reminder_state, reminded_at, dunning_note) ON ar.invoices",
            tier="high",
            tags=[tag("Raised: read → write", "high", "up")],
            data_class="confidential",
            term="60 d",
            term_asked="90",
            open=True,
            evidence=evidence(),
            decide=decide(),
        ),
        _row(
            "13",
            "write",
            "May send mail to any address outside Northwind as billing@northwind.example",
            "smtp:send · to *@* · from billing@",
            tier="high",
            tags=[tag("Conflict CR-07", "no", "conflict"), tag("New")],
            data_class="confidential",
            term="90 d",
            may_decide=True,
            note={
                "tone": "no",
                "icon": "conflict",
                "lead": "Private data, untrusted input and a way out.",
                "text": "Together with reading invoices and reading mailed statements, this mail right would let a crafted"
                " statement send customer data outside.",
                "more": "Rule CR-07 asks for one more signature: security. A list of allowed recipients would lift it.",
            },
        ),
        _row(
            "14",
            "write",
            "May post messages to #finance-alerts in Finance Slack workspace",
            "chat:write · channel C04FINALERTS",
            may_decide=True,
            quick=quick,
        ),
        _row(
            "15",
            "secret",
            "Uses the database password n8n-ar-writer, kept in Vault",
            "vault:finance/erp/n8n-ar-writer · fp 7c1e…90",
            kind="credential",
            name="n8n-ar-writer",
            tier="high",
            tags=[tag("Opens 14 tables, asks for 2", "high", "warning"), tag("Static, 212 days old", "wait", "clock")],
            data_class="confidential",
            term="60 d",
            may_decide=True,
        ),
    ]


def _others() -> list[Shape]:
    return [
        _row(
            "16",
            "read",
            "May read files under /Statements in Supplier Drive",
            "drive.readonly · /Statements/**",
            data_class="confidential",
            owner="Mei Tanaka",
            aside=True,
            locked={
                "sentence": "You stand in for Theo Brandt here, and he approved this app in stage 1",
                "code": "SOD-2",
                "passed_to": "Mei Tanaka",
            },
        ),
        _row(
            "17",
            "execute",
            "May run the tool create_issue on GitHub MCP server",
            "mcp:create_issue · northwind/finance-ops",
            owner="Mei Tanaka",
            state={"value": "changes_asked", "below": "Rita has 10 working days: “Which labels may it set?”"},
        ),
    ]


def _decided() -> list[Shape]:
    return [
        _row(
            "18",
            "read",
            f"May read invoices and customers in {ERP}",
            "SELECT ON ar.invoices, ar.customers",
            tier="",
            tags=[tag("Customers is new")],
            level_asked="write",
            data_class="confidential",
            state={"value": "approved", "below": "You, today 09:14"},
        ),
        _row(
            "19",
            "secret",
            "Uses the Slack bot token invoice-chaser, renewed every 12 hours",
            "vault:slack/bot/invoice-chaser · fp e04a…1b",
            kind="credential",
            name="invoice-chaser",
            tier="",
            tags=[],
            state={"value": "approved", "below": "You, today 09:16"},
        ),
        _row(
            "20",
            "read",
            "May read every public channel in Finance Slack workspace",
            "channels:history · *",
            tier="",
            tags=[],
            data_class="confidential",
            term="–",
            refused=True,
            state={
                "value": "rejected",
                "below": "You, today 09:21: “Posting alerts needs no reading. Ask for one channel.”",
            },
        ),
    ]


def _app() -> Shape:
    return {
        "state": {"value": "approved"},
        "purpose": "Reminds customers of overdue invoices and tells Finance when a reminder fails.",
        "facts": [
            {"label": "Team", "text": "Finance Operations"},
            {"label": "Business", "text": "Jonas Weil"},
            {"label": "Technical", "text": "Rita Novak", "quiet": "(submitted)"},
            {"label": "Escalation", "text": "#finance-ops-oncall"},
            {"label": "Starts", "text": "Weekdays 07:30; mail to billing@"},
            {"label": "Runs on", "text": "n8n Cloud, production"},
            {"label": "Model", "text": "gpt-4.1, picks invoice and wording"},
            {"label": "Runs as", "text": "spiffe://northwind/fin/invoice-chaser", "mono": True},
            {"label": "Version", "text": "7", "quiet": "9f2c41ab…e7"},
        ],
        "tier": "high",
        "reasons": [
            reason("pen", "It writes to confidential data in production."),
            reason("robot", "A model chooses what is written and mailed."),
            reason("globe", "Mail from outside can start it."),
        ],
        "findings": [
            reason(
                "key",
                "14 tables against 2.",
                "Credential opens more than is asked.",
                "high",
                href="/reach",
                link="See reach",
            ),
            reason(
                "conflict",
                "Data, untrusted input, outbound mail.",
                "Conflict CR-07.",
                "high",
                href="/rule",
                link="See rule",
            ),
        ],
        "changes_since": "version 3",
        "changes": [
            reason("plus", "Starts on incoming mail too", tone="ok"),
            reason("plus", "A model writes the reminder; it was a template", tone="ok"),
            reason("pen", "Purpose: “…and tells Finance when a reminder fails”"),
        ],
        "compare_href": "/compare",
        "compare_words": "Compare versions 3 and 7",
        "leak": [
            reason("database", "41,300 customers’ names, addresses and open amounts in ERP Postgres"),
            reason("mail", "Mail in our name to anybody"),
            reason("message", "Posts in one Slack channel"),
        ],
        "reach_href": "/reach",
        "decisions": [
            {
                "who": "Theo Brandt",
                "capacity": "lead",
                "at": at(20, 10, 12),
                "text": "Saves us two days a month. Keep a person on the first batch of every week.",
            }
        ],
    }


def _steps() -> list[Shape]:
    return [
        {
            "seal": "left",
            "stage": "done",
            "title": "Stage 1 · App",
            "state": {"value": "approved", "by": "Theo Brandt"},
            "below": "Fri 20 Nov 10:12, after 1 d 6 h",
        },
        {
            "seal": "right",
            "stage": "now",
            "title": "Stage 2 · Privileges",
            "count": "3 of 9 decided",
            "due": at(26, 17),
            "parts": ["approved", "approved", "refused", "mine", "mine", "mine", "mine", "other", "asked"],
            "held": [
                {"who": "you", "count": 4, "since": on(20)},
                {"who": "Mei Tanaka", "count": 1, "since": on(20)},
                {"who": "Rita Novak", "count": 1, "since": on(24)},
            ],
        },
        {
            "seal": "none",
            "stage": "next",
            "title": "In force",
            "text": "After the last decision. Something was refused, so Jonas Weil accepts the rest or declines.",
        },
    ]


def _head() -> Shape:
    return {
        "title": "Invoice chaser",
        "tier": "high",
        "facts": [
            "n8n workflow with a model",
            "Finance Operations",
            "production",
            "submitted by Rita Novak, Wed 18 Nov",
        ],
        "actions": [
            {"label": "Evidence pack", "icon": "file", "href": "/evidence"},
            {"label": "Ask Rita", "icon": "speech", "href": "#remark"},
        ],
    }


def owner() -> Shape:
    """What Omar Haddad sees, who owns two of the resources."""
    return {
        "chrome": frame("Omar Haddad", "approvals", approvals=7, recertify=5),
        "submission": {"reference": "2026-0418"},
        "head": _head(),
        "steps": _steps(),
        "changes": {
            "title": "Since approved version 3",
            "items": [
                {"icon": "plus", "tone": "ok", "text": "5 privileges new"},
                {"icon": "up", "tone": "high", "text": "2 raised or wider"},
                {"icon": "minus", "tone": "soft", "text": "1 ends when this is in force"},
            ],
            "unchanged": "2 unchanged keep their grants and are not asked again",
            "app": [
                {"label": "Business owner", "before": "Omar Haddad", "after": "Jonas Weil"},
                {
                    "label": "Purpose",
                    "before": "Reminds customers.",
                    "after": "Reminds customers of invoices.",
                    "parts": [
                        {"how": "same", "text": "Reminds"},
                        {"how": "gone", "text": "customers."},
                        {"how": "come", "text": "customers of invoices."},
                    ],
                },
            ],
            "note": "The file is not kept.",
            "groups": [
                {
                    "title": "Raised or wider",
                    "tone": "high",
                    "icon": "up",
                    "rows": [
                        {
                            "level": "write",
                            "sentence": f"May mark invoices as reminded in {ERP}",
                            "sentence_was": f"May read invoices in {ERP}",
                            "scope": "UPDATE ON ar.invoices",
                            "scope_was": "SELECT ON ar.invoices",
                            "rows": [{"label": "Level", "before": "Read", "after": "Write"}],
                        }
                    ],
                },
                {
                    "title": "Gone",
                    "tone": "soft",
                    "icon": "minus",
                    "rows": [{"level": "read", "sentence": "May read the calendar", "scope": "cal", "gone": True}],
                },
            ],
            "href": "/compare",
        },
        "app": _app(),
        "record_words": "7 privileges, 2 credentials",
        "may_decide": True,
        "groups": [
            {"key": "mine", "title": "Yours to decide", "words": "4 records, on resources you own", "rows": _mine()},
            {
                "key": "others",
                "title": "With others",
                "words": "2 records; you can read and comment",
                "rows": _others(),
            },
            {"key": "decided", "title": "Decided", "words": "3 of 9", "rows": _decided()},
        ],
        "remarks": [
            {
                "who": "Sana Iqbal",
                "capacity": "security",
                "at": at(23, 16, 40),
                "about": "send mail",
                "text": "Can the recipients be limited to addresses on the customer record? Then CR-07 no longer applies.",
            },
            {
                "who": "Rita Novak",
                "capacity": "builder",
                "at": at(24, 8, 52),
                "text": "Yes. I can look the address up from ar.customers and pass it as a list. New version this afternoon.",
            },
        ],
        "remark": {"action": "/remark"},
        "events": [
            event("cross", "no", "You refused", "reading every public channel in Slack", at(24, 9, 21)),
            event("check", "ok", "You approved", "reading invoices and customers; the Slack bot token", at(24, 9, 14)),
            event("question", "ask", "Mei Tanaka asked for changes", "on create_issue", at(24, 8, 47)),
            event("check", "ok", "Sana Iqbal signed", "the security seat for marking invoices", at(23, 16, 32)),
            event("lock", "no", "Theo Brandt was refused", "to decide on the Slack message", at(23, 11, 5), "SOD-2"),
            event("arrow", "acc", "", "Stage 2 opened; 4 people were told", at(20, 10, 12)),
            event("check", "ok", "Theo Brandt approved", "the app, version 7, under policy 12", at(20, 10, 12)),
            event("upload", "", "Rita Novak submitted", "version 7 from an n8n export", at(18, 16, 5)),
        ],
        "ledger_href": "/ledger",
    }


def lead() -> Shape:
    """What Theo Brandt sees before he decided on the app: stage 2 waits, readable."""
    context = owner()
    app = _app()
    app["state"] = {"value": "open", "mine": True}
    app["decisions"] = []
    app["objections"] = [
        {"who": "Mei Tanaka", "at": at(19, 14, 3), "text": "Supplier Drive has statements of other companies, too."}
    ]
    app["decide"] = {
        "action": "/decide/app",
        "digest": "11bb",
        "reason": {
            "help": "needed for high risk; stays on the record",
            "error": "Say in a sentence why the app may exist.",
        },
        "approve_label": "Approve the app",
        "warnings": [
            {
                "tone": "no",
                "icon": "warning",
                "lead": "If you decide this, nobody is left to decide “May send mail outside”.",
                "text": "Leave it to somebody else who may decide it, where there is one.",
            }
        ],
    }
    why = "Bram Visser (deputy lead) may decide this too: if Theo Brandt does, nobody is left to decide “May send mail outside”."
    app["beside"] = [{"icon": "person", "text": why, "code": "A9"}]
    rows = [
        {**row, "may_decide": False, "open": False, "locked": None, "state": {"value": "waiting"}, "refused": False}
        for row in _mine() + _others()
    ]
    steps = _steps()
    steps[0] = {
        "seal": "left",
        "stage": "now",
        "title": "Stage 1 · App",
        "state": {"value": "open", "mine": True},
        "due": at(24, 17),
        "held": [{"who": "you", "count": 0, "since": on(18)}],
    }
    steps[1] = {
        "seal": "right",
        "stage": "next",
        "title": "Stage 2 · Privileges",
        "parts": ["later"] * 6,
        "text": "6 records wait for stage 1. Their owners can read, discuss and object, not decide.",
    }
    context.update(
        chrome=frame("Theo Brandt", "approvals", approvals=2),
        app=app,
        steps=steps,
        changes=None,
        groups=[{"key": "others", "title": "Waits for stage 1", "words": "6 records", "rows": rows}],
        remarks=[],
    )
    return context


def objecting() -> Shape:
    """What Omar Haddad sees before stage 1: his records wait, and in one that he opened he objects."""
    context = lead()
    rows = [{**row, "may_object": True} for row in context["groups"][0]["rows"]]
    rows[0] |= {
        "open": True,
        "evidence": evidence(),
        "object": {"action": "/object/1", "value": "", "error": "Say why: a reason is needed here."},
        "tags": [tag("Objected to", "wait", "speech")],
    }
    words = f"{len(rows)} records; you can read, comment and object"
    app = {**context["app"], "state": {"value": "open", "holder": "Theo Brandt"}, "decide": None}
    app["objections"] = [{**one, "about": "May read files in Supplier Drive"} for one in app["objections"]]
    context.update(
        chrome=frame("Omar Haddad", "approvals", approvals=3),
        app=app,
        groups=[{"key": "others", "title": "Waits for stage 1", "words": words, "rows": rows}],
    )
    return context


def subset() -> Shape:
    """What Jonas Weil, the business owner, sees when all is decided and something was refused."""
    context = owner()
    decided = [
        {
            **row,
            "state": {"value": "approved", "below": "Omar Haddad, today 10:40"},
            "may_decide": False,
            "open": False,
            "note": None,
        }
        for row in _mine()
    ]
    steps = _steps()
    steps[1] = {
        "seal": "right",
        "stage": "done",
        "title": "Stage 2 · Privileges",
        "count": "7 of 7 decided",
        "parts": ["approved"] * 6 + ["refused"],
        "below": "Today 10:40, after 2 working days",
    }
    steps[2] = {
        "seal": "full",
        "stage": "now",
        "title": "In force",
        "held": [{"who": "you", "count": 0, "since": on(24)}],
        "text": "1 of 7 was refused. Accept the other 6, or decline and change the automation.",
    }
    context.update(
        chrome=frame("Jonas Weil", "approvals", approvals=1),
        next={
            "lead": "Accept what was approved, or decline.",
            "text": "6 of 7 records were approved. Reading every public channel was refused; the automation runs without it.",
            "actions": [
                {"label": "Accept the 6", "kind": "filled", "post": "/accept", "fields": {"digest": "aa"}},
                {"label": "Decline", "href": "/decline", "opens": "decline"},
            ],
        },
        steps=steps,
        groups=[{"key": "decided", "title": "Decided", "words": "7 of 7", "rows": decided + _decided()}],
        dialogs=[
            {
                "id": "decline",
                "title": "Decline what was approved?",
                "text": "Nothing goes live. Version 3 runs on with its grants. You can submit another version at any time.",
                "action": "/decline",
                "label": "Decline",
                "kind": "danger",
                "reason": {"label": "Why", "required": True},
            }
        ],
    )
    return context


def _queue(name: str, team: str, wants: str, tier: str, **more: object) -> Shape:
    base: Shape = {
        "pk": 1,
        "key": name.lower().replace(" ", "-"),
        "href": "/review",
        "name": name,
        "team": team,
        "text": f"wants to {wants}",
        "tier": tier,
        "levels": ["read"],
        "data_class": "internal",
        "since": at(20),
        "due": at(27, 17),
        "stage": 2,
        "seal": "left",
        "approvals": [name],
        "round": 1,
    }
    return {**base, **more}


def desk() -> Shape:
    """The queue of Sana Iqbal, a security reviewer."""
    finance, supply, marketing = "Finance Operations", "Supply Engineering", "Marketing"
    high = [
        _queue(
            "Vendor bank-detail checker",
            finance,
            f"change bank details in {ERP}",
            "high",
            levels=["write", "secret"],
            data_class="restricted",
            since=at(18),
            due=at(23, 17),
            is_model_controlled=True,
        ),
        _queue(
            "Invoice chaser",
            finance,
            "send mail outside; mark invoices as reminded",
            "high",
            levels=["write", "write", "secret"],
            data_class="confidential",
            due=at(26, 17),
            is_reach_unknown=True,
        ),
        _queue(
            "Supplier portal agent",
            supply,
            "create suppliers; run 3 tools on GitHub MCP server",
            "high",
            levels=["write", "execute", "admin"],
            data_class="confidential",
            since=at(21),
            due=at(26, 17),
            round=3,
            round_words="Round 3",
        ),
        _queue(
            "Returns triage agent",
            supply,
            "approve refunds up to €200 in Orders API",
            "high",
            levels=["write"],
            stage=1,
            seal="none",
        ),
    ]
    standard = [
        _queue(
            "Campaign budget watcher", marketing, "read ad spend; post to #growth-budget", "standard", due=at(24, 17)
        ),
        _queue(
            "Cold-chain alert",
            supply,
            "read sensor rows in Telemetry Lake; page on-call",
            "standard",
            levels=["read", "execute"],
            due=at(25, 17),
        ),
        _queue(
            "Price list sync",
            supply,
            "read and write price lists in Supplier Drive",
            "standard",
            levels=["read", "write"],
            is_asked_again=True,
            stage=1,
            seal="none",
        ),
    ]
    low = [
        _queue(
            "Recall notice reader",
            supply,
            "read public recall notices",
            "low",
            data_class="public",
            due=at(30, 17),
            is_light_path=True,
        )
    ]
    return {
        "chrome": frame("Sana Iqbal", "approvals", approvals=12),
        "head": {
            "title": "Approvals",
            "facts": [
                {"text": "8 wait for you", "strong": True},
                {"text": "1 overdue", "tone": "no"},
                "1 due today",
                "oldest 6 days",
            ],
            "aside": "Ordered by risk, then age",
        },
        "chips": [
            {"label": "Waiting for me", "href": "/approvals", "count": 8, "current": True},
            {"label": "All open", "href": "/approvals?show=all", "count": 41},
            {"label": "Overdue", "href": "/approvals?show=overdue", "count": 1},
            {"separator": True},
            {"label": "Stage 1", "href": "/approvals?stage=1", "count": 2},
            {"label": "Stage 2", "href": "/approvals?stage=2", "count": 6},
            {"separator": True},
            {"label": finance, "href": "/approvals?team=1", "count": 2},
            {"label": supply, "href": "/approvals?team=2", "count": 5},
            {"label": marketing, "href": "/approvals?team=3", "count": 1},
        ],
        "bands": [
            {"title": "High risk", "count": 4, "rows": high},
            {"title": "Standard risk", "count": 3, "rows": standard},
            {"title": "Low risk", "count": 1, "rows": low},
        ],
        "pager": {"newer_href": "", "older_href": "/approvals?after=8", "words": "8 of 41"},
    }


def desk_empty() -> Shape:
    """A desk where nothing waits."""
    return {
        "chrome": frame("Mei Tanaka", "approvals"),
        "head": {"title": "Approvals", "facts": ["Nothing waits for you"]},
        "chips": [
            {"label": "Waiting for me", "href": "/approvals", "count": 0, "current": True},
            {"label": "All open", "href": "/approvals?show=all", "count": 41},
        ],
        "bands": [],
        "filters": {"action": "/approvals", "clear_href": ""},
        "shows_all": False,
    }
