"""Command that uploads lists as a person, prints what each row changes, and applies it if told so (P1)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.core.access import Actor, Permission, access
from governance.core.clock import current_time
from governance.core.jobs import job_runs
from governance.core.models import Person
from governance.portal.lists import uploads
from governance.portal.lists.list_file import ListProblem
from governance.portal.models import RowOutcome, UploadState


class Command(BaseCommand):
    """Upload lists of people, teams, resources and entitlements. Stopped while it applies, it is finished by a worker."""

    help = (
        "Preview lists of people, teams, resources and entitlements (CSV), or apply them. Exits 1 if a row was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Files, person, and whether to apply."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="a list as CSV")
        parser.add_argument("--by", required=True, metavar="ADDRESS", help="who applies them; a governance admin")
        parser.add_argument("--apply", action="store_true", help="apply them; without it nothing is changed")

    def handle(self, *args: Any, files: list[str], by: str, apply: bool, **options: Any) -> None:
        """Preview, apply and report.

        Raises:
            CommandError: a file can't be read, or the person is no governance admin.
            SystemExit: a row was refused.
        """
        now, person = current_time.now(), Person.objects.filter(email__iexact=by, is_active=True).first()
        if person is None or not access.may(Actor.of_person(person), Permission.LIST_PREPARE, None, now=now):
            raise CommandError(f"No governance admin has the address {by}.")
        try:
            read = [(Path(name).name, Path(name).read_bytes()) for name in files]
            upload = uploads.preview(read, actor=Actor.of_person(person), now=now)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        except ListProblem as problem:
            place = f"{problem.file}, line {problem.line}" if problem.line else problem.file
            raise CommandError(f"{place}: {problem.sentence} {problem.to_do}") from problem
        if apply:
            uploads.apply(upload)
            with job_runs.alone(uploads.JOB, waits=True):  # the worker's job takes the same lock
                upload.refresh_from_db()
                while upload.progress != UploadState.APPLIED:
                    uploads.apply_slice(upload, current_time.now())
                    upload.refresh_from_db()
        rows = list(upload.rows.all())
        for row in rows:
            self.stdout.write(f"{row.outcome:8} {row.kind} {row.name} ({row}): {row.words}")
        if not apply:
            upload.delete()
            self.stdout.write("Nothing was changed. Add --apply to apply this.")
        if any(row.outcome == RowOutcome.REFUSED for row in rows):
            raise SystemExit(1)
