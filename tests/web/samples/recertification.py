"""My recertifications: in the middle of it, and done."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, frame, on, reason

WEEKS = [7, 7, 6, 7, 8, 7, 6, 7, 7, 6, 7, 7, 8, 7, 6, 5, 4, 3, 3, 2, 1, 1, 0, 1, 0, 0]


def mine() -> Shape:
    """Seven of twelve answered."""
    queue = (
        ("Weekly stock report", "read stock and orders", ""),
        ("Invoice chaser", "post to #finance-ops-log", ""),
        ("Payment run exporter", "release payments", ""),
        ("Cold-chain alert", "read sensor rows", "keep"),
        ("Price list sync", "write price lists", "revoke"),
    )
    return {
        "chrome": frame("Omar Haddad", "recertify", approvals=7, recertify=5),
        "progress": {"answered": 7, "left": 5, "total": 12, "parts": ["approved"] * 7 + ["mine"] + ["other"] * 4},
        "queue": [
            {"href": f"/recertify/{index}", "name": name, "text": text, "answer": answer, "current": index == 0}
            for index, (name, text, answer) in enumerate(queue)
        ],
        "submit": {"action": "/recertify/submit", "count": 7},
        "item": {
            "tier": "standard",
            "due": at(4, 17, month=12),
            "level": "read",
            "title": "Weekly stock report may read stock and orders in ERP Postgres (production)",
            "scope": "SELECT ON scm.stock, scm.orders",
            "data_class": "internal",
            "automation": {
                "name": "Weekly stock report",
                "href": "/automations/1",
                "team": {"name": "Supply Engineering"},
            },
            "held_since": on(12, 6),
            "asks": "acceptable",
            "is_grant": True,
            "usage": {
                "last_at": at(11, 9),
                "idle": 13,
                "calls_30": 2,
                "calls_90": 33,
                "refused_90": 0,
                "weeks": WEEKS,
                "chart_label": "Calls a week for 26 weeks: steady at about 7, falling from week 16",
            },
            "advice": {
                "title": "We would look closer first",
                "reasons": [
                    reason("clock", "Use fell by nine tenths since September."),
                    reason("swap", "Stock dashboard, same team, reads the same tables daily."),
                    reason("database", "scm.orders was never read."),
                ],
            },
            "why": [
                {"seal": "left", "lead": "App approved", "text": "by Lena Fischer", "below": "10 Jun 2026, stage 1"},
                {"seal": "right", "lead": "Privilege approved", "text": "by you", "below": "12 Jun 2026, stage 2"},
                {
                    "icon": "person",
                    "lead": "Still needed?",
                    "text": "Piet de Vries says yes",
                    "below": "Mon 23 Nov: “Monday meeting uses it”",
                },
                {"icon": "lock", "lead": "No drift, no conflict", "text": "", "below": "checked last night"},
            ],
            "answer": "",
        },
        "answers": {
            "action": "/recertify/88",
            "reason": {"value": ""},
            "options": [
                {
                    "value": "keep",
                    "key": "1",
                    "label": "Keep",
                    "icon": "ring-check",
                    "tone": "ok",
                    "text": "To 7 Jun 2027, no wider than now",
                },
                {
                    "value": "revoke",
                    "key": "2",
                    "label": "Revoke",
                    "icon": "ring-cross",
                    "tone": "no",
                    "text": "Stops at once when you submit",
                },
                {
                    "value": "dont_know",
                    "key": "3",
                    "label": "I don’t know",
                    "icon": "question",
                    "tone": "",
                    "text": "Passed to your deputy",
                },
                {
                    "value": "not_mine",
                    "key": "4",
                    "label": "Not mine",
                    "icon": "person",
                    "tone": "",
                    "text": "Say whose; passed on once more",
                },
            ],
        },
    }


def done() -> Shape:
    """Nothing left to answer."""
    return {
        "chrome": frame("Omar Haddad", "recertify", approvals=7),
        "progress": {"answered": 0, "left": 0, "total": 0, "parts": []},
        "queue": [],
        "submit": {"action": "", "count": 0},
        "item": None,
        "answers": {},
    }
