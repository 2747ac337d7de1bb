"""Triggers in plain words; a notation without plain words stays as it is."""

from __future__ import annotations

import pytest

from inventory.importers import sentences
from inventory.versions import findings, trigger_descriptions


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("kind", "detail", "sentence"),
    [
        ("schedule", "cron 61 8 * * 1-5", "on a schedule (cron 61 8 * * 1-5)"),
        ("schedule", "cron 0 8 1 * *", "on a schedule (cron 0 8 1 * *)"),
        ("schedule", "cron 30 8 * * 1-9", "on a schedule (cron 30 8 * * 1-9)"),
        ("schedule", "", "a schedule"),
        ("schedule", "cron 30 8 * * 1-5", "every weekday at 08:30"),
        ("schedule", "cron 0 16 * * *", "every day at 16:00"),
        ("schedule", "cron 5 7 * * 1,4", "every Monday, Thursday at 07:05"),
        ("schedule", "cron */15 * * * *", "every 15 minutes"),
        (
            "schedule",
            "every week on Monday at 07:15; cron 0 3 * * 0",
            "every week on Monday at 07:15; every Sunday at 03:00",
        ),
        ("event", "fileCreated", "when it happens elsewhere: file created"),
        ("webhook", "POST /orders", "a call to its address: POST /orders"),
        ("manual", "", "a person starts it"),
        ("what is new", "x", "what is new: x"),
    ],
)
def test_triggers_are_described_in_words(kind: str, detail: str, sentence: str) -> None:
    assert trigger_descriptions.trigger_sentence(kind, detail) == sentence


@pytest.mark.rule("I8")
def test_a_finding_is_called_by_words_and_an_unknown_one_by_its_code() -> None:
    assert findings.finding_label("env_reference") == "Takes something from its environment"
    assert findings.finding_label("brand_new") == "Brand new"
    assert findings.finding_label("shared_credential", "credentials/Slack") == "Shared credential: Slack"
    assert sentences.platform_label("mcp") == "MCP"
