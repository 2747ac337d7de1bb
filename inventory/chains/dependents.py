"""Dependents of an automation: what other automations would miss if it were retired (L1, A16)."""

from collections.abc import Iterator

from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains.chain_ends import ANSWERS, ASKS, CALLED, CALLS, WATCHES, WRITES
from inventory.models import Automation, AutomationState, ChainKind

#: An automation and the reason why it depends on this one.
Pair = tuple[Automation, str]

_SHARED = {ChainKind.IDENTITY: "runs as the same identity", ChainKind.CREDENTIAL: "uses the same credential"}


def dependents_of(automation: Automation) -> list[Pair]:
    """Dependents of an automation by name, each reason once, shown before its retirement (L1); a fixed number of queries.

    Dependents in use come from the chain (A16): callers, called automations, readers of its data, users of the same
    identity or credential. Dependents of the newest version may be unused.
    """
    pairs = [*_dependents_in_use(automation), *_dependents_of_newest(automation)]
    by_pk = {(other.pk, why): (other, why) for other, why in pairs}
    return sorted(by_pk.values(), key=lambda pair: (pair[0].name, pair[0].pk, pair[1]))


def _dependents_in_use(automation: Automation) -> Iterator[Pair]:
    links = chain_queries.chain_of(automation.pk).links if automation.state in chain_queries.IN_USE else ()
    others = Automation.objects.in_bulk({link.other for link in links})
    for link in links:
        why = _reason_for(link)
        if why and link.other in others:
            yield others[link.other], why


def _reason_for(link: chain_queries.Link) -> str:
    """Reason why the other automation of a link depends on this one; empty if only this one depends on the other."""
    thing = f"“{link.thing}”" + (f" in {link.resource}" if link.resource else "") if link.thing else "something"
    if link.kind in _SHARED:
        return _SHARED[ChainKind(link.kind)]
    if link.kind == ChainKind.TRIGGER:
        return "is started when it fails" if link.side == CALLS else "starts it when it fails"
    if link.side in (CALLED, ANSWERS):
        return "starts it"
    if link.side == WRITES:
        return f"{'is started by' if link.theirs == WATCHES else 'reads'} {thing}, which it writes"
    return "is started by it" if link.side in (CALLS, ASKS) else ""


def _dependents_of_newest(automation: Automation) -> Iterator[Pair]:
    newest = automation.versions.order_by("-number").first()
    if newest is None:
        return
    others = Automation.objects.exclude(pk=automation.pk).exclude(state=AutomationState.RETIRED)
    credentials = newest.version_credentials.values("credential")
    identities = newest.version_identities.values("identity")
    for other in others.filter(versions__version_credentials__credential__in=credentials).distinct():
        yield other, _SHARED[ChainKind.CREDENTIAL]
    for other in others.filter(versions__version_identities__identity__in=identities).distinct():
        yield other, _SHARED[ChainKind.IDENTITY]
    if automation.external_id:
        starts = others.filter(
            platform_instance=automation.platform_instance,
            versions__privileges__target=automation.external_id,
            versions__privileges__entitlement__code=chain_ends.STARTS,
        )
        for other in starts.distinct():
            yield other, "starts it"
