"""Two operations of migrations: create many models at once, and load the files of an app's ``sql`` folder."""

from collections.abc import Sequence
from pathlib import Path

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import CreateModel, RunSQL
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState


def load_sql(migration: str, *names: str) -> RunSQL:
    """Return the operation that runs SQL files of an app, in the order of `names`.

    Args:
        migration: path of the migration that loads them (``__file__``); the files are in ``sql`` beside its folder.
        names: file names, such as ``grants.sql``.
    """
    folder = Path(migration).resolve().parents[1] / "sql"
    return RunSQL("\n".join((folder / name).read_text() for name in names), RunSQL.noop)


class CreateModels(Operation):
    """Create many models at once.

    After each `CreateModel`, Django renders every related model again: 11 s for our tables. This operation renders them once. The models
    may refer to each other in any order, because PostgreSQL gets foreign keys after all tables.

    Args:
        models: the operations that create one model each.
    """

    category = OperationCategory.ADDITION

    def __init__(self, models: Sequence[CreateModel]) -> None:
        self.models = models

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add the models to an unrendered copy of the state, and render them once."""
        unrendered = ProjectState(dict(state.models), state.real_apps)
        for operation in self.models:
            operation.state_forwards(app_label, unrendered)
        state.models.update(unrendered.models)
        state.reload_models([(app_label, operation.name_lower) for operation in self.models], delay=False)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Create the tables."""
        for operation in self.models:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Drop the tables."""
        for operation in reversed(self.models):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """What `migrate` prints."""
        return f"Create {len(self.models)} models"
