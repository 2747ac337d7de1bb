"""My recertifications: in the middle of it, and done."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, frame, on, reason

WEEKS = [7, 7, 6, 7, 8, 7, 6, 7, 7, 6, 7, 7, 8, 7, 6, 5, 4, 3, 3, 2, 1, 1, 0, 1, 0, 0]


def mine() -> Shape:
    """Seven of twelve answered."""
    omar = {"pk": 7, "name": "Omar Haddad"}
    queue = [
        _card(pk, name) for pk, name in enumerate(("Weekly stock report", "Invoice chaser", "Cold-chain alert"), 1)
    ]
    usage = {
        "measured": True,
        "was_used": True,
        "idle": 13,
        "calls_30": 2,
        "calls_90": 33,
        "refused_90": 0,
        "weeks": WEEKS,
    }
    facts = {**usage, "held_since": on(12, 6), "chart_label": "Calls a week for 26 weeks: falling from week 16"}
    reasons = [
        reason("clock", "Use fell by nine tenths since September."),
        reason("database", "scm.orders was never read."),
    ]
    return {
        "chrome": frame("Omar Haddad", "recertify", approvals=7, recertify=5),
        "waiting": {
            "cards": queue,
            "left_count": 5,
            "drafted_count": 7,
            "answer_count": 7,
            "count": 12,
            "now": at(24, 9),
        },
        "parts": ["approved"] * 7 + ["mine"] + ["other"] * 4,
        "shown_key": queue[0]["key"],
        "reader": omar,
        "item": {
            "pk": 88,
            "state": "open",
            "due_at": at(4, 17, month=12),
            "title": "Weekly stock report may read stock and orders in ERP Postgres (production)",
        },
        "tier": "standard",
        "question": {"asks": "acceptable", "get_asks_display": "Is it still acceptable?", "reviewer": omar},
        "grant": {
            "entitlement": {"counted_class": "internal"},
            "level": "read",
            "raw_scope": "SELECT ON scm.stock, scm.orders",
            "ends_at": at(4, 17, month=12),
        },
        "automation": {
            "pk": 1,
            "name": "Weekly stock report",
            "href": "/automations/1",
            "team": {"name": "Supply Engineering"},
            "business_owner": {"name": "Lena Fischer"},
        },
        "facts": facts,
        "advice": {"label": "We would look closer first"},
        "reasons": reasons,
        "others": [
            (
                {
                    "asks": "needed",
                    "reviewer": {"name": "Piet de Vries"},
                    "asked_at": at(20, 9),
                    "is_no_longer_asked": False,
                },
                None,
            )
        ],
        "unchanged": ["drift", "conflict"],
        "answers": {
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
                    "text": "Suspended when you submit, later removed",
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


def _card(pk: int, name: str) -> Shape:
    key = {"automation": pk, "reviewer": 7}
    return {
        "key": key,
        "href": f"/recertify/{pk}/",
        "automation_name": name,
        "words": "3 items",
        "deadline": at(4, 17, month=12),
    }


def done() -> Shape:
    """Nothing left to answer."""
    return {
        "chrome": frame("Omar Haddad", "recertify", approvals=7),
        "waiting": {"cards": [], "left_count": 0, "drafted_count": 0, "answer_count": 0, "count": 0, "now": at(24, 9)},
        "item": None,
        "answers": None,
    }
