"""The review of one submission as three people see it, and the desk."""

from __future__ import annotations

from approvals.review.views import approval_rows
from tests.web.samples.row_samples import Shape, at, event, frame, on, reason, tag

ERP = "ERP Postgres (production)"


PEOPLE = {name: {"name": name} for name in ("Omar Haddad", "Mei Tanaka", "Sana Iqbal", "Theo Brandt", "Rita Novak")}
SUBMISSION: Shape = {
    "pk": 1,
    "reference": "2026-0418",
    "automation_id": 1,
    "submitted_by": PEOPLE["Rita Novak"],
    "version": {"number": 7, "source_digest": "sha256:9f2c41abe7"},
    "policy": {"number": 12, "href": "/policies/12/"},
    "tier": "high",
    "automation": {
        "team": {"name": "Finance Operations"},
        "business_owner": {"name": "Jonas Weil"},
        "escalation_contact": "#finance-ops-oncall",
        "get_environment_display": "Production",
    },
}


def _text(text: str) -> Shape:
    return {"shown": text}


def _row(key: str, level: str, sentence: str, scope: str, **more: object) -> Shape:
    """A row; the fields of its approval can be given too."""
    approval: Shape = {
        "pk": int(key),
        "stage": 2,
        "kind": "privilege",
        "submission_id": 1,
        "submission": SUBMISSION,
        "tier": "standard",
        "state": "open",
        "term_days": 180,
        "privilege_id": 1,
        "privilege": {"level": level},
    }
    approval |= {name: more.pop(name) for name in ("tier", "state", "granted_term_days", "has_ended") if name in more}
    if level == "secret":
        approval |= {"kind": "credential", "credential": {}}
        del approval["privilege"]
    row: Shape = {"key": key, "level": level, "sentence": sentence, "scope": scope, "data_class": "internal"}
    row |= {
        "open_href": f"/review?open={key}#row-{key}",
        "toggle_href": f"/review?open={key}#row-{key}",
        "chips": [tag("Opens 14 tables, asks for 2", "no", "warning"), tag("Static, 212 days old", "wait", "clock")],
        "marks": [
            {"tone": "ok", "icon": "check", "name": "Sana Iqbal", "text": "Sana Iqbal, security", "at": at(23)},
            {"tone": "you", "icon": "", "name": "Omar Haddad", "text": "You decide, as owner"},
        ],
        "css": "record",
    }
    row["facts"] = {"term_days": approval.get("granted_term_days", 180), "held": ["someone"], "since": on(20)}
    if more.get("may_decide"):
        tier = str(approval["tier"])
        row |= {"needs": "Your approval is the last one.", "select": select(key, sentence, tier), "is_kept": True}
        row["is_selected"] = key == "12"
    return {**row, "approval": approval, **more}


def select(key: str, name: str, tier: str) -> Shape:
    """What the decision bar says when an approval is selected alone."""
    needs = "required for high risk" if tier == "high" else f"optional for {tier} risk"
    chosen: Shape = {"key": key, "pk": int(key), "name": name, "digest": "77aa", "label": "Approve", "needs": needs}
    return {**chosen, "is_required": tier == "high", "apart": "high risk" if tier == "high" else ""}


def _styled(row: Shape) -> Shape:
    """A row with the classes that the page gives it."""
    approval = row["approval"]
    is_aside = not row.get("may_decide") and not approval.get("has_ended")
    return {**row, "css": approval_rows.css_of(approval["state"], is_open=bool(row.get("is_open")), is_aside=is_aside)}


def _with_state(row: Shape, state: str, **more: object) -> Shape:
    """A row of an approval in another state."""
    approval = {**row["approval"], "state": state, "has_ended": state in ("approved", "rejected")}
    return _styled({**row, "approval": approval, **more})


def decide(row: Shape) -> Shape:
    """The narrowing fields of an opened high-risk row."""
    return {
        "approval": row["approval"],
        "typed": {},
        "levels": ("read", "write"),
        "asked_level": "write",
        "level": "write",
        "scopes": ["ar.invoices.reminder_state", "ar.invoices.reminded_at", "dunning_note"],
        "kept": {"ar.invoices.reminder_state", "ar.invoices.reminded_at"},
        "terms": (30, 60, 90),
        "asked_days": 90,
        "days": 60,
        "longest_term": 90,
    }


def evidence() -> Shape:
    """What stands left of the decision form."""
    signed = {"person": PEOPLE["Sana Iqbal"], "at": at(23)}
    return {
        "conflicts": [
            reason("conflict", "A crafted statement could send customer data out.", "Exfiltration, with: mail.")
        ],
        "seats": [
            ({"label": "owner", "seat": {"get_label_display": "Resource owner"}}, "you", True),
            ({"label": "security", "seat": {"get_label_display": "Security"}, "decision": signed}, "Sana Iqbal", False),
        ],
        "skipped": [{"why": "Bram Visser is a party to this submission (editor)", "code": "SOD-1"}],
        "history": [("Omar Haddad rejected", {"at": at(2), "reason": _text("It asked for all columns.")})],
    }


def _mine() -> list[Shape]:
    invoices = _row(
        "12",
        "write",
        f"Mark invoices as reminded in {ERP}",
        "UPDATE (reminder_state, reminded_at, dunning_note) ON ar.invoices",
        tier="high",
        granted_term_days=60,
        change={"way": "raised", "is_altered": True, "before": {"level": "read"}, "after": {"level": "write"}},
        data_class="confidential",
        is_open=True,
        may_decide=True,
        **evidence(),
    )
    invoices["approval"] |= {
        "justification": _text("After a reminder goes out, the workflow marks the invoice so nobody chases it twice."),
    }
    invoices["reasons"] = [
        "Which invoice is marked is chosen by a model (gpt-4.1, pinned). The value written is fixed."
    ]
    invoices["approval"]["privilege"] |= {"at": ["Mark reminded", "Reset on payment"], "credential": "n8n-ar-writer"}
    return [
        {**invoices, "decide": decide(invoices)},
        _row(
            "13",
            "write",
            "Send mail to any address outside Northwind as billing@northwind.example",
            "smtp:send · to *@* · from billing@",
            tier="high",
            chips=[tag("Conflict CR-07", "no", "conflict")],
            data_class="confidential",
            may_decide=True,
            extra_approval="Together with reading invoices, this mail right would let a crafted statement send data outside.",
        ),
        _row(
            "14",
            "write",
            "Post messages to #finance-alerts in Finance Slack workspace",
            "chat:write · channel C04FINALERTS",
            may_decide=True,
        ),
        _row(
            "15",
            "secret",
            "Use the database password n8n-ar-writer, kept in Vault",
            "vault:finance/erp/n8n-ar-writer · fp 7c1e…90",
            name="n8n-ar-writer",
            tier="high",
            data_class="confidential",
            may_decide=True,
        ),
    ]


def _others() -> list[Shape]:
    return [
        _row(
            "16",
            "read",
            "Read files under /Statements in Supplier Drive",
            "drive.readonly · /Statements/**",
            data_class="confidential",
            locked={
                "sentence": "You stand in for Theo Brandt here, and he approved this app in stage 1",
                "code": "SOD-2",
                "passed_to": "Mei Tanaka",
            },
        ),
        _row(
            "17",
            "execute",
            "Run the tool create_issue on GitHub MCP server",
            "mcp:create_issue · northwind/finance-ops",
            state="changes_asked",
            marks=[{"tone": "ask", "name": "Mei Tanaka", "text": "Mei Tanaka requested changes", "at": at(24)}],
            decision={"reason": _text("Which labels may it set?")},
            decided_by="Mei Tanaka",
        ),
    ]


def _decided() -> list[Shape]:
    return [
        _row(
            "18",
            "read",
            f"Read invoices and customers in {ERP}",
            "SELECT ON ar.invoices, ar.customers",
            chips=[tag("Customers is new")],
            data_class="confidential",
            state="approved",
            has_ended=True,
            decision={},
            decided_by="You",
        ),
        _row(
            "19",
            "secret",
            "Use the Slack bot token invoice-chaser, renewed every 12 hours",
            "vault:slack/bot/invoice-chaser · fp e04a…1b",
            name="invoice-chaser",
            chips=[],
            state="approved",
            has_ended=True,
        ),
        _row(
            "20",
            "read",
            "Read every public channel in Finance Slack workspace",
            "channels:history · *",
            chips=[],
            data_class="confidential",
            state="rejected",
            has_ended=True,
            decision={"reason": _text("Posting alerts needs no reading. Ask for one channel.")},
            decided_by="You",
        ),
    ]


def _app() -> Shape:
    finding = {
        "code": "credential_reach",
        "severity": "high",
        "place": "ERP Postgres",
        "detail": "14 tables against 2.",
    }
    lead_seat, why = {"get_label_display": "Team lead"}, "Saves us two days a month."
    return {
        "approval": {"pk": 11, "stage": 1, "submission_id": 1, "tier": "high", "state": "approved"},
        "select": None,
        "purpose": "Reminds customers of overdue invoices and tells Finance when a reminder fails.",
        "business": "Jonas Weil",
        "technical": "Rita Novak",
        "kind": "Workflow",
        "starts": ["Weekdays 07:30", "mail to billing@"],
        "reasons": [
            reason("pen", "It writes to confidential data in production."),
            reason("robot", "A model chooses what is written and mailed."),
            reason("globe", "Mail from outside can start it."),
        ],
        "findings": [(finding, "Credential opens more than is asked")],
        "changes": [reason("plus", "Mail to billing@", "Starts:"), reason("pen", "Reminds customers.", "Purpose was:")],
        "decisions": [
            {
                "person": PEOPLE["Theo Brandt"],
                "seat": lead_seat,
                "at": at(20, 10, 12),
                "outcome": "approve",
                "reason": _text(why),
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


def _changes() -> Shape:
    """One raised privilege, one that is gone, and changed facts of the app."""
    sentence = f"Mark invoices as reminded in {ERP}"
    raised = {
        "item": {"level": "write", "sentence": sentence},
        "after": True,
        "is_altered": True,
        "before": {"sentence": f"Read invoices in {ERP}"},
        "code": "UPDATE ON ar.invoices",
        "code_before": "SELECT ON ar.invoices",
    }
    gone = {"item": {"level": "read", "sentence": "Read the calendar"}, "code": "cal"}
    level = {"label": "Level", "before": "Read", "after": "Write"}
    words = [("same", "Reminds"), ("gone", "customers."), ("come", "customers of invoices.")]
    parts = [{"how": how, "text": text} for how, text in words]
    return {
        "title": "Since approved version 3",
        "unchanged": "2 unchanged keep their grants and are not asked again",
        "app": [
            {"label": "Business owner", "before": "Omar Haddad", "after": "Jonas Weil"},
            {"label": "Purpose", "before": "customers.", "after": "customers of invoices.", "parts": parts},
        ],
        "app_labels": ["business owner", "purpose"],
        "is_source_changed": True,
        "groups": [
            {
                "title": "Raised or wider",
                "tone": "high",
                "icon": "up",
                "words": "1 privilege raised or wider",
                "rows": [{"change": raised, "diff": [level]}],
            },
            {
                "title": "Gone",
                "tone": "soft",
                "icon": "minus",
                "words": "1 privilege gone",
                "rows": [{"change": gone}],
            },
        ],
    }


def _comment(author: str, day: int, text: str) -> Shape:
    return {"by": PEOPLE[author], "at": at(day), "text": _text(text)}


def owner() -> Shape:
    """What Omar Haddad sees, who owns two of the resources."""
    rows = _mine()
    return {
        "chrome": frame("Omar Haddad", "approvals", approvals=7, recertify=5),
        "head": _head(),
        "steps": _steps(),
        "submission": SUBMISSION,
        "href": "/review",
        "platform": "n8n Cloud",
        "since": {"version": "version 3"},
        "changes": _changes(),
        "app": _app(),
        "rows": [*_mine(), *_others(), *_decided()],
        "record_words": "7 privileges, 2 credentials",
        "may_decide": True,
        "groups": [
            ("Yours to decide", "4 approvals, on resources you own", _mine()),
            ("With others", "2 approvals; you can read and comment", _others()),
            ("Decided", "3 of 9", _decided()),
        ],
        "remarks": [
            (
                _comment("Sana Iqbal", 23, "Can the recipients be limited to addresses on the customer record?"),
                "send mail",
            ),
            (_comment("Rita Novak", 24, "Yes. I can pass the address as a list. New version this afternoon."), ""),
        ],
        "remark": {"action": "/remark"},
        "bar": {
            "count": 4,
            "selected": [rows[0]["select"]],
            "one": rows[0]["select"],
            "together": 0,
            "apart": "3 are decided alone: high risk",
            "reason": "Two status columns are enough. dunning_note holds free text about customers, so I took it out.",
        },
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
    context, app = owner(), _app()
    app["approval"]["state"] = "open"
    app["decisions"] = []
    app["decide"] = {
        "approval": app["approval"],
        "errors": {},
        "stranded": "“Send mail outside”",
    }
    app |= {"select": select("11", "The app Invoice chaser", "high"), "is_selected": True}
    bar = {"count": 1, "selected": [app["select"]], "one": app["select"], "error": "Say why the app may exist."}
    app["beside"] = [
        "Bram Visser (deputy lead) may decide this too: if Theo Brandt does, nobody is left to decide “Send mail outside”."
    ]
    rows = [
        _with_state(row, "waiting", may_decide=False, is_open=False, locked=None, extra_approval="", select=None)
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
        "text": "6 approvals wait for stage 1. Their owners can read, discuss and object, not decide.",
    }
    context.update(
        chrome=frame("Theo Brandt", "approvals", approvals=2),
        app=app,
        steps=steps,
        since=None,
        changes=None,
        bar=bar,
        jump_app_first=True,
        objections=[(_comment("Mei Tanaka", 19, "Supplier Drive has statements of other companies, too."), "")],
        groups=[("Waits for stage 1", "6 approvals", rows)],
        remarks=[],
    )
    return context


def objecting() -> Shape:
    """What Omar Haddad sees before stage 1: his records wait, and in one that he opened he objects."""
    context = lead()
    rows = [{**row, "may_object": True} for row in context["groups"][0][2]]
    errors = {"reason": "Say why: a reason is needed here."}
    rows[0] |= {"is_open": True, "decide": None, "reader": {"errors": errors}}
    rows[0] = _styled({**rows[0], "chips": [tag("Objected to", "wait", "speech")]})
    words = f"{len(rows)} records; you can read, comment and object"
    context.update(
        chrome=frame("Omar Haddad", "approvals", approvals=3),
        app={**context["app"], "holders": "Theo Brandt", "decide": None, "select": None},
        bar={},
        objections=[(comment, "Read files in Supplier Drive") for comment, _ in context["objections"]],
        groups=[("Waits for stage 1", words, rows)],
    )
    return context


def subset() -> Shape:
    """What Jonas Weil, the business owner, sees when all is decided and something was refused."""
    context = owner()
    decided = [
        _with_state(
            {**row, "select": None, "decision": {}, "decided_by": "Omar Haddad"},
            "approved",
            may_decide=False,
            is_open=False,
            extra_approval="",
        )
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
        bar={},
        next={"approved": decided, "left_out": [{"credential": "invoice-chaser"}], "granted": 6},
        steps=steps,
        groups=[("Decided", "7 of 7", decided + _decided())],
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
