"""Who answers for a resource, as the database asks it itself, at the instant at which they said something (I3, I8, A11)."""

from __future__ import annotations

from typing import LiteralString


def answers(person: LiteralString, at: LiteralString, *resources: LiteralString) -> str:
    """SQL: whether a person owns one of some resources, is its deputy or answers for it meanwhile, or stands in for one who does.

    Args:
        person: a column with an id.
        at: a column with the instant that counts: a term or a delegation that is over by then, or begins later, counts for nothing.
        resources: columns with ids; NULL is no resource.
    """

    def own(who: LiteralString) -> str:
        return f"""({who} IN (r.owner_id, r.deputy_id) OR EXISTS (
                  SELECT 1 FROM inventory_interimowner i WHERE i.resource_id = r.id AND i.person_id = {who}
                  AND i.confirmed_at <= {at} AND i.until > {at} AND (i.ended_at IS NULL OR i.ended_at > {at})))"""  # noqa: S608

    return f"""EXISTS (SELECT 1 FROM inventory_resource r WHERE r.id IN ({", ".join(resources)})
              AND ({own(person)} OR EXISTS (
                  SELECT 1 FROM controls_delegation d WHERE d.taker_id = {person} AND {own("d.giver_id")}
                  AND d.from_at <= {at} AND d.until_at > {at} AND (d.ended_at IS NULL OR d.ended_at > {at})
                  AND may_stand_in(d.giver_id, d.taker_id, {at}))))"""  # noqa: S608
