"""The page of a press of Stop: just pressed, and undone."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, frame

AUTOMATION: Shape = {"href": "/automation", "name": "Invoice chaser", "tier": "high"}


def pressed() -> Shape:
    """Jonas stopped the invoice chaser and may undo it."""
    stop = {"automation": AUTOMATION, "by": {"name": "Jonas Weil"}, "at": at(24, 15), "undo_until": at(24, 15)}
    sentences = (
        ("write", "Mark invoices as reminded in ERP Postgres"),
        ("execute", "Send mail from Receivables mailbox"),
    )
    return {
        "chrome": frame("Jonas Weil", "automations"),
        "stop": stop | {"pk": 4, "automations": [1], "undone_at": None, "reason": None},
        "target": AUTOMATION,
        "name": "Invoice chaser",
        "grants": [{"drawn_level": level, "sentence": text, "automation": AUTOMATION} for level, text in sentences],
        "number": 2,
        "automations": [AUTOMATION],
        "hidden": 0,
        "may_undo": True,
        "may_explain": True,
        "events": [],
        "ledger_href": "",
    }


def undone() -> Shape:
    """The same, undone, with its reason."""
    shown = pressed()
    stop = shown["stop"] | {"undone_at": at(24, 15), "reason": {"shown": "It mailed the wrong customers."}}
    return shown | {"stop": stop, "may_undo": False, "may_explain": False}
