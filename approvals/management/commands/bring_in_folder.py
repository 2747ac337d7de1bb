"""Folders of exports into the register, without a browser: the same upload, order and report as on the page (I7)."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from approvals.intake import bulk_import
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.jobs import job_runs
from governance.core.keys import key_files
from governance.core.models import Person, Team
from inventory import importers
from inventory.importers import ImportProblem, NotRead, ReadResult
from inventory.imports.transitions import confirmation, previews
from inventory.models import BatchState, Environment, ImportBatch, ImportState, Outcome
from inventory.ownership import rules as ownership_rules

#: Files that are read together.
TOGETHER = 100
STOPPED = 130  # what a shell expects of a programme that Ctrl-C has ended

Found = tuple[str, ReadResult | ImportProblem]


class Command(BaseCommand):
    """Reads them as one upload of a person, orders all of it and does that itself; a worker that runs meanwhile takes turns with it.

    It may be stopped, or killed, anywhere: run again with the same folders it goes on. Run again after its end it changes nothing.
    """

    help = "Bring folders of exports into the register as drafts. Exits 1 if anything could not be read or brought in."

    def add_arguments(self, parser: CommandParser) -> None:
        """What, for whom, and who answers."""
        parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a folder with everything below it, or a file")
        parser.add_argument("--team", required=True, help="the name of the team that answers for them")
        parser.add_argument("--by", required=True, metavar="ADDRESS", help="who brings them in; a builder of that team")
        parser.add_argument("--owner", required=True, metavar="ADDRESS", help="business owner of those that are new")
        parser.add_argument("--technical", metavar="ADDRESS", help="technical owner of those that are new")
        parser.add_argument(
            "--environment", choices=Environment.values, default=Environment.PRODUCTION.value, help="(production)"
        )

    def handle(self, *args: Any, folders: list[str], **options: Any) -> None:
        """Read, order, bring in, report.

        Raises:
            CommandError: somebody or something that was named is not here, or may not do this.
            SystemExit: it was stopped, or not everything came in.
        """
        team, by = self._team(options["team"]), _person(options["by"])
        technical = _person(options["technical"]).pk if options["technical"] else None
        said = bulk_import.Order(team.pk, _person(options["owner"]).pk, technical, options["environment"])
        self._check(team, by, said)
        batch = _upload(by, _run(folders, team))
        with _until_stopped() as is_stopped:
            self._read(batch, folders, team, is_stopped)
            if not is_stopped:
                self._bring_in(batch, said, is_stopped)
        if is_stopped:
            previews.stop(batch)
        self._report(batch)
        if is_stopped:
            self.stderr.write("Stopped. What is in the register stays there; run it again to go on.")
            raise SystemExit(STOPPED)
        if batch.items.filter(Q(progress=ImportState.REFUSED) | Q(outcome=Outcome.REFUSED)).exists():
            raise SystemExit(1)

    def _team(self, name: str) -> Team:
        found = list(Team.objects.filter(name=name)[:2])
        if len(found) != 1:
            raise CommandError(f"{'Several teams are' if found else 'No team is'} called {name}.")
        return found[0]

    def _check(self, team: Team, by: Person, said: bulk_import.Order) -> None:
        """What would be refused of every single one is said at once."""
        now = business_time.now()
        no = confirmation.confirm_import.refusal(team, actor=Actor.of(by), now=now)
        people = Person.objects.in_bulk(
            [said.business_owner, *([said.technical_owner] if said.technical_owner else [])]
        )
        named = {
            "business_owner": people[said.business_owner],
            "technical_owner": people.get(said.technical_owner or 0),
        }
        wrong = [found for _, found in ownership_rules.refusals(team, None, named, now)]
        for refusal in [*([no] if no else []), *wrong]:
            raise CommandError(f"{refusal.sentence} {refusal.to_do}".strip())

    def _read(self, batch: ImportBatch, folders: list[str], team: Team, is_stopped: list[bool]) -> None:
        if batch.progress == BatchState.CONFIRMING:
            return  # all of it was read before it was killed
        found, passed_over, read = _found(folders), Counter[str](), 0
        entries = (one for one in found if not (isinstance(one[1], NotRead) and _counted(passed_over, one[1])))
        while not is_stopped and (some := list(islice(entries, TOGETHER))):
            try:
                previews.add(batch, some, now=business_time.now(), team=team)  # type: ignore[arg-type]  # what is not read is left out above
            except Refused as no:
                raise CommandError(f"{no.refusal.sentence} {no.refusal.to_do}") from no
            read += len(some)
            self._tell(f"{read:,} read")
        for reason, count in sorted(passed_over.items()):
            self.stderr.write(f"{count:,} passed over: {reason}.")

    def _bring_in(self, batch: ImportBatch, said: bulk_import.Order, is_stopped: list[bool]) -> None:
        previews.order(batch, {**batch.order, **said.to_dict()})
        batch.refresh_from_db()
        total, began = previews.open_items(batch).count(), time.monotonic()
        done = Counter[str]()
        while not is_stopped and batch.progress == BatchState.CONFIRMING:
            with job_runs.alone(bulk_import.JOB, waits=True):
                done += bulk_import.bring_slice(batch, business_time.now())
            batch.refresh_from_db(fields=["progress"])
            rate = sum(done.values()) / max(time.monotonic() - began, 0.001)
            self._tell(f"{sum(done.values()):,} of {total:,}, {rate:.0f} a second: {_in_words(done)}")

    def _report(self, batch: ImportBatch) -> None:
        counts = Counter(batch.items.exclude(outcome="").values_list("outcome", flat=True))
        unread = batch.items.filter(progress=ImportState.REFUSED).order_by("pk")
        left = previews.open_items(batch).count()
        if sys.stderr.isatty():
            self.stderr.write("")
        for item in batch.items.filter(outcome=Outcome.REFUSED, progress=ImportState.PREVIEW).order_by("pk"):
            self.stdout.write(f"refused: {item.manifest.get('name')} ({item.filename}): {item.reason}")
        for item in unread:
            self.stdout.write(f"not read: {item.reason}")
        rest = f", {left:,} not brought in" if left else ""
        self.stdout.write(f"{_in_words(counts) or 'nothing'}{rest}, {len(unread):,} not read.")

    def _tell(self, words: str) -> None:
        self.stderr.write(f"{words:78}" if sys.stderr.isatty() else words, ending="\r" if sys.stderr.isatty() else "\n")


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[one]:,} {one.value}" for one in Outcome if counts[one])


def _person(address: str) -> Person:
    """The one person who is here and signs in, or is written to, as this."""
    here = Person.objects.filter(is_active=True, left_at__isnull=True)
    found = list(here.filter(Q(subject__iexact=address) | Q(email__iexact=address))[:2])
    if len(found) != 1:
        raise CommandError(f"{'Several people are' if found else 'Nobody is'} here as {address}.")
    return found[0]


def _run(folders: Iterable[str], team: Team) -> str:
    """By what the same call is known again; the folders themselves are nobody's business but this machine's."""
    named = "\n".join(sorted(os.path.realpath(one) for one in folders))
    return hashlib.sha256(f"{team.pk}\n{named}".encode()).hexdigest()


def _upload(by: Person, run: str) -> ImportBatch:
    """The upload of this call that did not come to its end, else a new one."""
    unfinished = ImportBatch.objects.filter(by=by, order__run=run).exclude(progress=BatchState.CONFIRMED)
    found = unfinished.order_by("-pk").first()
    if found is None:
        found = previews.begin(actor=Actor.of(by), now=business_time.now(), order={"run": run})
    return found


def _found(folders: Iterable[str]) -> Iterator[tuple[str, ReadResult | ImportProblem | NotRead]]:
    """What stands in the folders, each with its path there."""
    for folder in folders:
        for one in importers.read_paths([folder], fingerprint_key=key_files.digest_key()):
            if isinstance(one, ReadResult):
                yield one.manifest.source.files[0], one
                continue
            file = os.path.relpath(one.file, folder) if Path(folder).is_dir() else Path(one.file).name
            if isinstance(one, ImportProblem):
                one = ImportProblem(importers.file_shown(file), one.place, one.reason, one.what_to_do)
            yield file, one


def _counted(passed_over: Counter[str], one: NotRead) -> bool:
    passed_over[one.reason] += 1
    return True


@contextmanager
def _until_stopped() -> Iterator[list[bool]]:
    """A list that is filled by the first Ctrl-C, so that what was begun is ended; the second one ends it at once."""
    pressed: list[bool] = []

    def note(*_: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
