"""What must hold before anything runs: settings that the rules rest on, triggers and keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from governance.core.keys import key_files

Apps = Sequence[AppConfig] | None


@register(Tags.security)
def settings_that_rules_rest_on(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """History is written and can't be reverted, nobody is anybody, and a refusal's record survives its rollback."""
    wanted = (
        ("E001", "SIMPLE_HISTORY_ENABLED", True, "Without it changes leave no history (H1)."),
        ("E002", "SIMPLE_HISTORY_REVERT_DISABLED", True, "A revert would change a row past its transitions."),
        ("E003", "ANONYMOUS_USER_NAME", None, "django-guardian would hold permissions for somebody who is nobody."),
        ("E004", "GUARDIAN_MONKEY_PATCH_USER", False, "It gives people has_perm-like methods that heed superusers."),
        ("E005", "USE_TZ", True, "Instants are UTC (H8)."),
    )
    return [
        Error(f"{name} must be {value!r}. {why}", id=f"controls.{code}")
        for code, name, value, why in wanted
        if getattr(settings, name, object()) != value
    ]


@register(Tags.database)
def triggers_are_switched_on(app_configs: Apps, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """No trigger is disabled (S5, H2). Checked where a database is named."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O' ORDER BY 1"
            )
            if disabled := [name for (name,) in cursor.fetchall()]:
                message = f"Triggers of {alias!r} are switched off: {', '.join(disabled)}."
                messages.append(Warning(message, hint="ALTER TABLE … ENABLE TRIGGER …", id="controls.W014"))
    return messages


@register(Tags.security)
def keys_are_private(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Key files that are there are readable by their owner alone (H9)."""
    return [Error(problem, id="controls.E009") for problem in key_files.problems() if "open to others" in problem]


@register(Tags.security, deploy=True)
def keys_are_there(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Both keys can be read where this is deployed (H9)."""
    return [Warning(problem, id="controls.W001") for problem in key_files.problems() if "can't be read" in problem]
