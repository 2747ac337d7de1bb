"""A sentence that the database says of a grant is the one that the code says (R2, R3, A7)."""

from __future__ import annotations

import itertools

import pytest
from django.db import connection

from governance.recertification.campaigns.sentence_sql import SENTENCE
from inventory.importers.display import EXPRESSION, MODEL
from inventory.models import Credential, Entitlement, Privilege, Resource

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R2", "R3"), pytest.mark.database]

TARGETS = [
    ("", ""),
    ("#finance", ""),
    ("C0123", "#finance"),
    ("public.orders, public.items, public.people", ""),
    ("a, b", "The sheet, 'quoted' & 100 %"),
    (EXPRESSION, ""),
    (MODEL, ""),
    (f"orders of {EXPRESSION}, {MODEL}", ""),
    ("two\nlines, and more", ""),
]
FORMS = [
    ("May post messages", "May post messages to {target} in {resource}"),
    ("May read things", "May read {target}, {target} from {resource}"),
    ("May do everything that it offers", "May do everything that it offers with {target} through {resource}"),
    ("Words of somebody's own", ""),
]
SCOPES = [([], []), (["a", "b", "c"], ["a", "b", "c"]), (["a", "b", "c"], ["b", "c"]), (["a", "b"], ["a"])]
LEVELS = [("write", "write"), ("write", "read"), ("admin", "write"), ("admin", "execute"), ("unknown", "unknown")]

ASKED = f"""SELECT {SENTENCE}
FROM (SELECT %(held)s::text[] AS scope, %(held_level)s::text AS level) g
CROSS JOIN (SELECT 1 AS id, %(target)s::text AS target, %(name)s::text AS target_name, %(asked)s::text[] AS scope,
    %(level)s::text AS level) p
CROSS JOIN (SELECT %(words)s::text AS words, %(form)s::text AS form) pe CROSS JOIN (SELECT %(resource)s::text AS name) pr
CROSS JOIN (SELECT 1 AS id, '' AS name, '' AS kind) pc"""


def test_every_way_in_which_a_sentence_is_made() -> None:
    resource = "Finance {target} Slack"
    for (target, name), (said, form), (asked, held), (level, held_level) in itertools.product(
        TARGETS, FORMS, SCOPES, LEVELS
    ):
        entitlement = Entitlement(words=said, form=form, resource=Resource(name=resource))
        privilege = Privilege(entitlement=entitlement, target=target, target_name=name, scope=asked, level=level)
        given = {
            "held": held,
            "held_level": held_level,
            "target": target,
            "name": name,
            "asked": asked,
            "level": level,
            "words": said,
            "form": form,
            "resource": resource,
        }
        with connection.cursor() as cursor:
            cursor.execute(ASKED, given)
            (found,) = cursor.fetchone()
        assert found == privilege.sentence_of(held, held_level), given


@pytest.mark.parametrize("name", ["Finance Slack workspace", ""])
def test_of_a_credential(name: str) -> None:
    asked = f"""SELECT {SENTENCE} FROM (SELECT '{{}}'::text[] AS scope, 'read' AS level) g
        CROSS JOIN (SELECT NULL::int AS id, '' AS target, '' AS target_name, '{{}}'::text[] AS scope, 'read' AS level) p
        CROSS JOIN (SELECT '' AS words, '' AS form) pe CROSS JOIN (SELECT '' AS name) pr
        CROSS JOIN (SELECT 1 AS id, %(name)s::text AS name, 'postgres' AS kind) pc"""
    with connection.cursor() as cursor:
        cursor.execute(asked, {"name": name})
        assert cursor.fetchone() == (Credential(name=name, kind="postgres").sentence,)
