"""Command that imports folders of exports, with the upload, order and report of the page (I7)."""

import hashlib
import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from approvals.intake import bulk_import
from governance.core.access import Actor, Refused
from governance.core.clock import current_time
from governance.core.jobs import job_runs
from governance.core.keys import key_files
from governance.core.models import Person, Team
from inventory.importers import reader
from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.imports.transitions import confirmation, previews
from inventory.models import BatchState, Environment, ImportBatch, ImportState, Outcome
from inventory.ownership import rules as ownership_rules

#: Files per batch.
TOGETHER = 100
STOPPED = 130  # exit code after Ctrl-C


class Command(BaseCommand):
    """Read the folders as one upload of a person, order their import and run it. A running worker takes turns with it.

    It may be stopped or killed at any time. Started again with the same folders it continues; after completion it changes nothing.
    """

    help = "Bring folders of exports into the register as drafts. Exits 1 if anything could not be read or imported."

    def add_arguments(self, parser: CommandParser) -> None:
        """Folders, team, importer and owners."""
        parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a folder with everything below it, or a file")
        parser.add_argument("--team", required=True, help="the name of the team that answers for them")
        parser.add_argument("--by", required=True, metavar="ADDRESS", help="who imports them; a builder of that team")
        parser.add_argument("--owner", required=True, metavar="ADDRESS", help="business owner of new automations")
        parser.add_argument("--technical", metavar="ADDRESS", help="technical owner of new automations")
        parser.add_argument(
            "--environment", choices=Environment.values, default=Environment.PRODUCTION.value, help="(production)"
        )

    def handle(self, *args: Any, folders: list[str], **options: Any) -> None:
        """Read, order, import and report.

        Raises:
            CommandError: a named person or team does not exist or lacks permission.
            SystemExit: it was stopped, or some imports failed.
        """
        team, by = self._team(options["team"]), _person(options["by"])
        technical = _person(options["technical"]).pk if options["technical"] else None
        order = bulk_import.Order(team.pk, _person(options["owner"]).pk, technical, options["environment"])
        self._check(team, by, order)
        batch = _upload(by, _run(folders, team))
        with _until_stopped() as is_stopped:
            self._read(batch, folders, team, is_stopped)
            if not is_stopped:
                self._import(batch, order, is_stopped)
        if is_stopped:
            previews.stop_import(batch)
        self._report(batch)
        if is_stopped:
            self.stderr.write("Stopped. What is in the register stays there; run it again to go on.")
            raise SystemExit(STOPPED)
        if batch.items.filter(Q(progress=ImportState.REFUSED) | Q(outcome=Outcome.REFUSED)).exists():
            raise SystemExit(1)

    def _team(self, name: str) -> Team:
        teams = list(Team.objects.filter(name=name)[:2])
        if len(teams) != 1:
            raise CommandError(f"{'Several teams are' if teams else 'No team is'} called {name}.")
        return teams[0]

    def _check(self, team: Team, by: Person, order: bulk_import.Order) -> None:
        """Report at once a refusal that would apply to every automation."""
        now = current_time.now()
        import_refusal = confirmation.confirm_import.refusal(team, actor=Actor.of_person(by), now=now)
        people = Person.objects.in_bulk([order.business_owner, order.technical_owner or 0])
        named = {name: people.get(getattr(order, name) or 0) for name in ("business_owner", "technical_owner")}
        owner_refusals = (refusal for _, refusal in ownership_rules.owner_refusals(team, None, named, now))
        for refusal in filter(None, (import_refusal, *owner_refusals)):
            raise CommandError(refusal.words)

    def _read(self, batch: ImportBatch, folders: list[str], team: Team, is_stopped: list[bool]) -> None:
        if batch.progress == BatchState.CONFIRMING:
            return  # an earlier run has read all of it
        passed_over, read = Counter[str](), 0
        entries = _read_folders(folders, passed_over)
        while not is_stopped and (entries_read := list(islice(entries, TOGETHER))):
            try:
                previews.add_results(batch, entries_read, now=current_time.now(), team=team)
            except Refused as error:
                raise CommandError(error.refusal.words) from error
            read += len(entries_read)
            self.stderr.write(f"{read:,} read")
        for reason, count in sorted(passed_over.items()):
            self.stderr.write(f"{count:,} passed over: {reason}.")

    def _import(self, batch: ImportBatch, order: bulk_import.Order, is_stopped: list[bool]) -> None:
        previews.order_import(batch, {**batch.order, **asdict(order)})
        batch.refresh_from_db()
        total = previews.open_items(batch).count()
        done = Counter[str]()
        while not is_stopped and batch.progress == BatchState.CONFIRMING:
            with job_runs.alone(bulk_import.JOB, waits=True):
                done += bulk_import.import_slice(batch, current_time.now())
            batch.refresh_from_db(fields=["progress"])
            self.stderr.write(f"{sum(done.values()):,} of {total:,}: {_in_words(done)}")

    def _report(self, batch: ImportBatch) -> None:
        counts = Counter(batch.items.exclude(outcome="").values_list("outcome", flat=True))
        unread = batch.items.filter(progress=ImportState.REFUSED).order_by("pk")
        left = previews.open_items(batch).count()
        for item in batch.items.filter(outcome=Outcome.REFUSED, progress=ImportState.PREVIEW).order_by("pk"):
            self.stdout.write(f"refused: {item.manifest.get('name')} ({item.filename}): {item.reason}")
        for item in unread:
            self.stdout.write(f"not read: {item.reason}")
        rest = f", {left:,} not imported" if left else ""
        self.stdout.write(f"{_in_words(counts) or 'nothing'}{rest}, {len(unread):,} not read.")


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[outcome]:,} {outcome.value}" for outcome in Outcome if counts[outcome])


def _person(address: str) -> Person:
    """Return the one active person with this sign-in or mail address."""
    active_people = Person.objects.filter(is_active=True, left_at__isnull=True)
    matches = list(active_people.filter(Q(subject__iexact=address) | Q(email__iexact=address))[:2])
    if len(matches) != 1:
        raise CommandError(f"{'Several people are' if matches else 'Nobody is'} here as {address}.")
    return matches[0]


def _run(folders: Iterable[str], team: Team) -> str:
    """Return a digest that identifies a repeated call. The paths themselves are not stored."""
    named = "\n".join(sorted(os.path.realpath(folder) for folder in folders))
    return hashlib.sha256(f"{team.pk}\n{named}".encode()).hexdigest()


def _upload(by: Person, run: str) -> ImportBatch:
    """Return the unfinished upload of this call, or a new one."""
    unfinished = ImportBatch.objects.filter(by=by, order__run=run).exclude(progress=BatchState.CONFIRMED)
    begun = unfinished.order_by("-pk").first()
    return begun or previews.begin_upload(actor=Actor.of_person(by), now=current_time.now(), order={"run": run})


def _read_folders(
    folders: Iterable[str], passed_over: Counter[str]
) -> Iterator[tuple[str, reader.ReadResult | ImportProblem]]:
    """Read the files in the folders, each with its path there. Files that are no exports are counted by reason."""
    for folder in folders:
        for entry in read_paths([folder], fingerprint_key=key_files.digest_key()):
            if isinstance(entry, NotRead):
                passed_over[entry.reason] += 1
            elif isinstance(entry, reader.ReadResult):
                yield entry.manifest.source.files[0], entry
            else:
                file = os.path.relpath(entry.file, folder) if Path(folder).is_dir() else Path(entry.file).name
                yield file, ImportProblem(reader.file_shown(file), entry.place, entry.reason, entry.what_to_do)


@contextmanager
def _until_stopped() -> Iterator[list[bool]]:
    """Yield a list that the first Ctrl-C fills, so that the current step can finish. A second Ctrl-C stops at once."""
    presses: list[bool] = []

    def note(*_: object) -> None:
        if presses:
            raise KeyboardInterrupt
        presses.append(True)

    previous_handler = signal.signal(signal.SIGINT, note)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, previous_handler)
