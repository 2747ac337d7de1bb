"""API of lists: a program uploads some and reads the preview; a person applies it on its page (P1, S5)."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status
from pydantic import ConfigDict

from approvals.api.caller import Caller, caller
from approvals.api.problems import ERRORS
from approvals.api.requests import FileName, Key
from approvals.api.responses import Page
from governance.core.access import Permission, Refusal, access, refuse
from governance.portal.lists import uploads
from governance.portal.lists.list_file import ListProblem
from governance.portal.models import ListUpload

router = Router(tags=["Lists"])


class ListIn(Schema):
    """One list: a CSV file as text."""

    model_config = ConfigDict(extra="forbid")

    name: FileName
    content: str = Field(description="The first line names the columns, and so says what it is a list of.")


class ListsIn(Schema):
    """Lists that belong together."""

    model_config = ConfigDict(extra="forbid")

    files: list[ListIn] = Field(min_length=1, max_length=100)


class ListRowOut(Schema):
    """What one row changes."""

    kind: str
    file: str
    line: int
    name: str
    outcome: str = Field(description="new, changed, same or refused.")
    words: str = Field(description="What it changes, or why it was refused.")


class ListUploadOut(Schema):
    """An upload of lists. A person applies it on its page."""

    id: int
    state: str = Field(alias="progress", description="preview, applying or applied.")
    rows: list[ListRowOut]
    page: Page = Field(alias="href")

    @staticmethod
    def resolve_rows(upload: ListUpload) -> list[Any]:
        """List its rows in the order of the files."""
        return list(upload.rows.all())


def _program(request: HttpRequest) -> Caller:
    program = caller(request)
    if not access.may(program.actor, Permission.LIST_PREPARE, None, now=program.now):
        sentence = "Lists are prepared with a personal token of a governance admin."
        raise refuse(Refusal("PERMISSION", "permission", sentence))
    return program


@router.post("/lists", response={201: ListUploadOut, **ERRORS}, url_name="lists")
def prepare(request: HttpRequest, body: ListsIn) -> Status[ListUpload]:
    """Upload lists of people, teams, resources and entitlements, and read what each row would change. Nothing is changed yet."""
    program = _program(request)
    files = [(file.name, file.content.encode()) for file in body.files]
    try:
        return Status(201, uploads.preview(files, actor=program.actor, now=program.now))
    except ListProblem as problem:
        place = f"{problem.file}, line {problem.line}" if problem.line else problem.file
        detail = (("files", f"{place}: {problem.sentence}"),)
        raise refuse(Refusal("P1", "input", f"{place}: {problem.sentence}", problem.to_do, detail)) from problem


@router.get("/lists/{pk}", response={200: ListUploadOut, **ERRORS}, url_name="list")
def upload(request: HttpRequest, pk: Key) -> ListUpload:
    """Show an upload of the token's person: what each row changes, and whether it is applied."""
    return get_object_or_404(ListUpload, pk=pk, by=_program(request).person)
