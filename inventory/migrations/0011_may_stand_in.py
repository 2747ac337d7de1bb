"""Define `may_stand_in`: whether a person may be the delegate of another (A11). Triggers and queries of every app use it.

Roles count at the given instant; owners, deputies and leads count as they are now.
"""

from django.db import migrations

MAY_STAND_IN = """
CREATE FUNCTION may_stand_in(giver bigint, taker bigint, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (  -- a role that both must hold
        SELECT 1 FROM controls_roleassignment g
        WHERE g.person_id = giver AND g.confirmed_at <= at AND (g.until IS NULL OR g.until > at)
        AND g.role IN ('security_reviewer', 'auditor', 'admin', 'on_call')
        AND NOT EXISTS (
            SELECT 1 FROM controls_roleassignment t
            WHERE t.person_id = taker AND t.confirmed_at <= at AND (t.until IS NULL OR t.until > at) AND t.role = g.role))
    AND (
        EXISTS (  -- a fallback owner stands on every escalation chain
            SELECT 1 FROM controls_membership m JOIN controls_team t ON t.id = m.team_id
            WHERE m.person_id = taker AND t.kind = 'fallback')
        OR NOT EXISTS (  -- a team that only the giver leads
            SELECT 1 FROM controls_team t
            WHERE giver IN (t.lead_id, t.deputy_lead_id) AND (taker IN (t.lead_id, t.deputy_lead_id)) IS NOT TRUE)
        AND (
            EXISTS (  -- a lead of the giver's team
                SELECT 1 FROM controls_team t JOIN controls_membership m ON m.team_id = t.id
                WHERE m.person_id = giver AND taker IN (t.lead_id, t.deputy_lead_id))
            OR NOT EXISTS (  -- a resource that the taker is on no side of
                SELECT 1 FROM inventory_resource r LEFT JOIN controls_team t ON t.id = r.team_id
                WHERE r.state = 'active' AND (giver IN (r.owner_id, r.deputy_id) OR EXISTS (
                    SELECT 1 FROM inventory_interimowner i WHERE i.resource_id = r.id AND i.person_id = giver
                    AND i.confirmed_at <= at AND i.until > at AND (i.ended_at IS NULL OR i.ended_at > at)))
                AND (taker IN (r.owner_id, r.deputy_id, t.lead_id, t.deputy_lead_id)) IS NOT TRUE)
            AND NOT EXISTS (  -- an automation of a team that the taker does not lead
                SELECT 1 FROM inventory_automation a JOIN controls_team t ON t.id = a.team_id
                WHERE a.state <> 'retired' AND (giver IN (a.business_owner_id, a.technical_owner_id) OR EXISTS (
                    SELECT 1 FROM inventory_interimowner i WHERE i.automation_id = a.id AND i.person_id = giver
                    AND i.confirmed_at <= at AND i.until > at AND (i.ended_at IS NULL OR i.ended_at > at)))
                AND (taker IN (t.lead_id, t.deputy_lead_id)) IS NOT TRUE)
            AND NOT EXISTS (
                SELECT 1 FROM inventory_nonhumanidentity n WHERE n.owner_id = giver AND n.state <> 'retired')
            AND NOT EXISTS (SELECT 1 FROM inventory_credential c WHERE c.owner_id = giver)))
$$
"""


class Migration(migrations.Migration):
    """Create the function."""

    dependencies = (("inventory", "0010_live_on_record"), ("controls", "0005_dates_of_a_mail"))

    operations = (
        migrations.RunSQL(MAY_STAND_IN, "DROP FUNCTION may_stand_in(bigint, bigint, timestamptz)"),
    )
