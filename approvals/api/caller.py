"""The caller of the API: the person behind a token, its teams, and its rate limits.

The cache counts requests over all web processes, per token and over all tokens of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from ninja.security import HttpBearer

from approvals.api.requests import UnusableRequest
from approvals.intake.drafts import NO_TEAM
from governance.core.access import Actor, Refusal, refuse
from governance.core.clock import current_time
from governance.core.models import ApiToken, Person, Team
from governance.core.teams.queries import teams_of
from governance.core.tokens import transitions as token_transitions

#: Methods that only read.
READING = ("GET", "HEAD", "OPTIONS")
#: Requests per minute and token: reads, and imports, previews or submissions.
READS, WRITES = 300, 60
#: Limit over all tokens of a person, as a multiple of one token's limit.
OF_PERSON = 3
MINUTE = 60


def count_request(token: ApiToken, *, reads: bool) -> None:
    """Count one request.

    Raises:
        UnusableRequest: it exceeds the limit in this minute of real time.
    """
    kind, most = ("reads", READS) if reads else ("writes", WRITES)
    at = int(current_time.real().timestamp())
    for counter, limit in ((f"person:{token.person_id}:{kind}", most * OF_PERSON), (f"{token.pk}:{kind}", most)):
        key = f"api:{counter}:{at // MINUTE}"
        cache.add(key, 0, timeout=2 * MINUTE)
        try:
            requests = cache.incr(key)
        except ValueError:  # the cache has dropped the counter
            continue
        if requests > limit:
            wait = MINUTE - at % MINUTE
            raise UnusableRequest(429, "TOO_OFTEN", "This token asks too often.", f"Wait {wait} seconds.", wait)


class Bearer(HttpBearer):
    """Authenticate by a token in the Authorization header. A session cookie is not accepted."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """Identify the caller and count the request. None if the token is not valid.

        Raises:
            UnusableRequest: the rate limit is exceeded.
        """
        api_token = token_transitions.recognise(token)
        if api_token is None:
            return None
        count_request(api_token, reads=request.method in READING)
        token_transitions.note_use(api_token)
        return Caller.for_token(api_token)


@dataclass(frozen=True)
class Caller:
    """A program and its person.

    Args:
        actor: the person, limited by the token.
        person: the person who made the token.
        now: business time.
        teams: teams it may import for: the token's team, or else all teams of the person.
    """

    actor: Actor
    person: Person
    token: ApiToken
    now: datetime
    teams: tuple[Team, ...]

    @classmethod
    def for_token(cls, token: ApiToken) -> Caller:
        """Build the caller of a recognised token."""
        teams = teams_of(token.person)
        if token.team_id is not None:
            teams = [team for team in teams if team.pk == token.team_id]
        return cls(Actor.of_token(token), token.person, token, current_time.now(), tuple(teams))

    def team(self, wanted: int | None) -> Team:
        """Return the team with this id; without an id, the only team.

        Raises:
            NotPermitted: the caller has no team.
            InvalidInput: no such team, or several teams and no id.
        """
        if not self.teams:
            raise refuse(NO_TEAM)
        if wanted is None and len(self.teams) == 1:
            return self.teams[0]
        match = next((team for team in self.teams if team.pk == wanted), None)
        if match is None:
            choices = ", ".join(f"{team.pk} ({team.name})" for team in self.teams)
            sentence = "Say for which of your teams." if wanted is None else "No team of yours has this id."
            raise field("team", sentence, f"Choose one of: {choices}.")
        return match


def field(name: str, sentence: str, to_do: str = "") -> Exception:
    """Return an exception that reports one invalid field."""
    return fields({name: sentence}, sentence, to_do)


def fields(sentences: Mapping[str, str], sentence: str, to_do: str = "", code: str = "INPUT") -> Exception:
    """Return an exception that reports several invalid fields."""
    return refuse(Refusal(code, "input", sentence, to_do, tuple(sentences.items())))


def caller(request: Any) -> Caller:
    """Return the caller that `Bearer` has set."""
    authenticated = request.auth
    assert isinstance(authenticated, Caller)
    return authenticated
