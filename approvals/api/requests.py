"""Request bodies of the API with their bounds: ids that fit a column, texts without unreadable characters, and no unknown fields."""

import json
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Schema
from ninja.parser import Parser
from pydantic import ConfigDict, Field, StringConstraints

from approvals.intake.drafts import LONGEST_WHY
from governance.core.access import Refusal, refuse
from governance.core.texts import free_text
from governance.web.requests.request import DIGITS
from inventory.importers.secrets.slots import published_secret

JSON = "application/json"
NUL = "\0"

Key = Annotated[int, Field(ge=1, lt=10**DIGITS)]
#: `Key` in a JSON document, without conversion: ``true`` is not person 1.
Id = Annotated[int, Field(ge=1, lt=10**DIGITS, strict=True)]
RowKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^(sha256:)?[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Why = Annotated[str, StringConstraints(max_length=LONGEST_WHY)]


class UnusableRequest(Exception):
    """A request that can't be used.

    Args:
        status: HTTP status of the answer.
        code: what is wrong, in capitals.
        sentence: what is wrong, in words.
        to_do: what can be done about it.
        wait: seconds after which it can be sent again; None if waiting does not help.
    """

    def __init__(self, status: int, code: str, sentence: str, to_do: str, wait: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.to_do, self.wait = status, code, sentence, to_do, wait


class BoundedParser(Parser):
    """Parse JSON bodies that can be stored."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Parse a request body; see ninja.

        Raises:
            UnusableRequest: it is no JSON, repeats a key, or has an invalid character.
            Refused: a text holds a secret of a published form (I6).
        """
        check_type(request)
        try:
            document = json.loads(request.body, object_pairs_hook=_unique_members)
        except ValueError as error:
            sentence = "The body is no JSON that can be read."
            raise UnusableRequest(400, "UNREADABLE", sentence, "Send one JSON document.") from error
        _check_texts(document)
        return document


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object. Parsers would disagree about the value of a repeated key (RFC 8259, 4)."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            sentence = f"The key “{name[:80]}” stands twice in one object."
            raise UnusableRequest(400, "UNREADABLE", sentence, "Send each key once.")
        members[name] = value
    return members


def check_type(request: HttpRequest) -> None:
    """Check the content type of a body.

    Raises:
        UnusableRequest: it is not JSON.
    """
    if request.content_type != JSON:
        to_do = f"Send it with: Content-Type: {JSON}"
        raise UnusableRequest(415, "MEDIA_TYPE", f"The body has to be {JSON}.", to_do)


def _check_texts(document: object) -> None:
    values = [document]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            values += value
        elif isinstance(value, str) and (provider := published_secret(free_text.seen(value))):
            sentence = f"This document holds a secret ({provider}). Nothing was saved."
            raise refuse(Refusal("I6", "input", sentence, "Remove it, and replace it where it is valid."))
        elif isinstance(value, str) and (NUL in value or any("\ud800" <= letter <= "\udfff" for letter in value)):
            sentence = "A text holds a character that no text has."
            raise UnusableRequest(400, "UNREADABLE", sentence, "Leave NUL and half characters out.")


class Submitting(Schema):
    """The builder's answers about a version. See the preview for its rows and their keys."""

    model_config = ConfigDict(extra="forbid")

    version: Id | None = Field(None, description="Its number; the newest unless said.")
    purpose: str | None = Field(None, max_length=4000, description="What it is for.")
    business_owner: Id | None = Field(None, description="Id of who is accountable for it.")
    technical_owner: Id | None = Field(None, description="Id of who keeps it running; high risk needs one.")
    escalation_contact: str | None = Field(None, max_length=160)
    justifications: dict[RowKey, Why] = Field(default={}, description="Why each is needed, by the key of its row.")
    terms: dict[RowKey, Annotated[int, Field(ge=1, le=3650, strict=True)]] = Field(
        {}, description="Days, by the key of the row; default: the longest that its tier allows."
    )
    opens: dict[RowKey, Id] = Field(
        {}, description="Id of the resource that a row's connection opens, where it is unknown."
    )

    def fields(self) -> dict[str, Any]:
        """Answers about the automation, for the draft. Missing ones stay unchanged."""
        names = ("purpose", "business_owner", "technical_owner", "escalation_contact")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def row_answers(self) -> dict[str, str]:
        """Answers about rows, for the draft, named as in the page's form."""
        form = {f"why-{key}": text for key, text in self.justifications.items()}
        form |= {f"term-{key}": str(days) for key, days in self.terms.items()}
        return form | {f"bind-{key}": str(pk) for key, pk in self.opens.items()}


#: OpenAPI body of an export: any JSON, also with comments.
EXPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The export, as its platform wrote it. Up to 6 MB.",
        "content": {JSON: {"schema": {}}},
    }
}
