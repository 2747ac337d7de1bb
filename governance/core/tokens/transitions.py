"""Tokens of programs: people make and revoke them in a session; a digest recognises them (S5).

`access` decides what a program may do, and `Automation.objects.visible_to` what it may see. Instants are real time.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from governance.core.access import Actor, Permission, Refusal, Relation, duty, refuse
from governance.core.clock import current_time
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import ApiToken, Person, Team
from governance.core.models.tokens import TOKEN_DAYS
from governance.core.people.transitions.people import still_here
from governance.core.texts import free_text

#: Prefix of every secret, so that scanners of repositories and logs recognise one.
PREFIX = "csgn_"
#: Length of the part of a secret that pages show: the prefix and six of its 43 characters.
SHOWN = len(PREFIX) + 6
#: Most tokens of a person at once.
MOST = 20
#: Most tokens that a person makes in a day, with revoked ones, so that a new token is no way around a token's limits.
MOST_A_DAY = 30
#: How old a sign-in may be when it makes a token: a token may outlive the session by weeks.
FRESH_SIGN_IN = timedelta(minutes=15)
#: The last use is saved at most once in this time, so that a request rarely writes.
USE_NOTED_EVERY = timedelta(minutes=5)

_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def new_secret() -> str:
    """Return a secret of 256 random bits. The caller shows it once and stores it nowhere."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return the stored digest of a secret: SHA-256 as hex. A fast hash is enough, because nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def recognise(secret: str) -> ApiToken | None:
    """Return the valid token of a secret. A text without the form of a secret is not looked up."""
    if _SECRET.fullmatch(secret) is None:
        return None
    live = ApiToken.objects.live(current_time.real()).select_related("person", "team")
    return live.filter(secret_digest=digest_of(secret)).first()


def note_use(token: ApiToken) -> None:
    """Save the last use of a token, to some minutes. It is no governed change, so it leaves no history."""
    at = current_time.real()
    if token.last_used_at is None or at - token.last_used_at >= USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)


@duty("S5")
def in_session(subject: object, actor: Actor, now: datetime) -> Refusal | None:
    """A token is made in a session, by a person for themself."""
    if actor.signed_in_at is None or actor.standing_for is not None:
        return Refusal("S5", "duty", "A token is made by a person for themself, signed in.", "Sign in as yourself.")
    return None


@duty("SOD-5")
def signed_in_lately(subject: object, actor: Actor, now: datetime) -> Refusal | None:
    """A way to act as a person is made or changed after a fresh sign-in."""
    if actor.signed_in_at is None or current_time.real() - actor.signed_in_at <= FRESH_SIGN_IN:
        return None
    minutes = FRESH_SIGN_IN // timedelta(minutes=1)
    return Refusal("SOD-5", "duty", f"This needs a sign-in at most {minutes} minutes old.", "Sign in again.")


@duty("STATE", rule="S5")
def not_revoked(subject: ApiToken, actor: Actor, now: datetime) -> Refusal | None:
    """A token is revoked once."""
    return Refusal("STATE", "state", "This token was revoked already.") if subject.is_over else None


@transition(
    Person, event="token.made", permission=Permission.TOKEN_MAKE, duties=[still_here, in_session, signed_in_lately]
)
def make_token(step: Step[Person], *, name: str, secret: str, days: int, team: Team | None = None) -> Effect:
    """Make a token for a program of a person, or for a pipeline of one of their teams.

    Args:
        step: the running step; its subject is the maker.
        name: its purpose, in the maker's words.
        secret: of `new_secret`; only its digest is stored.
        days: its term.
        team: a team of the maker, for a pipeline; None for the maker's own token.
    """
    person, at = step.subject, current_time.real()
    named = free_text.name(name)[:80]
    problems = _problems(person, named, days, team, step.now)
    if problems:
        raise refuse(Refusal("S5", "input", problems[0][1], detail=tuple(problems)))
    kept = {"shown": secret[:SHOWN], "secret_digest": digest_of(secret)}
    term = {"made_at": at, "expires_at": at + timedelta(days=days)}
    made = ApiToken(person=person, team=team, name=named, **kept, **term)
    step.save(made)
    return Effect(subject=made, payload={"days": days, "team": str(team.pk) if team is not None else ""})


def _problems(person: Person, name: str, days: int, team: Team | None, now: datetime) -> list[tuple[str, str]]:
    real = current_time.real()
    is_of_another_team = team is not None and Relation.TEAM_MEMBER not in team.relations(person, now)
    live = ApiToken.objects.live(real).filter(person=person).count()
    made = ApiToken.objects.filter(person=person, made_at__gt=real - timedelta(days=1)).count()
    checks = (
        (not name, "name", "Say what it is for."),
        (not 1 <= days <= TOKEN_DAYS, "days", f"A token lasts 1 to {TOKEN_DAYS} days."),
        (is_of_another_team, "team", "Choose a team that you belong to."),
        (live >= MOST, "name", f"You have {MOST} tokens already: revoke one that nothing uses."),
        (made >= MOST_A_DAY, "name", f"You have made {MOST_A_DAY} tokens within a day: make the next one tomorrow."),
    )
    return [(field, sentence) for is_wrong, field, sentence in checks if is_wrong]


@transition(ApiToken, event="token.revoked", permission=Permission.TOKEN_REVOKE, duties=[not_revoked])
def revoke_token(step: Step[ApiToken]) -> Effect:
    """Revoke a token at once, as its person, its team's lead, a security reviewer or an admin."""
    step.subject.revoked_at = current_time.real()
    step.save(step.subject)
    return Effect(payload={"person": str(step.subject.person.opaque_id)})


def revoke_tokens_of(step: Step[Person]) -> None:
    """Revoke the live tokens of the step's person, each with its own event: a new password ends all earlier access (S5)."""
    for token in ApiToken.objects.live(current_time.real()).filter(person=step.subject).order_by("pk"):
        token.revoked_at = current_time.real()
        step.save(token)
        step.record("token.revoked", token, {"person": str(step.subject.opaque_id)})
