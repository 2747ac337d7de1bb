"""A change that was drawn to be looked at: open for its reader, and looked at by somebody."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, frame

SAMPLE: Shape = {
    "href": "/samples/7",
    "submission": {
        "automation": {"href": "/automation", "name": "Weekly stock report"},
        "automation_id": 1,
        "version": {"number": 4},
    },
}


def open_one() -> Shape:
    """Sana looks, after the reason was left out."""
    return {
        "chrome": frame("Sana Iqbal", "approvals", approvals=3),
        "head": {
            "title": "Weekly stock report: is what changed fine?",
            "tier": "standard",
            "facts": ["Supply Engineering", "version 4 is in force", "submitted by Piet de Vries"],
        },
        "sample": {**SAMPLE, "state": "open", "due_at": at(1, 17, month=12), "drawn_from_seal": 4211},
        "one_in": 10,
        "reviewers": [{"name": "Sana Iqbal"}, {"name": "Viktor Lindqvist"}],
        "compare": {
            "from": 3,
            "to": 4,
            "rows": [{"label": "Source", "before": "9f2c11ab04", "after": "1d77e0c3f9"}],
            "added": [],
            "removed": [],
            "changed": [],
            "same": False,
        },
        "refusal": None,
        "typed": "",
        "error": "Say why: a reason is needed here.",
        "events": [],
        "ledger_href": "/ledger",
    }


def done() -> Shape:
    """Looked at, as its builder reads it."""
    return open_one() | {
        "chrome": frame("Piet de Vries", "automations"),
        "sample": {**SAMPLE, "state": "fine", "drawn_from_seal": None, "looked_by": {"name": "Sana Iqbal"}},
        "refusal": {
            "sentence": "This sample is fine, so this can't be done now.",
            "code": "STATE",
            "to_do": "Reload the page.",
        },
    }
