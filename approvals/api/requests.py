"""What programs send, within bounds: ids that a table can hold, texts that a column can, and nothing that nobody asked for."""

from __future__ import annotations

import json
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Schema
from ninja.parser import Parser
from pydantic import ConfigDict, Field, StringConstraints

from approvals.intake.drafts import LONGEST_WHY
from governance.core.duties.refusals import Refusal, refuse
from governance.core.texts import free_text
from governance.web.requests.parameters import DIGITS
from inventory.importers import published_secret
from inventory.models import Environment

JSON = "application/json"
NUL = "\0"

Key = Annotated[int, Field(ge=1, lt=10**DIGITS)]
#: The same in a document, where a number is a number: ``true`` is not person 1.
Id = Annotated[int, Field(ge=1, lt=10**DIGITS, strict=True)]
RowKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^(sha256:)?[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Why = Annotated[str, StringConstraints(max_length=LONGEST_WHY)]


class Unsupported(Exception):
    """The body says that it is something else than JSON."""


class Unfit(Exception):
    """The body is JSON that holds what no text has: a NUL, or half a character."""


class Twice(Exception):
    """A key stands twice in one object: readers would disagree about its value (RFC 8259, 4)."""


class Bounded(Parser):
    """Reads JSON alone, and none that could not be kept."""

    def parse_body(self, request: HttpRequest) -> Any:
        """See ninja.

        Raises:
            Unsupported: see there.
            Unfit: see there.
            Twice: see there.
            Refused: a text holds a secret of published form (I6).
            ValueError: it is no JSON.
        """
        check_type(request)
        said = json.loads(request.body, object_pairs_hook=_once)
        _check_texts(said)
        return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise Twice(name[:80])
        members[name] = value
    return members


def check_type(request: HttpRequest) -> None:
    """Take a body for what it says that it is.

    Raises:
        Unsupported: it does not say that it is JSON.
    """
    if request.content_type != JSON:
        raise Unsupported(request.content_type)


def _check_texts(said: object) -> None:
    left = [said]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and (provider := published_secret(free_text.seen(one))):
            sentence = f"This document holds a secret ({provider}). Nothing was saved."
            raise refuse(Refusal("I6", "input", sentence, "Remove it, and replace it where it is valid."))
        elif isinstance(one, str) and (NUL in one or any("\ud800" <= letter <= "\udfff" for letter in one)):
            raise Unfit


class Submitting(Schema):
    """What a builder says about a version: see the preview for its rows and their keys."""

    model_config = ConfigDict(extra="forbid")

    version: Id | None = Field(None, description="Its number; the newest unless said.")
    purpose: str | None = Field(None, max_length=4000, description="What it is for.")
    business_owner: Id | None = Field(None, description="Id of who is accountable for it.")
    technical_owner: Id | None = Field(None, description="Id of who keeps it running; high risk needs one.")
    escalation_contact: str | None = Field(None, max_length=160)
    justifications: dict[RowKey, Why] = Field(default={}, description="Why each is needed, by the key of its row.")
    terms: dict[RowKey, Annotated[int, Field(ge=1, le=3650, strict=True)]] = Field(
        default={}, description="Days, by the key of the row; the longest that its tier allows unless said."
    )
    opens: dict[RowKey, Id] = Field(
        default={}, description="Id of the resource that a row's connection opens, where nobody has said so."
    )

    def fields(self) -> dict[str, Any]:
        """What of it a draft keeps about the automation; what was not said stays as it is."""
        names = ("purpose", "business_owner", "technical_owner", "escalation_contact")
        return {name: said for name in names if (said := getattr(self, name)) is not None}

    def rows(self) -> dict[str, str]:
        """What of it a draft keeps about rows, as the page's form names it."""
        said = {f"why-{key}": text for key, text in self.justifications.items()}
        said |= {f"term-{key}": str(days) for key, days in self.terms.items()}
        return said | {f"bind-{key}": str(pk) for key, pk in self.opens.items()}


#: What an export may be, for the document: any JSON, and JSON with comments.
EXPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The export, as its platform wrote it. Up to 6 MB.",
        "content": {JSON: {"schema": {}}},
    }
}

ENVIRONMENTS = tuple(Environment.values)
