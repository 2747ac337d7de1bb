"""A question with its consequences, as a page."""

from __future__ import annotations

from tests.web.samples.row_samples import Shape, frame, reason


def withdraw() -> Shape:
    """Withdrawing a submission, after the reason was left out."""
    return {
        "chrome": frame("Rita Novak", "approvals"),
        "ask": {
            "id": "withdraw",
            "title": "Withdraw this submission?",
            "text": "All that was said and decided stays, and heads your next submission of Invoice chaser.",
            "points": [
                reason("undo", "6 open records are closed as withdrawn."),
                reason("seal-full", "Version 3 runs on with its grants."),
            ],
            "action": "/withdraw",
            "label": "Withdraw",
            "kind": "danger",
            "reason": {"label": "Why", "required": True, "error": "Say why in a sentence.", "value": ""},
        },
        "back_href": "/review",
    }
