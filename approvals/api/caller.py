"""Who asks: the person behind a token, at one instant, and for which of their teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from approvals.api import rate_limits
from approvals.intake.views.builder import NO_TEAM
from approvals.intake.views.forms import teams_of
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refusal, refuse
from governance.core.models import ApiToken, Person, Team
from governance.core.tokens import transitions as token_transitions

#: What only reads.
READING = ("GET", "HEAD", "OPTIONS")


class Bearer(HttpBearer):
    """A token in the Authorization header. A session is none: a cookie that a browser sends along opens nothing here."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """Who asks, counted; None where the token opens nothing.

        Raises:
            limits.TooOften: it asks too often.
        """
        found = token_transitions.recognise(token)
        if found is None:
            return None
        rate_limits.count(found, reads=request.method in READING)
        token_transitions.note_use(found)
        return Caller.of(found)


@dataclass(frozen=True)
class Caller:
    """A program, with its person.

    Args:
        actor: as whom it acts; its token says how far.
        person: who made the token.
        now: business time.
        teams: for which it can bring in: the token's, else all of the person's.
    """

    actor: Actor
    person: Person
    token: ApiToken
    now: datetime
    teams: tuple[Team, ...]

    @classmethod
    def of(cls, token: ApiToken) -> Caller:
        """Of a token that was recognised."""
        own = teams_of(token.person)
        if token.team_id is not None:
            own = [team for team in own if team.pk == token.team_id]
        return cls(Actor.of_token(token), token.person, token, business_time.now(), tuple(own))

    def team(self, wanted: int | None) -> Team:
        """The team with this id; without one, the only one that there is.

        Raises:
            NotPermitted: there is none.
            InvalidInput: it is none of these, or there are several and none was said.
        """
        if not self.teams:
            raise refuse(NO_TEAM)
        if wanted is None and len(self.teams) == 1:
            return self.teams[0]
        found = next((team for team in self.teams if team.pk == wanted), None)
        if found is None:
            known = ", ".join(f"{team.pk} ({team.name})" for team in self.teams)
            raise field(
                "team", "Say for which of your teams." if wanted is None else "No team of yours has this id.", known
            )
        return found


def field(name: str, sentence: str, choices: str = "", code: str = "INPUT") -> Exception:
    """That something is wrong with one field, ready to be raised."""
    to_do = f"Choose one of: {choices}." if choices else ""
    return refuse(Refusal(code, "input", sentence, to_do, ((name, sentence),)))


def fields(said: Mapping[str, str], sentence: str, to_do: str = "", code: str = "INPUT") -> Exception:
    """That something is wrong with several fields."""
    detail = tuple((name, words) for name, words in said.items())
    return refuse(Refusal(code, "input", sentence, to_do, detail))


def caller(request: Any) -> Caller:
    """Who asks; `Bearer` has put it there."""
    found = request.auth
    assert isinstance(found, Caller)
    return found
