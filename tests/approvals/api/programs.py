"""A program with a token: what it sends and gets, as documents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from governance.core.models import Person, Team
from tests.core.tokens.test_tokens import made_for
from tests.signed_in_client import SharedClient

ROOT = "/api/v1"


@dataclass
class Answer:
    """What came back.

    Args:
        status: the HTTP status.
        said: the document.
        headers: of the answer.
    """

    status: int
    said: Any
    headers: Any

    @property
    def fields(self) -> dict[str, str]:
        """What a problem says beside its fields."""
        return {field["name"]: field["sentence"] for field in self.said["fields"]}


@dataclass
class Program:
    """Somebody's program: it holds a token and no session."""

    secret: str

    @classmethod
    def of(cls, person: Person, team: Team | None = None) -> Program:
        """With a token that this person made, for themself or for a team."""
        return cls(made_for(person, team=team)[1])

    def ask(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", **headers: str
    ) -> Answer:
        """Send one request.

        Args:
            method: as in ``GET``.
            path: below the root of the API, with its query.
            body: a document, or bytes as they stand.
            kind: the content type.
            headers: more of them.
        """
        client = SharedClient(enforce_csrf_checks=True, raise_request_exception=False)
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.secret}", **headers} if self.secret else headers
        response = client.generic(method, f"{ROOT}{path}", data, kind, headers=sent)
        is_document = "json" in response.get("Content-Type", "")
        return Answer(response.status_code, response.json() if is_document else response.content, response.headers)

    def get(self, path: str) -> Answer:
        """Ask."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        """Send a document, or an export as bytes."""
        return self.ask("POST", path, body)
