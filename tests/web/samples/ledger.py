"""The ledger with its verification."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, at, frame


def _event(number: int, actor: str, verb: str, subject: str, hour: int, minute: int, **more: object) -> Shape:
    reason = {"shown": more.pop("reason", "")}
    event = {"pk": number, "at": at(24, hour, minute), "verb": verb, "outcome": "done", "reason": reason}
    base: Shape = {
        "event": {**event, "code": more.pop("code", ""), "outcome": more.pop("outcome", "done")},
        "actor": actor,
        "words": verb.partition(".")[2].capitalize(),
        "subject": subject,
        "subject_href": "/review",
        "sealed": "seal 812",
    }
    return {**base, **more}


def events() -> Shape:
    """A page of events; the newest is not sealed yet, one was refused."""
    return {
        "chrome": frame("Yuki Sato", "ledger"),
        "last": {"at": at(24, 15, 9), "number": 812},
        "total": 4212,
        "real": at(24, 15, 10),
        "verification": {
            "sound": True,
            "at": at(24, 15, 0),
            "counts": {"seals": 812, "events": 4211, "problems": 0},
            "problems": [],
            "last": {"root": "8c1f2d6e9b0a47d4a2c1f0e6b7d9e3c4"},
            "key": "3b6a27bcceb6a42d62a3a8d02a6f0d73",
            "checkpoint": {"events": 4188, "seals": 810},
        },
        "filters": {
            "action": "/ledger",
            "words": "",
            "words_label": "Name, verb or number",
            "fields": [
                {
                    "name": "outcome",
                    "label": "Outcome",
                    "options": [{"value": "done", "label": "Done"}, {"value": "refused", "label": "Refused"}],
                },
                {
                    "name": "actor",
                    "label": "By",
                    "any": "Anybody",
                    "options": [{"value": "person", "label": "A person"}],
                },
            ],
            "dated": True,
            "since": "",
            "until": "",
        },
        "events": [
            _event(4212, "Omar Haddad", "privilege.approved", "post messages, Invoice chaser", 15, 10, sealed=""),
            _event(4211, "Omar Haddad", "privilege.rejected", "read every public channel, Invoice chaser", 9, 21),
            _event(
                4210,
                "Theo Brandt",
                "privilege.approved",
                "post messages, Invoice chaser",
                9,
                16,
                outcome="refused",
                code="SOD-2",
                reason="You approved this app in stage 1.",
            ),
            _event(4209, "Bram Visser", "app.approved", "Price list sync", 9, 2, for_person="Theo Brandt"),
            _event(4208, "Job: recertification.open_due", "item.opened", "Weekly stock report", 6, 0, subject_href=""),
        ],
        "pager": {"older_href": "/ledger?before=4208", "newer_href": "", "words": "5 of 4,212"},
    }
