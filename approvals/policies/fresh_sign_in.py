"""The fresh sign-in, and the second factor, that a policy requires before a decision (S5, P1)."""

from datetime import timedelta

from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Refusal
from governance.core.clock import current_time


def require_session(actor: Actor, policy: policy_queries.Policy, tier: str) -> Refusal | None:
    """Return why the actor can't decide in this session: it is not interactive, or the sign-in is too old (S5)."""
    if actor.kind != "person" or actor.signed_in_at is None:
        sentence = "Tokens, jobs and commands can't decide."
        return Refusal("SOD-5", "duty", sentence, "Sign in to the portal and decide there.")
    return stale_sign_in(actor, policy, tier, "decision")


def stale_sign_in(actor: Actor, policy: policy_queries.Policy, tier: str, noun: str) -> Refusal | None:
    """Return why a session is too old, or too weak, for a decision of this tier, or None (S5). Also used for review answers.

    Args:
        actor: a person in an interactive session; other actors are not checked here.
        policy: defines the maximum age of the sign-in.
        tier: tier of the decided item.
        noun: ``decision`` or ``answer``, for the sentence.
    """
    if actor.signed_in_at is None:
        return None
    if policy.needs_second_factor(tier) and not actor.second_factor:
        sentence = f"A {tier}-risk {noun} needs a sign-in with a second factor."
        to_do = "Sign in again with one. If you have none, add it on “Sign-in and sessions” first."
        return Refusal("SOD-5", "duty", sentence, to_do)
    minutes = policy.fresh_minutes(tier)
    if minutes is None:
        return None
    if current_time.real() - actor.signed_in_at <= timedelta(minutes=minutes):
        return None
    sentence = f"A {tier}-risk {noun} needs a sign-in at most {minutes} minutes old."
    return Refusal("SOD-5", "duty", sentence, "Sign in again; nothing you typed is lost.")
