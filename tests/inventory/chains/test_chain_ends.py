"""By what two automations are joined, and by what they are not: one shared workspace or server joins nobody (A16)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from inventory.chains import chain_ends
from inventory.importers.addresses import path_shown
from inventory.importers.sentences import scope_of
from inventory.models import (
    Automation,
    ChainEnd,
    Credential,
    Entitlement,
    NonHumanIdentity,
    Privilege,
    Resource,
    Trigger,
)

ERP = Resource(pk=1, name="ERP", kind="data_store")
SLACK = Resource(pk=2, name="Slack", kind="saas_connector")
SOMETHING = Resource(pk=3, name="postgres (not known which)", unresolved=True)
N8N = Resource(pk=4, name="n8n")
KEY = Credential(pk=1, name="ERP login")


def automation(external_id: str = "", **differs: Any) -> Automation:
    return Automation(
        **{"platform_instance": "n8n one", "environment": "production", "external_id": external_id, **differs}
    )


def holds(
    level: str,
    target: str = "",
    *,
    on: Resource = ERP,
    code: str = "",
    connector: str = "postgres",
    credential: Credential | None = None,
    **more: Any,
) -> Privilege:
    entitlement = Entitlement(resource=on, code=code or f"row:{level}", level=level, **more)
    scope = scope_of(connector, target)[1]
    return Privilege(
        entitlement=entitlement,
        connector=connector,
        instance="n8n" if on is N8N else "prod",
        target=target,
        scope=scope,
        level=level,
        credential=credential,
    )


def ends(*privileges: Privilege, of: Automation | None = None, **more: Any) -> list[ChainEnd]:
    used = [privilege.credential for privilege in privileges if privilege.credential is not None]
    return chain_ends.ends_of(chain_ends.VersionParts(of or automation(), privileges, used, **more))


def joined(left: Iterable[ChainEnd], right: Iterable[ChainEnd]) -> set[str]:
    """By what kinds two automations are joined."""
    sides: dict[str, set[str]] = {}
    first, second = list(left), list(right)
    both = {end.point for end in first} & {end.point for end in second} - {chain_ends.NOWHERE}
    for end in (*first, *second):
        sides.setdefault(end.point, set()).add(end.side)
    return {end.kind for end in first if end.point in both and chain_ends.are_joined(sides[end.point])}


NOT_JOINED = {
    "two that write the same table": (holds("write", "stock"), holds("write", "stock")),
    "two that read the same table": (holds("read", "stock"), holds("read", "stock")),
    "other tables of one server": (holds("write", "stock"), holds("read", "salaries")),
    "other channels of one workspace": (
        holds("write", "#finance", on=SLACK, connector="slack"),
        holds("read", "#sales", on=SLACK, connector="slack"),
    ),
    "the whole server": (holds("write"), holds("read")),
    "the server and a table of it": (holds("write"), holds("read", "stock")),
    "what the run decides": (holds("write", "{expression}"), holds("read", "{expression}")),
    "what the run decides a part of": (holds("write", "in/{expression}"), holds("read", "in/{expression}")),
    "a model's choice": (holds("write", "{model}"), holds("read", "{model}")),
    "the same table of another server": (holds("write", "stock"), holds("read", "stock", on=SLACK)),
    "what nobody has named": (holds("write", "stock", on=SOMETHING), holds("read", "stock", on=SOMETHING)),
    "one model that both call": (
        holds("execute", "gpt-4", on=SLACK, code="model:call"),
        holds("execute", "gpt-4", on=SLACK, code="model:call"),
    ),
    "an address at which all is asked": (
        holds("write", "/graphql", on=SLACK, connector="graphql"),
        holds("read", "/graphql", on=SLACK, connector="graphql"),
    ),
    "the one credential of a server": (
        holds("read", "stock", credential=KEY),
        holds("write", "prices", credential=KEY),
    ),
}


@pytest.mark.rule("A16")
@pytest.mark.parametrize("pair", NOT_JOINED.values(), ids=NOT_JOINED)
def test_different_objects_join_no_chain(pair: tuple[Privilege, Privilege]) -> None:
    privilege, other = pair
    assert joined(ends(privilege), ends(other)) == set()


JOINED = {
    "one writes what the other reads": (holds("write", "stock"), holds("read", "stock")),
    "however it is written": (holds("write", 'public."Stock"'.replace('"', "")), holds("read", "stock")),
    "one of several tables": (holds("write", "stock, moves"), holds("read", "prices, stock")),
    "a channel": (
        holds("write", "#finance", on=SLACK, connector="slack"),
        holds("read", "#finance", on=SLACK, connector="slack"),
    ),
    "a path": (holds("write", "/in/a.csv", connector="ftp"), holds("read", "/in/a.csv", connector="ftp")),
    "what is done is not known": (holds("unknown", "stock"), holds("unknown", "stock")),
    "who administers it": (holds("admin", "stock"), holds("write", "stock")),
    "a query that the run makes": (
        holds("execute", "stock", code="database:executeQuery"),
        holds("execute", "stock", code="database:executeQuery"),
    ),
    "a memory of both": (holds("write", "chats", code="memory:append"), holds("write", "chats", code="memory:append")),
    "what starts the other": (
        holds("write", "orders", on=SLACK, connector="kafka"),
        holds("read", "orders", on=SLACK, connector="kafka", code="watch"),
    ),
}


@pytest.mark.rule("A16")
@pytest.mark.parametrize("pair", JOINED.values(), ids=JOINED)
def test_writer_and_reader_are_joined(pair: tuple[Privilege, Privilege]) -> None:
    privilege, other = pair
    assert joined(ends(privilege), ends(other)) == joined(ends(other), ends(privilege)) == {"store"}


@pytest.mark.rule("A16")
def test_changing_query_may_read_its_other_tables() -> None:
    query = holds("write", "stock, moves", code="database:executeQuery/write")
    assert joined(ends(query), ends(holds("write", "moves"))) == {"store"}
    assert (
        joined(ends(holds("write", "stock", code="database:executeQuery/write")), ends(holds("write", "stock")))
        == set()
    )


@pytest.mark.rule("A16")
def test_a_disk_of_another_installation_is_another() -> None:
    writer = holds("write", "/data/x", on=N8N, connector="readWriteFile")
    other = holds("read", "/data/x", on=N8N, connector="readWriteFile")
    assert joined(ends(writer), ends(other)) == {"store"}
    assert joined(ends(writer), ends(other, of=automation(platform_instance="n8n two"))) == set()


@pytest.mark.rule("A16")
@pytest.mark.parametrize(
    "other",
    [
        holds("read", "prices", on=SLACK, credential=KEY),
        holds("admin", "prices", credential=KEY),
    ],
    ids=["elsewhere", "to administer"],
)
def test_a_credential_that_is_used_elsewhere_too_or_to_administer_joins(other: Privilege) -> None:
    assert joined(ends(holds("read", "stock", credential=KEY)), ends(other)) == {"credential"}


@pytest.mark.rule("A16", "I5")
def test_shared_identity_joins() -> None:
    assert (
        joined(
            ends(identities=[NonHumanIdentity(pk=1, subject="robot")]),
            ends(identities=[NonHumanIdentity(pk=2, subject="other")]),
        )
        == set()
    )
    assert joined(
        ends(identities=[NonHumanIdentity(pk=1, subject="robot")]),
        ends(identities=[NonHumanIdentity(pk=1, subject="robot")]),
    ) == {"identity"}


def calling(target: str, **more: Any) -> list[ChainEnd]:
    return ends(holds("execute", target, on=N8N, code="workflow:execute", connector="workflow"), **more)


@pytest.mark.rule("A16")
def test_call_joins_by_id_platform_and_environment() -> None:
    for elsewhere in (
        automation("other"),
        automation("callee", platform_instance="n8n two"),
        automation("callee", environment="test"),
    ):
        assert joined(calling("callee"), ends(of=elsewhere)) == set()
    assert joined(calling("callee"), ends(of=automation("callee"))) == {"call"}
    assert joined(ends(on_error="callee"), ends(of=automation("callee"))) == {"trigger"}
    assert joined(calling("callee"), calling("callee")) == set(), "two that call the same, which nobody knows"


@pytest.mark.rule("A16")
@pytest.mark.parametrize("target", ["", "{expression}", "from parameter"])
def test_dynamic_callee_joins_nobody(target: str) -> None:
    (end,) = [end for end in calling(target) if end.side == chain_ends.CALLS]
    assert end.point == chain_ends.NOWHERE
    assert [end for end in calling("{itself}") if end.side == chain_ends.CALLS] == []


@pytest.mark.rule("A16")
def test_a_request_to_where_another_answers_is_a_call() -> None:
    secret = "9f1c2b7a-55d0-4f7e-9c1d-0a1b2c3d4e5f"  # shown by a digest, in both places

    def asking(path: str) -> list[ChainEnd]:
        return ends(holds("write", path_shown(path), on=SLACK, code="request:post", connector="httpRequest"))

    def answering(detail: str, kind: str = "webhook", *, active: bool = True) -> list[ChainEnd]:
        return ends(triggers=[Trigger(type=kind, detail=detail, active=active)])

    assert joined(asking("/webhook/orders"), answering("POST /returns")) == set()
    assert joined(asking("/hooks/orders"), answering("POST /orders")) == set()
    assert joined(asking("/webhook/orders"), answering("POST /orders", active=False)) == set()
    assert joined(asking("/webhook/{expression}"), answering("POST /{expression}")) == set()
    assert joined(asking("/webhook/orders"), answering("GET, POST /orders")) == {"call"}
    assert joined(asking("/automation/webhook/orders"), answering("POST /orders")) == {"call"}
    assert joined(asking(f"/webhook/{secret}"), answering(f"POST {path_shown('/' + secret)}")) == {"call"}
    assert joined(asking("/form/leave"), answering("/leave", "form")) == {"call"}
