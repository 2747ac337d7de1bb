"""Automations and resources: lists, and one of each with its tabs."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, event, frame, on, reason

ERP = "ERP Postgres (production)"
TABS = ("overview", "privileges", "versions", "submissions", "grants", "recertifications", "timeline")


def _register(name: str, title: str, heads: tuple[str, ...], rows: list[Shape], **more: object) -> Shape:
    """Context of a register's page."""
    path = f"/{title.lower()}"
    columns = [{"label": label, "sort": "", "href": "", "way": "", "css": ""} for label in heads[1:]]
    sorted_by = {"label": heads[0], "sort": "name", "href": f"{path}?sort=-name", "way": "ascending", "css": ""}
    return {
        "register": {"name": name, "title": title, "rows_template": f"portal/registers/{name}.html", "empty": ""},
        "things": f"{len(rows)} {title.lower()}",
        "facts": [f"{len(rows)} {title.lower()}"],
        "tabs": [{"label": "All", "href": path, "current": True}, {"label": "Mine", "href": f"{path}?owner=me"}],
        "chips": [
            {"label": "All", "href": path, "count": "8", "current": True},
            {"label": "Live", "href": f"{path}?state=live", "count": "5,000+"},
        ],
        "filters": {
            "action": path,
            "words": "",
            "words_label": "Name",
            "kept": {"state": "live"},
            "fields": [{"name": "risk", "label": "Risk", "options": [{"value": "high", "label": "High risk"}]}],
        },
        "columns": [sorted_by, *columns],
        "rows": rows,
        "totals": [{"count": "2", "label": "High risk", "href": f"{path}?risk=high"}],
        "exports": {"csv": f"{path}?export=csv", "xlsx": f"{path}?export=xlsx"},
        "pager": {"older_href": f"{path}?after=3", "newer_href": ""},
        **more,
    }


def automations() -> Shape:
    """A page of the register."""
    rows = [
        _automation(
            1, "Invoice chaser", "live", "high", last_state="open", last_version=7, held=4, review_on=on(8, 12)
        ),
        _automation(2, "Supplier onboarding agent", "rejected", "high", last_state="rejected", last_at=at(9, 12)),
        _automation(3, "Weekly stock report", "suspended", "standard", owner="", findings=2),
    ]
    heads = (
        "Automation",
        "Risk",
        "State",
        "Business owner",
        "Privileges",
        "Last recertified",
        "Next review",
        "Findings",
    )
    action = {"label": "Import", "icon": "plus", "kind": "filled", "href": "/import"}
    chrome = frame("Rita Novak", "automations", recertify=1)
    return _register("automation_list", "Automations", heads, rows, chrome=chrome, action=action, save_href="/views")


def _automation(number: int, name: str, state: str, tier: str, **more: object) -> Shape:
    row = {"pk": number, "name": name, "shown_state": state, "tier": tier, "team_name": "Finance Operations"}
    row |= {"platform": "n8n", "environment": "production", "owner": "Jonas Weil", "held": 0, "findings": 0}
    return row | {"recertified": None, "review_on": None} | more


def _grants() -> list[Shape]:
    rows = (
        ("read", f"Read invoices in {ERP}", "SELECT ON ar.invoices", "Brokered", 18_204, "active", "", ""),
        (
            "write",
            "Post messages to #finance-ops-log in Finance Slack workspace",
            "chat:write · C03OPSLOG",
            "Gated",
            212,
            "active",
            "",
            "",
        ),
        (
            "read",
            "Read files under /Templates in Supplier Drive",
            "drive.readonly · /Templates/**",
            "Gated",
            1_040,
            "ends_soon",
            "wait",
            "14 days left; in recertification",
        ),
        (
            "admin",
            "Manage labels through GitHub MCP server",
            "mcp:admin_labels · northwind/finance-ops",
            "Detached",
            0,
            "suspended",
            "no",
            "suspended: tool changed",
        ),
    )
    return [
        {
            "level": level,
            "sentence": sentence,
            "scope": scope,
            "owner": "Omar Haddad" if index < 2 else "Mei Tanaka",
            "holder": {"name": "Invoice chaser", "href": "/automations/1"},
            "enforced": enforced,
            "begins": on(11, 6) if state == "ends_soon" else on(24, 9),
            "ends": on(8, 12) if state == "ends_soon" else on(23, 3, 2027),
            "tone": tone,
            "below": below,
            "calls": calls,
            "state": state,
            "why": "",
            "stop_href": f"/grants/{index}/stop",
        }
        for index, (level, sentence, scope, enforced, calls, state, tone, below) in enumerate(rows)
    ]


def _page(tab: str) -> Shape:
    counts = {"privileges": 4, "versions": 7, "submissions": 3, "recertifications": 1}
    return {
        "chrome": frame("Rita Novak", "automations", recertify=1),
        "team_href": "/automations?team=1",
        "head": {
            "title": "Invoice chaser",
            "seal": "full",
            "seal_tone": "ok",
            "tag": {"text": "Live, version 3", "tone": "ok"},
            "tier": "high",
            "facts": [
                "n8n workflow, production",
                "Business owner Jonas Weil",
                "Technical owner Rita Novak",
                "last ran 2 minutes ago",
            ],
            "actions": [
                {"label": "Stop", "icon": "ring-cross", "kind": "danger", "post": "/automations/1/stop"},
                {"label": "Evidence pack", "icon": "file", "href": "/evidence"},
            ],
        },
        "next": {
            "lead": "Version 7 waits in stage 2.",
            "text": "3 of 9 decided; held by Omar Haddad and Mei Tanaka since Fri 20 Nov. Version 3 runs on until then.",
            "actions": [{"label": "Answer Mei’s question", "kind": "filled", "href": "/review?open=17"}],
        },
        "tabs": [
            {
                "key": key,
                "label": key.capitalize(),
                "href": f"/automations/1/{key}",
                "count": counts.get(key),
                "current": key == tab,
            }
            for key in TABS
        ],
        "tab": tab,
    }


def automation() -> Shape:
    """The overview, as in the picture."""
    return {
        **_page("overview"),
        "reach": {
            "captions": ("Automation", "Runs as"),
            "finding": "If it leaked: 38,900 invoices and 212 files could be read; posts in one channel",
            "list_href": "/automations/1/grants",
            "automation": {"icon": "bolt", "name": "Invoice chaser", "text": "version 3, n8n"},
            "identities": [
                {"icon": "key", "name": "n8n_ar database login", "text": "15 minutes a run, brokered"},
                {
                    "icon": "robot",
                    "name": "spiffe://northwind/fin/invoice-chaser",
                    "text": "workload, seen 2 minutes ago",
                },
            ],
            "resources": [
                {
                    "icon": "database",
                    "name": ERP,
                    "text": "Omar Haddad · confidential",
                    "level": "read",
                    "kind": "",
                    "data": {"name": "Invoices, open amounts", "text": "38,900 invoices"},
                },
                {
                    "icon": "message",
                    "name": "Finance Slack workspace",
                    "text": "Omar Haddad · internal",
                    "level": "write",
                    "kind": "write",
                    "data": {"name": "#finance-ops-log", "text": "22 members"},
                },
                {
                    "icon": "folder",
                    "name": "Supplier Drive",
                    "text": "Mei Tanaka · confidential",
                    "level": "read",
                    "kind": "",
                    "data": {"name": "/Templates", "text": "212 files"},
                },
                {
                    "icon": "branch",
                    "name": "GitHub MCP server",
                    "text": "Mei Tanaka · internal",
                    "level": "suspended",
                    "kind": "suspended",
                    "data": {"name": "finance-ops labels", "text": "not reachable now"},
                },
            ],
            "first": [(0, 0, ""), (0, 1, "")],
            "second": [(0, 0, ""), (1, 1, "write"), (1, 2, ""), (1, 3, "suspended")],
        },
        "grants": _grants(),
        "grant_words": "3 in force, 1 suspended; 0 kept by silence",
        "ended": {"href": "/automations/1/grants?ended=1", "words": "Ended grants (6)"},
        "show_calls": True,
        "purpose": "Reminds customers of overdue invoices and tells Finance when a reminder fails.",
        "facts": [
            {"label": "Team", "text": "Finance Operations"},
            {"label": "Business owner", "text": "Jonas Weil"},
            {"label": "Technical owner", "text": "Rita Novak"},
            {"label": "Escalation", "text": "#finance-ops-oncall"},
            {"label": "Platform", "text": "n8n Cloud", "quiet": "workflow 48"},
            {"label": "Running version", "text": "3", "quiet": "9f2c41ab…e7"},
        ],
        "tier": "high",
        "reasons": [
            reason("pen", "It writes to confidential data in production."),
            reason("robot", "A model chooses what is written and mailed."),
            reason("globe", "Mail from outside can start it."),
        ],
    }


def automation_privileges() -> Shape:
    """What the newest version asks for."""
    return {
        **_page("privileges"),
        "version": {"number": 7},
        "privileges": [
            (
                _privilege(f"Mark invoices as reminded in {ERP}", "ar.invoices:update", model_controlled=True),
                "write",
                "high",
            ),
            (_privilege("Call an address that we do not recognise", "request:post"), "unknown", "high"),
        ],
        "credentials": [
            (
                {
                    "pk": 1,
                    "sentence": "Use the credential n8n-ar-writer",
                    "name": "n8n-ar-writer",
                    "kind": "postgres",
                    "href": "/credentials/1/",
                    "get_lifetime_display": "Static",
                    "get_reach_kind_display": "Unknown",
                    "decided_on": {"counted_class": "confidential", "owner": "Omar Haddad"},
                },
                ["Mark reminded"],
                "high",
            )
        ],
        "ownerless_ids": {1},
    }


def _privilege(sentence: str, code: str, **more: object) -> Shape:
    resource = {"name": ERP, "owner": "Omar Haddad"}
    entitlement = {"code": code, "counted_class": "confidential", "resource": resource}
    return {"sentence": sentence, "entitlement": entitlement, "at": ["Mark reminded"], "active": True} | more


def automation_versions() -> Shape:
    """Versions with a difference."""
    versions = [
        {
            "number": number,
            "href": f"/automations/1/versions?compare={number}",
            "at": at(18 - 7 + number, 16, 5),
            "author": "Rita Novak",
            "words": words,
            "approved": number == 3,
            "running": number == 3,
            "digest": "9f2c41abd07e77c1e90aa41be7",
            "tier": "high" if number > 3 else "standard",
        }
        for number, words in ((7, "5 privileges new, 2 raised"), (6, "purpose changed"), (3, "no change in privileges"))
    ]
    return {
        **_page("versions"),
        "versions": versions,
        "compare": {
            "from": 3,
            "to": 7,
            "rows": [
                {
                    "label": "Purpose",
                    "before": "Reminds customers.",
                    "after": "Reminds customers and tells Finance when it fails.",
                },
                {"label": "Starts", "before": "", "after": "mail to billing@"},
            ],
            "added": [
                {"level": "write", "sentence": "Send mail to any address outside", "scope": "smtp:send · to *@*"}
            ],
            "changed": [
                {"level": "write", "sentence": "Mark invoices as reminded", "scope": "write", "before": "read"}
            ],
            "removed": [{"level": "admin", "sentence": "Manage labels", "scope": "mcp:admin_labels"}],
        },
    }


def automation_submissions() -> Shape:
    """Three submissions in different states."""
    return {
        **_page("submissions"),
        "submissions": [
            {
                "row": {
                    "pk": 1,
                    "reference": "2026-0418",
                    "version": {"number": 7},
                    "submitted_at": at(18, 16, 5),
                    "submitted_by": {"name": "Rita Novak"},
                    "state": "open",
                },
                "parts": ["approved", "approved", "refused", "mine", "other", "asked"],
                "words": "3 of 9 decided",
                "below": "stage 2, since Fri 20 Nov",
            },
            {
                "row": {
                    "pk": 2,
                    "reference": "2026-0391",
                    "version": {"number": 6},
                    "submitted_at": at(9, 10, 0),
                    "submitted_by": {"name": "Rita Novak"},
                    "state": "withdrawn",
                },
                "words": "“Wrong channel”",
                "below": "Rita Novak, Tue 10 Nov",
            },
            {
                "row": {
                    "pk": 3,
                    "reference": "2026-0207",
                    "version": {"number": 3},
                    "submitted_at": at(2, 10, 0, month=9),
                    "submitted_by": {"name": "Rita Novak"},
                    "state": "in_force",
                },
                "parts": ["approved"] * 4,
                "words": "4 of 4 approved",
                "below": "since Thu 24 Sep",
            },
        ],
    }


def automation_timeline() -> Shape:
    """What happened to it; it also has no owner in this sample."""
    return {
        **_page("timeline"),
        "next": None,
        "orphaned": "Jonas Weil left on Fri 20 Nov. Nothing new can be approved until Theo Brandt and security name an owner.",
        "events": [
            event("warning", "wait", "Jonas Weil", "left; the automation has no business owner", at(20, 17)),
            event("check", "ok", "Mei Tanaka kept", "reading files under /Templates", at(12, 9)),
        ],
        "ledger_href": "/ledger?subject=1",
    }


def resources() -> Shape:
    """A page of the register, one proposed and one without an owner."""
    rows = (
        ("ERP Postgres (production)", "data_store", "active", "restricted", "Omar Haddad", "Jonas Weil", 14, 9),
        ("Finance Slack workspace", "saas_connector", "active", "internal", "Omar Haddad", "Amara Okafor", 6, 4),
        ("GitHub MCP server", "mcp_server", "active", "internal", "Mei Tanaka", "Amara Okafor", 22, 3),
        ("Certificate API", "backend_api", "proposed", "", "", "", 1, 0),
        ("People Vault", "secret_store", "orphaned", "restricted", "", "Nadia Petrov", 3, 2),
    )
    names = ("name", "kind", "shown_state", "data_class", "owner_name", "deputy_name", "offered", "held")
    listed = [
        {"pk": number, "environment": "production", **dict(zip(names, row, strict=True))}
        for number, row in enumerate(rows, start=1)
    ]
    heads = ("Resource", "Data", "State", "Owner and backup", "Team", "Entitlements", "Grants")
    chrome = frame("Omar Haddad", "resources", approvals=7, recertify=5)
    return _register("resource_list", "Resources", heads, listed, chrome=chrome)


def resource() -> Shape:
    """One resource with its grants."""
    return {
        "chrome": frame("Omar Haddad", "resources", approvals=7, recertify=5),
        "head": {
            "title": ERP,
            "facts": ["production", "Owner Omar Haddad", "Deputy Jonas Weil", "4 grants"],
            "actions": [{"label": "Evidence pack", "icon": "file", "href": "/evidence"}],
        },
        "resource": {
            "kind": "data_store",
            "data_class": "confidential",
            "owner": "Omar Haddad",
            "deputy": "Jonas Weil",
            "proposed_by": "Rita Novak",
        },
        "state": "active",
        "bindings": [
            (
                {
                    "connector": "n8n postgres",
                    "instance_name": "erp-prod.northwind.example/erp",
                    "confirmed_by": "Omar Haddad",
                    "confirmed_at": at(20, 10),
                    "moving_to": "Warehouse",
                    "moving_by": "Mei Tanaka",
                    "moving_at": at(24),
                },
                "",
                [{"label": "Cancel the change", "kind": "quiet", "post": "/connections/1/drop/"}],
            ),
            (
                {
                    "connector": "MCP",
                    "instance_name": "postgres-mcp",
                    "is_refused": True,
                    "refused_by": "Omar Haddad",
                    "refused_at": at(24),
                },
                "",
                [],
            ),
        ],
        "bind_href": "/resources/2/connections/new/",
        "entitlements": [
            {
                "level": "read",
                "sentence": "Read invoices",
                "code": "SELECT ON ar.invoices",
                "scope_kind": "columns",
                "get_scope_kind_display": "Columns",
                "counted_class": "confidential",
                "held": 3,
            },
            {
                "level": "admin",
                "sentence": "Manage roles",
                "code": "CREATEROLE",
                "scope_kind": "none",
                "counted_class": "restricted",
                "held": 0,
            },
        ],
        "events": [event("check", "ok", "Omar Haddad approved", "reading invoices for Invoice chaser", at(24, 9, 14))],
        "ledger_href": "/ledger?subject=2",
    }
