"""What must hold before anything runs: settings that the rules rest on, keys, and the declarations themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from governance.core.engine.transition import declared
from governance.core.keys import key_files
from governance.core.models import AppendOnly
from governance.core.roles.roles import GRANTS, Permission

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
def the_database_is_postgresql(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Row locks with SKIP LOCKED, exclusion constraints and triggers are PostgreSQL's; requests are not transactions."""
    messages: list[CheckMessage] = []
    for alias in connections:
        if connections[alias].vendor != "postgresql":
            messages.append(Error(f"The database {alias!r} must be PostgreSQL.", id="controls.E006"))
        if connections[alias].settings_dict.get("ATOMIC_REQUESTS"):
            hint = "A refusal is recorded after its own rollback; the request's transaction would roll that back too."
            messages.append(Error(f"ATOMIC_REQUESTS must be off for {alias!r}.", hint=hint, id="controls.E007"))
    return messages


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


@register(Tags.models)
def what_is_governed_has_history(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Every model that an operation is about keeps its history, unless its rows never change (H1)."""
    models = {operation.model for operation in declared()}
    return [
        Error(f"{model._meta.label} is governed and has no history.", obj=model, id="controls.E011")
        for model in sorted(models, key=lambda governed: governed._meta.label)
        if not hasattr(model, "history") and not issubclass(model, AppendOnly)
    ]


@register(Tags.models)
def permissions_are_granted(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """Every permission that an operation needs is granted to some role or relation."""
    granted: set[Permission] = set().union(*GRANTS.values())
    return [
        Error(f"{operation.name} needs {operation.permission}, which nobody is granted.", id="controls.E012")
        for operation in declared()
        if operation.permission is not None and operation.permission not in granted
    ]


@register(Tags.models)
def duties_have_one_meaning(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """One code of a duty stands for one rule wherever it is declared; ``STATE`` is no rule's code but the engine's own."""
    rules: dict[str, set[str]] = defaultdict(set)
    for duty in (duty for operation in declared() for duty in operation.all_duties):
        rules[duty.code].add(duty.rule)
    return [
        Error(f"The duty {code} stands for several rules: {', '.join(sorted(duties))}.", id="controls.E013")
        for code, duties in sorted(rules.items())
        if len(duties) > 1 and code != "STATE"
    ]
