"""Bringing in: the start, a refused file, and the preview of a supplier agent."""

from __future__ import annotations

from django import forms

from tests.web.samples.row_samples import Shape, at, frame, on, reason

ERP = "ERP Postgres (production)"


class About(forms.Form):
    """The fields beside the preview; a view's own form has the like."""

    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))
    business_owner = forms.ChoiceField(choices=[("1", "Jonas Weil"), ("2", "Bram Visser")])
    term_days = forms.ChoiceField(label="Term", choices=[("30", "30 days"), ("90", "90 days")])


def start() -> Shape:
    """The first page."""
    return {
        "chrome": frame("Rita Novak", "import", recertify=1),
        "limit": "up to 5 MB each, several at once",
        "problems": [],
        "drafts": [
            {
                "pk": 1,
                "filename": "",
                "manifest": {"name": "Supplier onboarding agent", "privileges": [{}]},
                "created_at": at(24, 13, 2),
            }
        ],
    }


def refused() -> Shape:
    """A file that can't be read; what was pasted is kept."""
    return {
        **start(),
        "problems": [
            {
                "file": "workflow.json",
                "place": "line 14, column 3",
                "sentence": "This is not JSON: a comma is missing.",
                "to_do": "Export it again from n8n, or mend the line and paste it.",
            }
        ],
        "pasted": '{"nodes": [',
        "teams": [
            {"value": 1, "label": "Finance Operations", "selected": True},
            {"value": 2, "label": "Marketing"},
        ],
    }


def _row(key: str, level: str, sentence: str, scope: str, **more: object) -> Shape:
    wish: Shape = {
        "key": key,
        "level": level,
        "sentence": sentence,
        "scope": scope,
        "data_class": "confidential",
        "resource": {"data_class": "confidential"},
        "requested": {"tier": "standard", "why": "new"},
        "may_leave": level != "secret",
        "asked_of": "Omar Haddad",
        "is_asked": True,
        "is_named": True,
        "is_recognised": True,
        "why": "",
    }
    return {"wish": {**wish, **more}, "terms": [30, 60], "usual": 90, "own_term": None}


def _group(key: str, name: str, rows: list[Shape], **more: object) -> Shape:
    resource = {"kind": "data_store", "owner": {"name": "Omar Haddad"}}
    head: Shape = {"is_named": True, "is_recognised": True, "resource": resource, "requested": {"privilege": {"pk": 1}}}
    shape: Shape = {"key": key, "name": name, "head": head, "rows": rows, "asked": rows, "reason": "", "hints": "write"}
    return {**shape, "is_missing": False, "binding": None, "asks": None, **more}


def _strange() -> Shape:
    sentence = "Step 9 “HTTP Request 3” calls an address we do not recognise"
    facts: Shape = {
        "resource": None,
        "requested": {"tier": "high", "why": "new", "privilege": {"pk": 7}},
        "asked_of": "",
    }
    names = {"is_named": False, "is_recognised": False, "connection": "httpRequest|hooks"}
    return _row("7", "unknown", sentence, "POST https://hooks.cert-check.example/v2/{{$json.id}}", **facts, **names)


def _open_binding() -> Shape:
    store: Shape = {"kind": "data_store", "get_kind_display": "Data store", "state": "active"}
    options = [{**store, "pk": 1, "name": "Certificate API"}, {**store, "pk": 2, "name": ERP}]
    return {"binding": {"options": options, "picked": None}, "asks": {"key": "7", "is_named": False, "is_asked": True}}


def preview() -> Shape:
    """The preview with two things missing."""
    return {
        "chrome": frame("Rita Novak", "import", recertify=1),
        "preview": {
            "item": {"pk": 1, "filename": "supplier-onboarding.json"},
            "team": {"name": "Finance Operations"},
            "context": {"tier": "high"},
            "content": {
                "automation": {"name": "Supplier onboarding agent", "get_environment_display": "Production"},
                "manifest": {"source": {"format": "n8n", "content": "sha256:c41d07f2e5559a"}},
            },
        },
        "format": "n8n export",
        "missing": [
            {"text": "say what step 9 opens", "place": "bind-7"},
            {"text": "justify the Slack message", "place": "reason-c"},
        ],
        "record_words": "5 privileges, 1 credential, 1 not recognised",
        "groups": [
            _group(
                "a",
                ERP,
                [
                    _row(
                        "1",
                        "read",
                        f"Read supplier records in {ERP}",
                        "SELECT ON scm.suppliers",
                        why="Checks whether the supplier is already known.",
                    ),
                    _row(
                        "2",
                        "write",
                        f"Create suppliers in {ERP}",
                        "INSERT ON scm.suppliers",
                        requested={"tier": "high", "why": "new"},
                        why="Creates the record once both checks have passed.",
                    ),
                    _row(
                        "6",
                        "secret",
                        "Use the database password n8n-scm, kept in n8n",
                        "n8n credential 48 · fp 2b9d…e1 · static",
                        requested={"tier": "high", "why": "new", "credential": {"name": "n8n-scm"}},
                        why="No brokered login exists for n8n Cloud yet.",
                    ),
                ],
                reason="Creates the record once both checks have passed.",
            ),
            _group(
                "b",
                "Supplier Drive",
                [
                    _row(
                        "3",
                        "read",
                        "Read files under /Onboarding in Supplier Drive",
                        "drive.readonly · /Onboarding/**",
                        asked_of="Mei Tanaka",
                        why="Reads the registration form and certificates.",
                    )
                ],
            ),
            _group(
                "c",
                "Finance Slack workspace",
                [
                    _row(
                        "4",
                        "write",
                        "Post messages to #supplier-intake in Finance Slack workspace",
                        "chat:write · channel C05INTAKE",
                        data_class="internal",
                    ),
                    _row(
                        "5",
                        "execute",
                        "Run the tool create_issue on GitHub MCP server",
                        "mcp:create_issue · northwind/finance-ops",
                        data_class="internal",
                        asked_of="Mei Tanaka",
                        why="Opens a ticket when a certificate is missing.",
                    ),
                ],
                is_missing=True,
            ),
            _group("d", "hooks.cert-check.example", [_strange()], head=_strange()["wish"], **_open_binding()),
        ],
        "term_choices": [30, 60, 90],
        "reasons": [
            reason("pen", "It creates suppliers in confidential production data."),
            reason("robot", "An agent chooses the values it writes."),
            reason("question", "One address is not recognised."),
        ],
        "tier_words": "Two people must own a high-risk app; terms are at most 90 days.",
        "secrets": [
            {
                "lead": "API key in step 6, “Enrich supplier”",
                "place": "headers.X-Api-Key",
                "text": "We kept a fingerprint and the place, not the key. Rotate it, then move it to a vault.",
            }
        ],
        "conflicts": [
            {
                "lead": "Create vendor with release payment.",
                "found": {"mode": "approval"},
                "text": "Payment run exporter, same owner, may release payments. Rule CR-02 adds an approval by Security.",
            }
        ],
        "form": About(
            initial={
                "purpose": "Collects registration forms from new suppliers, checks certificates and creates the supplier record.",
                "term_days": "90",
            }
        ),
        "route": route(),
        "shorter": [
            {
                "change": "Do not post messages to #supplier-intake",
                "effect": "Mei Tanaka need not decide",
                "keys": ["4"],
            }
        ],
    }


def route() -> Shape:
    """Who would be asked."""
    return {
        "is_enough": True,
        "app": [{"name": "Theo Brandt", "capacity": "lead"}],
        "app_text": "May this app exist for business use?",
        "app_due": on(27),
        "seats": [
            {
                "name": "Omar Haddad",
                "capacity": "owner",
                "text": "3 privileges on ERP Postgres and Finance Slack, 1 credential",
                "due": on(3, 12),
            },
            {
                "name": "Sana Iqbal",
                "capacity": "security",
                "text": "Second approval of the 2 high-risk approvals",
                "due": on(3, 12),
            },
            {
                "name": "Mei Tanaka",
                "capacity": "owner",
                "text": "2 privileges on Supplier Drive and GitHub MCP server",
                "due": on(4, 12),
            },
        ],
        "in_force": "Fri 4 Dec at the latest, if everybody says yes on time.",
        "skipped": [("Jonas Weil (deputy for ERP Postgres) owns this app, so he decides nothing on it", "SOD-3")],
    }
