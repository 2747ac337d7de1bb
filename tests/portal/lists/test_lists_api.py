"""Lists by a program and by the command: prepared there, applied by a person (P1, S5, H6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance.core.models import LedgerEvent, Membership, Person, Team
from governance.portal.lists import erasure, uploads
from governance.portal.models import ListRow, ListUpload, UploadState
from tests.approvals.api.programs import Program
from tests.people import NOW, Northwind
from tests.portal.lists.test_lists import PEOPLE, TEAMS, prepare, run

pytestmark = pytest.mark.django_db
FILES = {"files": [{"name": "people.csv", "content": PEOPLE}, {"name": "teams.csv", "content": TEAMS}]}


def test_program_prepares_lists_and_its_person_applies_them(northwind: Northwind) -> None:
    program, events = Program.of(northwind.ines), LedgerEvent.objects.count()
    answer = program.post("/lists", FILES)
    upload = ListUpload.objects.get()
    assert (answer.status, upload.by, upload.progress) == (201, northwind.ines, UploadState.PREVIEW)
    assert [(row["kind"], row["line"], row["name"], row["outcome"]) for row in answer.said["rows"]] == [
        ("people", 2, "ada@northwind.test", "new"),
        ("people", 3, "ben@northwind.test", "new"),
        ("teams", 2, "Data", "new"),
    ]
    assert answer.said["page"].endswith(upload.href)
    assert LedgerEvent.objects.count() == events
    assert not Team.objects.filter(name="Data").exists()
    run(upload)
    assert program.get(f"/lists/{upload.pk}").said["state"] == "applied"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("email,name\na@x.test,A,B\n", "people.csv, line 2: This line has 3 cells and the head 2."),
        ("colour\nblue\n", "people.csv, line 1: The first line names the columns of no list."),
        ("", "people.csv: This file is empty."),
    ],
)
def test_program_reads_where_a_list_is_wrong(northwind: Northwind, content: str, sentence: str) -> None:
    answer = Program.of(northwind.ines).post("/lists", {"files": [{"name": "people.csv", "content": content}]})
    assert (answer.status, answer.said["code"], answer.fields["files"]) == (422, "P1", sentence)
    assert not ListUpload.objects.exists()


def test_team_token_and_others_prepare_no_lists(northwind: Northwind) -> None:
    Membership.objects.create(team=northwind.marketing, person=northwind.ines)
    team_program = Program.of(northwind.ines, northwind.marketing)
    for program in (team_program, Program.of(northwind.sana)):
        answer = program.post("/lists", FILES)
        assert (answer.status, answer.said["code"]) == (403, "PERMISSION")
    assert not ListUpload.objects.exists()


def test_upload_of_another_admin_is_not_there_for_a_program(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, people=PEOPLE)
    assert Program.of(northwind.karl).get(f"/lists/{upload.pk}").status == 404


def test_erased_person_is_gone_from_lists_of_others(northwind: Northwind) -> None:
    own, tom = prepare(northwind.tom, people=PEOPLE), northwind.tom
    row = prepare(northwind.ines, people=f"email,name,teams\n{tom.email},{tom.name},Marketing\n").rows.get()
    known_as = erasure.KnownAs.load(tom)
    erasure.forget(known_as, None)  # type: ignore[arg-type]
    row.refresh_from_db()
    assert not ListUpload.objects.filter(pk=own.pk).exists()
    assert tom.email not in str(row.cells)
    assert tom.name not in str(row.cells) + row.words
    assert row.cells["teams"] == "Marketing"


# --- the command --------------------------------------------------------------------------------------------------


def command(folder: Path, *more: str, by: str, **texts: str) -> list[str]:
    """Run `upload_lists`, and return its lines."""
    paths = [folder / f"{name}.csv" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    out = StringIO()
    call_command("upload_lists", *map(str, paths), "--by", by, *more, stdout=out)
    return out.getvalue().splitlines()


def test_command_previews_and_changes_nothing(northwind: Northwind, tmp_path: Path) -> None:
    events = LedgerEvent.objects.count()
    lines = command(tmp_path, by=northwind.ines.email.upper(), teams=TEAMS.splitlines()[0] + "\nData,Northwind,,\n")
    assert lines == [
        "new      teams Data (teams.csv, line 2): founded",
        "Nothing was changed. Add --apply to apply this.",
    ]
    assert (LedgerEvent.objects.count(), ListRow.objects.count()) == (events, 0)


def test_command_applies_as_its_person(northwind: Northwind, tmp_path: Path) -> None:
    command(tmp_path, "--apply", by=northwind.ines.email, people=PEOPLE, teams=TEAMS)
    assert Person.objects.filter(email__in=("ada@northwind.test", "ben@northwind.test")).count() == 2
    founded = LedgerEvent.objects.filter(verb="team.founded").latest("pk")
    assert founded.actor_id == str(northwind.ines.opaque_id)
    assert ListUpload.objects.get().progress == UploadState.APPLIED


def test_command_exits_1_for_a_refused_row(northwind: Northwind, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="1"):
        command(tmp_path, "--apply", by=northwind.ines.email, teams="team,lead\nData,nobody@x.test\nTrips,\n")
    assert list(Team.objects.filter(name__in=("Data", "Trips")).values_list("name", flat=True)) == ["Trips"]


@pytest.mark.parametrize("who", ["sana", "nobody"])
def test_command_needs_an_admin(northwind: Northwind, tmp_path: Path, who: str) -> None:
    address = getattr(northwind, who).email if who == "sana" else "nobody@x.test"
    with pytest.raises(CommandError, match=f"No governance admin has the address {address}"):
        command(tmp_path, by=address, teams=TEAMS)


def test_command_names_file_that_is_missing_or_no_list(northwind: Northwind, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"gone\.csv: No such file"):
        call_command("upload_lists", str(tmp_path / "gone.csv"), "--by", northwind.ines.email)
    with pytest.raises(CommandError, match=r"teams\.csv, line 1: A list of teams has no column “colour”"):
        command(tmp_path, by=northwind.ines.email, teams="team,colour\nData,blue\n")


def test_old_uploads_are_deleted_unless_being_applied(northwind: Northwind) -> None:
    rows = [prepare(northwind.ines, teams=f"team\n{name}\n") for name in ("Old", "Recent", "Waiting")]
    uploads.apply(rows[2])
    ListUpload.objects.filter(pk__in=[rows[0].pk, rows[2].pk]).update(at=NOW - uploads.KEPT - timedelta(days=1))
    while uploads.sweep(NOW).get("left"):
        assert ListUpload.objects.filter(pk=rows[2].pk).exists()
    assert list(ListUpload.objects.values_list("pk", flat=True)) == [rows[1].pk]
    assert Team.objects.filter(name="Waiting").exists()


@pytest.mark.rule("R9")
def test_command_applies_under_the_lock_of_the_job(
    northwind: Northwind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    apply_slice = uploads.apply_slice

    def watched(upload: ListUpload, now: datetime) -> object:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid()"
            )
            seen.append(cursor.fetchone()[0] > 0)
        return apply_slice(upload, now)

    monkeypatch.setattr(uploads, "apply_slice", watched)
    command(tmp_path, "--apply", by=northwind.ines.email, teams="team\nData\n")
    assert seen
    assert all(seen)
