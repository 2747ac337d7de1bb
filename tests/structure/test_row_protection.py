"""What stays on record: which tables lose no row, which are never changed, none is emptied. A new model can't forget (H1, H2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from approvals.models import Submission
from governance.core.models import AppendOnly, FreeText, Person
from tests.approvals.refusals import database_refuses, sql
from tests.scenarios import Company

APPS = ("controls", "inventory", "approvals", "recertification", "portal")
#: What may be removed, and why that takes nothing away from what was decided or done.
REMOVED = {
    "controls.Membership": "somebody is taken out of a team: that is an event of the team",
    "controls.Notice": "the outbox's own; that somebody was told is no decision",
    "controls.UnwantedMail": "what somebody wants no mail about",
    "controls.DirectoryEntry": "what a directory says; what follows for a person is an event of the person",
    "controls.AuditStream": "how far a job has come",
    "controls.WebhookDelivery": "the outbox's own, as a notice",
    "controls.JobRun": "a run that did nothing is swept away",
    "controls.ClosedIntroduction": "somebody has read an explanation",
    "controls.ClockOffset": "the demo's clock",
    "inventory.ImportBatch": "an upload that may be discarded",
    "inventory.ImportItem": "a draft that may be discarded; what was confirmed is a version",
    "inventory.AutomationUserObjectPermission": "who may see it, computed from who is asked",
    "inventory.ResourceUserObjectPermission": "who may see it",
    "approvals.ConflictMember": "worked out from a rule and an entitlement, again whenever one of them changes",
    "inventory.ChainEnd": "worked out from approved versions, which stay",
    "inventory.ChainMember": "likewise",
    "approvals.SavedView": "what somebody calls some filters",
    "approvals.GrantUsage": "counts of a day, no decision",
    "recertification.Draft": "what somebody has chosen and not submitted",
    "portal.ListUpload": "what an admin uploaded; what was applied has events of its own",
    "portal.ListRow": "likewise",
    "portal.Figure": "counts of a day, made again every minute",
}
#: What may be removed one by one, and is not emptied in one stroke.
NOT_EMPTIED = {"controls.Membership"}


def ours() -> Iterator[type[Model]]:
    """Every model of the product with its histories."""
    for label in APPS:
        yield from apps.get_app_config(label).get_models()


def is_history(model: type[Model]) -> bool:
    """Whether its rows are the history of another model's."""
    return hasattr(model, "instance_type")


def expected(model: type[Model]) -> set[str]:
    """The triggers that a model must have."""
    if issubclass(model, AppendOnly) or is_history(model):
        return {"append_only", "never_truncated"}
    if model is FreeText:
        return {"kept_or_erased", "never_truncated"}
    if model._meta.label in NOT_EMPTIED:
        return {"never_truncated"}
    return set() if model._meta.concrete_model._meta.label in REMOVED else {"never_deleted", "never_truncated"}


def installed() -> dict[str, set[str]]:
    """Per table the names of the triggers that stand in the database and are switched on."""
    triggers: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal AND t.tgenabled = 'O'"
        )
        for table, name in cursor.fetchall():
            triggers.setdefault(table, set()).add(name)
    return triggers


@pytest.mark.rule("H1", "H2")
def test_removable_models_exist() -> None:
    assert not set(REMOVED) - {model._meta.label for model in ours()}


@pytest.mark.rule("H1")
def test_models_with_history_are_never_deleted() -> None:
    assert [model._meta.label for model in ours() if hasattr(model, "history") and model._meta.label in REMOVED] == []


@pytest.mark.django_db
@pytest.mark.rule("H1", "H2")
def test_each_of_these_triggers_stands_in_the_database_and_is_switched_on() -> None:
    standing = installed()
    missing = {
        model._meta.db_table: lacks
        for model in ours()
        if (lacks := expected(model) - standing.get(model._meta.db_table, set()))
    }
    assert missing == {}


@pytest.mark.django_db
@pytest.mark.rule("S1", "H1", "H2")
def test_protected_tables_are_never_truncated(company: Company, stock_in_force: Submission) -> None:
    """Not even by the application's own role; the parties of a submission would be none, and its submitter could approve it."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # a table with pending checks is not truncated for another reason
    for model in ours():
        if expected(model):
            with database_refuses("is not truncated"):
                sql(f"TRUNCATE {model._meta.db_table} CASCADE")
    for alone in ("approvals_party", "approvals_candidate", "approvals_decisionperson", "approvals_historicalgrant"):
        with database_refuses("is not truncated"):
            sql(f"TRUNCATE {alone}")


@pytest.mark.django_db
@pytest.mark.rule("H1", "H2")
def test_history_is_neither_deleted_nor_rewritten(company: Company, stock_in_force: Submission) -> None:
    tried = set()
    for model in ours():
        table, key = model._meta.db_table, model._meta.pk.column
        if not model._base_manager.exists():
            continue
        if expected(model) - {"never_truncated"}:
            sentences = {FreeText: "H6: a text is kept as it is"}
            with database_refuses(sentences.get(model, f"from {table} table")):
                sql(f"DELETE FROM {table}")
            tried.add(model._meta.label)
        if "append_only" in expected(model):
            with database_refuses("Cannot update"):
                sql(f"UPDATE {table} SET {key} = {key}")
    assert {
        "approvals.HistoricalGrant",
        "approvals.HistoricalApproval",
        "approvals.HistoricalSubmission",
        "inventory.HistoricalResource",
        "approvals.Grant",
        "approvals.Submission",
        "inventory.Automation",
        "inventory.Resource",
        "inventory.Credential",
        "inventory.Version",
    } <= tried


@pytest.mark.rule("H6")
def test_person_history_holds_nothing_to_erase() -> None:
    held = {field.name for field in Person.history.model._meta.concrete_fields}
    assert held & {"name", "email", "title", "subject", "password"} == set()
