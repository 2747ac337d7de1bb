"""An upload of lists: its preview, its order, and a job that applies it in slices (P1, R9).

Nothing changes before a person applies the preview. The job acts as that person, with their rights at that moment; each row has its own
transaction. A killed run continues, because a row changes only what differs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Count, Q, Value, When

from governance.core.access import Actor, Refused
from governance.core.jobs import nudge
from governance.core.models import Person
from governance.portal.lists.changes import KEYS, PHASES, Change, Planner
from governance.portal.lists.list_file import Line, columns_of, read_lists
from governance.portal.lists.lookups import Lookups, RowRefused, key_of
from governance.portal.models import APPLIED_OUTCOMES, ListRow, ListUpload, RowOutcome, UploadState

log = structlog.get_logger(__name__)

JOB = "portal.lists"
#: Rows of one run of the job: about two seconds of work.
SLICE = 40
#: How long an upload is kept (H7).
KEPT: Final = timedelta(days=30)
#: The last phase of each kind of rows.
LAST: Final = {kind: phase for phase, (kind, _) in enumerate(PHASES, 1)}
STALE = "The register has changed since this was read. Upload the list once more."
UNEXPECTED = "Something failed here that was not expected, and is in the log. Upload the list once more."
#: Outcome of a row without a refusal, by whether its first phase changes something, and whether any phase does.
OUTCOMES: Final = {(True, True): RowOutcome.NEW, (False, True): RowOutcome.CHANGED, (False, False): RowOutcome.SAME}


def preview(files: Iterable[tuple[str, bytes]], *, actor: Actor, now: datetime) -> ListUpload:
    """Read some lists and save what each row would change.

    Args:
        files: name and content of each.
        actor: the person, or their program.
        now: business time.

    Raises:
        ListProblem: a file that can't be read.
    """
    lines = read_lists(files)
    assert actor.person is not None
    upload = ListUpload(by=actor.person, at=now)
    rows = [
        ListRow(upload=upload, kind=line.kind, file=line.file[:255], line=line.number, cells=dict(line.cells))
        for line in lines
    ]
    _preview_rows(rows, lines, Lookups.load((line.cells for line in lines), Actor.of_person(actor.person), now))
    with transaction.atomic():
        upload.save()
        ListRow.objects.bulk_create(rows, batch_size=500)
    return upload


def _preview_rows(rows: list[ListRow], lines: list[Line], lookups: Lookups) -> None:
    """Set outcome and words of each row, phase by phase."""
    found: list[list[list[Change]]] = [[] for _ in rows]
    _refuse_repeated(rows)
    for kind, planner in PHASES:
        for row, line, phases in zip(rows, lines, found, strict=True):
            if line.kind != kind or row.outcome == RowOutcome.REFUSED:
                continue
            try:
                phases.append(_checked(planner, line, lookups))
            except RowRefused as refused:
                row.outcome, row.words = RowOutcome.REFUSED, refused.sentence
    for row, phases in zip(rows, found, strict=True):
        if row.outcome != RowOutcome.REFUSED:
            row.outcome = OUTCOMES[bool(phases[0]) and phases[0][0].is_new, any(phases)]
            row.words = "; ".join(change.words for changes in phases for change in changes)


def _refuse_repeated(rows: list[ListRow]) -> None:
    """Refuse the second row about one subject: which of them holds would depend on their order."""
    first: dict[tuple[str, ...], ListRow] = {}
    for row in rows:
        cells = {column: row.cells.get(column, "") for column in KEYS[row.kind]}
        key = (row.kind, *(text if column == "code" else key_of(text) for column, text in cells.items()))
        if all(key) and (earlier := first.setdefault(key, row)) is not row:
            row.outcome = RowOutcome.REFUSED
            row.words = f"{earlier.file}, line {earlier.line}, is about the same. Keep one of the two rows."


def _checked(planner: Planner, line: Line, lookups: Lookups) -> list[Change]:
    for column in columns_of(line.kind, needed=True):
        if column not in line.cells:
            raise RowRefused(f"{column}: This cell is empty.")
    changes = planner(line.cells, lookups)
    for change in changes:
        if (refusal := change.refusal(lookups)) is not None:
            raise RowRefused(refusal.words)
    return changes


def apply(upload: ListUpload) -> bool:
    """Order that an upload is applied, and wake a worker. A repeated order changes nothing.

    Args:
        upload: a preview. The job acts as its person.

    Returns:
        Whether it was ordered now.
    """
    with transaction.atomic():
        waiting = ListUpload.objects.filter(pk=upload.pk, progress=UploadState.PREVIEW)
        ordered = bool(waiting.update(progress=UploadState.APPLYING))
        if ordered:
            nudge.send(JOB)
    return ordered


def sweep(now: datetime) -> Mapping[str, int]:
    """Apply a slice of each ordered upload, and delete old uploads. Returns counts of rows."""
    counts: Counter[str] = Counter()
    for upload in ListUpload.objects.filter(progress=UploadState.APPLYING).select_related("by").order_by("pk"):
        counts += apply_slice(upload, now)
    deleted, _ = ListUpload.objects.filter(at__lt=now - KEPT).exclude(progress=UploadState.APPLYING).delete()
    counts["deleted"] += deleted
    return {name: count for name, count in counts.items() if count}


def apply_slice(upload: ListUpload, now: datetime, size: int = SLICE) -> Counter[str]:
    """Apply the next rows of an ordered upload in the earliest phase that has some; close it if none has.

    Args:
        upload: the upload, with its person.
        now: business time.
        size: maximum number of rows.

    Returns:
        The number of applied and refused rows; ``left`` is 1 while the upload goes on.
    """
    counts: Counter[str] = Counter()
    for phase, (kind, planner) in enumerate(PHASES, 1):
        waiting = upload.rows.filter(kind=kind, phase__lt=phase, outcome__in=APPLIED_OUTCOMES)
        rows = list(waiting.order_by("pk")[:size])
        if rows:
            lookups = Lookups.load((row.cells for row in rows), Actor.of_person(upload.by), now)
            for row in rows:
                counts["applied" if _apply_row(row, planner, lookups) else "refused"] += 1
                _record(row, phase)
            counts["left"] = 1
            return counts
    ListUpload.objects.filter(pk=upload.pk).update(progress=UploadState.APPLIED)
    return counts


def _record(row: ListRow, phase: int) -> None:
    """Save how a row went. Erasure may have deleted the row: then nothing is written."""
    ListRow.objects.filter(pk=row.pk).update(phase=phase, outcome=row.outcome, words=row.words)


def _apply_row(row: ListRow, planner: Planner, lookups: Lookups) -> bool:
    """Apply one phase of a row, change by change. Refusals become its words, with what was done all the same."""
    is_made = row.phase and row.outcome == RowOutcome.NEW
    finished, problems = [row.words.partition("; ")[0]] if is_made else [], []
    try:
        changes = planner(row.cells, lookups)
    except RowRefused as refused:
        changes, problems = [], [refused.sentence]
    for change in changes:
        if (problem := _problem(change, row, lookups)) is None:
            finished.append(change.words)
        else:
            problems.append(problem)
    if not problems:
        return True
    row.outcome = RowOutcome.REFUSED
    row.words = " ".join((*dict.fromkeys(problems), *([f"Done before: {'; '.join(finished)}."] if finished else [])))
    return False


def _problem(change: Change, row: ListRow, lookups: Lookups) -> str | None:
    """Perform a change that the preview has shown (A6), or say why not."""
    if f"; {change.words}; " not in f"; {row.words}; ":
        return STALE
    try:
        change.perform(lookups)
    except Refused as error:
        return error.refusal.words
    except (OperationalError, InterfaceError):
        raise  # the database is unreachable: the next run continues
    except Exception:
        log.exception("lists.failed", row=row.pk)
        return UNEXPECTED
    return None


def count_rows(upload: ListUpload) -> dict[str, int]:
    """Count the rows of an upload by outcome, and those that are ``done``. One query."""
    last = Case(*(When(kind=kind, then=Value(phase)) for kind, phase in LAST.items()))
    groups = upload.rows.order_by().values_list("outcome")
    rows = list(groups.annotate(some=Count("pk"), finished=Count("pk", filter=Q(phase__gte=last))))
    counts = dict.fromkeys(RowOutcome.values, 0) | {outcome: count for outcome, count, _ in rows}
    return counts | {"done": sum(done for _, _, done in rows)}


def discard(upload: ListUpload) -> None:
    """Delete an upload that is not being applied. What it has changed stays."""
    ListUpload.objects.filter(pk=upload.pk).exclude(progress=UploadState.APPLYING).delete()


def uploads_of(person: Person) -> list[ListUpload]:
    """Return the latest uploads of a person, the newest first."""
    return list(ListUpload.objects.filter(by=person).order_by("-pk")[:10])
