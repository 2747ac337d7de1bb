"""Whatever writes how a person signs in goes through `sign_in_transitions`, so that it leaves an event (H1): the next one is found here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern

from governance.portal.urls import urlpatterns
from tests.structure.file_sizes import naming, sources

ROOT = Path(__file__).resolve().parents[2]
#: Pages that are allauth's own code, and why none of them writes to a person past the ledger.
THEIRS = {
    "account_reset_password": "asks our adapter for a mail",
    "account_reset_password_done": "shows that it was asked",
    "account_reset_password_from_key_done": "shows that it was set",
    "account_logout": "ends a session",
    "mfa_index": "shows what there is",
    "mfa_authenticate": "goes on with a sign-in, which ends in our adapter's",
    "mfa_view_recovery_codes": "shows what there is",
}
#: Calls that change how somebody signs in, and the modules that may make them.
WRITES = {
    "set_password": {"governance/core/sign_in/transitions.py", "governance/core/models/people.py"},
    "set_unusable_password": {
        "governance/portal/people/views/people.py",  # of somebody who is entered, on record, right after
        "governance/portal/lists/changes.py",  # the same, from a list
        "governance/core/erasure/transitions.py",  # of somebody who is erased, which is an event of its own
        "governance/portal/single_sign_on/adapters.py",  # of somebody who is admitted, on record, right after
        "governance/portal/scim/storage.py",  # the same
        "governance/core/directory/transitions.py",  # of somebody who leaves, which is an event of its own
    },
    "create_user": {"governance/core/models/people.py", "governance/core/management/commands/bootstrap.py"},
    "create_superuser": set(),
    "login": {"governance/portal/sign_in/adapters.py"},
}
#: Django's own sign-in is handed to `sign_in_transitions` and called by nobody else.
HANDED_OVER = {"governance/portal/sign_in/adapters.py", "governance/portal/demo_pages/views.py"}


def calls(source: str) -> Iterator[str]:
    """The names of methods called on an object, or passed with it, in a module: ``set_password`` of ``person.set_password(…)``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr


def unrecorded(where: str, source: str) -> list[str]:
    """Calls of a module that change how somebody signs in and that it may not make."""
    called_on_sign_in_transitions = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "sign_in_transitions"
    }
    names = [name for name in calls(source) if name in WRITES and where not in WRITES[name]]
    return [name for name in names if name not in called_on_sign_in_transitions]


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    "sample", ["person.set_password('x')", "Person.objects.create_user('a@b.c')", "auth.login(r, u)"]
)
def test_a_write_past_the_ledger_is_found(sample: str) -> None:
    assert unrecorded("governance/portal/people/views/profile.py", sample)
    assert not unrecorded(
        "governance/portal/people/views/profile.py", "sign_in_transitions.set_password(person, password='x')"
    )


@pytest.mark.rule("H1")
def test_sign_in_data_changes_through_ledger_only() -> None:
    findings = {}
    for path in naming(sources(ROOT), *WRITES):
        where = str(path.relative_to(ROOT))
        if names := unrecorded(where, path.read_text()):
            findings[where] = names
    assert findings == {}


@pytest.mark.rule("H1")
def test_djangos_sign_in_is_imported_where_it_is_handed_over_alone() -> None:
    importing = {
        str(path.relative_to(ROOT))
        for path in naming(sources(ROOT), "login")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "django.contrib.auth"
        and any(alias.name == "login" for alias in node.names)
    }
    assert importing <= HANDED_OVER


@pytest.mark.rule("H1")
def test_mounted_allauth_pages_change_nobody() -> None:
    theirs = set()
    for entry in urlpatterns:
        if isinstance(entry, URLPattern):
            view = getattr(entry.callback, "view_class", entry.callback)
            if view.__module__.startswith("allauth."):
                theirs.add(entry.name)
    assert theirs == set(THEIRS)
