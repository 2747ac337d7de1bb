"""Picture of a chain (A16): automations that act on this one, and those it acts on, with the links in words.

The page names automations that the reader may see. For others it shows that they exist and the automation's own side of
the link.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from governance.core.access import Actor
from governance.core.database.grouping import grouped
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, visible_row
from inventory.chains import queries as chain_queries
from inventory.chains.chain_ends import ANSWERS, ASKS, CALLED, CALLS, READS, WATCHES, WRITES
from inventory.chains.queries import Chain, Link
from inventory.models import Automation, AutomationState, ChainKind

#: Boxes on one side.
SHOWN = 8
#: Sides of the automation on which the other acts; with any other side, this one acts on the other or both share.
DONE_TO_IT, DONE_BY_IT = (CALLED, ANSWERS, READS, WATCHES), (CALLS, ASKS, WRITES)


@require_GET
def automation_chain(request: Request, pk: int) -> HttpResponse:
    """Show the chain of an automation: of its approved version, otherwise its newest."""
    automation, now = visible_row(request, Automation, pk)
    chain = chain_of(automation)
    context: Shape = {
        "automation": automation,
        "head": {"title": f"Automations connected to {automation.name}", "facts": []},
        "chain": chain_shape(
            chain, automation.name, request.actor, now, would=automation.state not in chain_queries.IN_USE
        ),
    }
    return page(request, "inventory/chains/chain.html", context, fragment="chain")


def chain_of(automation: Automation) -> Chain:
    """Chain of the approved version, otherwise of the newest version."""
    if automation.state in chain_queries.IN_USE:
        return chain_queries.chain_of(automation.pk)
    newest = automation.versions.order_by("-number").first() if automation.state != AutomationState.RETIRED else None
    return chain_queries.chain_with_version(newest) if newest is not None else Chain()


def chain_shape(chain: Chain, name: str, actor: Actor, now: datetime, *, would: bool) -> Shape:
    """Context of ``components/chain.html``; three queries at most.

    Args:
        chain: the chain.
        name: name of the automation.
        actor: the reader.
        now: business time.
        would: whether the chain is of a version that is not in force.
    """
    met = {link.other for link in chain.links}
    rows = Automation.objects.visible_to(actor, now).filter(pk__in=met) if met else ()
    seen = {automation.pk: automation for automation in rows}
    on_it = _boxes([link for link in chain.links if link.side in DONE_TO_IT], seen)
    by_it = _boxes([link for link in chain.links if link.side not in DONE_TO_IT], seen)
    by_it += [_unknown_text(thing) for thing in chain.unknown]
    return {
        "finding": _finding(chain, would=would),
        "self": {"name": name, "text": "this automation"},
        "left": on_it[:SHOWN],
        "right": by_it[:SHOWN],
        "first": [(place, 0, box["line"]) for place, box in enumerate(on_it[:SHOWN])],
        "second": [(0, place, box["line"]) for place, box in enumerate(by_it[:SHOWN])],
        "title": f"Automations connected to {name}",
        "said_left": _link_text(on_it[:SHOWN], name),
        "said_right": _link_text(by_it[:SHOWN], name),
        "hidden": len(on_it[SHOWN:]) + len(by_it[SHOWN:]),
        "further": len(chain.others - met),
    }


def _finding(chain: Chain, *, would: bool) -> str:
    verb = "would be" if would else "is"
    if not chain.others:
        outside = ", and calls something that is not in use here" if chain.unknown else ""
        return f"it {verb} connected to no other automation{outside}"
    number = len(chain.others)
    others = "one other automation, which" if number == 1 else f"{number} other automations, the highest of which"
    return f"it {verb} connected to {others} is {chain.joined.word} risk"


def _boxes(links: Sequence[Link], seen: Mapping[int, Automation]) -> list[Shape]:
    """One box for each visible automation, by name; one box for all others."""
    named = grouped((link.other, link) for link in links if link.other in seen)
    unseen = [link for link in links if link.other not in seen]
    boxes = [
        {
            "icon": "bolt",
            "name": seen[pk].name,
            "href": seen[pk].href,
            "text": f"{_words(links_of_pair)} · {seen[pk].tier} risk",
            "line": "write" if any(link.side in (*DONE_TO_IT, *DONE_BY_IT) for link in links_of_pair) else "",
        }
        for pk, links_of_pair in sorted(named.items(), key=lambda each: (seen[each[0]].name, each[0]))
    ]
    if unseen:
        number = len({link.other for link in unseen})
        name = "Another automation that you don't see" if number == 1 else f"{number} automations that you don't see"
        text = _words(unseen) if number == 1 else f"one of them or more {_words(unseen)}"
        boxes.append({"icon": "lock", "name": name, "href": "", "text": text, "line": ""})
    return boxes


def _words(links: Iterable[Link]) -> str:
    """Links in words, each once, two of them in full."""
    sentences = list(dict.fromkeys(_sentence(link) for link in links))
    more = f"; and in {len(sentences) - 2} more ways" if len(sentences) > 3 else ""
    return "; ".join(sentences if not more else sentences[:2]) + more


def _sentence(link: Link) -> str:
    """Sentence for the side of the other automation."""
    thing = f"“{link.thing}”" + (f" in {link.resource}" if link.resource else "") if link.thing else "it"
    if link.kind == ChainKind.TRIGGER:
        return "is started when this fails" if link.side == CALLS else "starts this when it fails"
    words = {
        CALLED: "calls this",
        ANSWERS: f"calls this at {thing}",
        CALLS: "is called by this",
        ASKS: f"is called by this at {thing}",
        READS: f"writes {thing}, which this reads",
        WATCHES: f"writes {thing}, which starts this",
        WRITES: f"{'is started by' if link.theirs == WATCHES else 'reads'} {thing}, which this writes",
    }
    shared = {
        ChainKind.IDENTITY: f"runs as the same identity, {thing}",
        ChainKind.CREDENTIAL: f"uses the same credential, {thing}, for more or elsewhere",
    }
    return words.get(link.side) or shared[ChainKind(link.kind)]


def _unknown_text(thing: str) -> Shape:
    return {
        "icon": "question",
        "name": thing[:1].upper() + thing[1:] if thing else "Whatever the run decides",
        "href": "",
        "text": "is started by this, and nobody has approved it here: that counts as high risk",
        "line": "suspended",
    }


def _link_text(boxes: Iterable[Shape], name: str) -> str:
    return " ".join(f"{box['name']} {box['text']}." for box in boxes).replace(" this", f" {name}")
