-- Rules about automations and transfers between teams.

-- H1: a live automation has the event that made it live (`state_on_record` in governance.core).
DROP TRIGGER IF EXISTS inserted_on_record ON inventory_automation;
CREATE CONSTRAINT TRIGGER inserted_on_record AFTER INSERT ON inventory_automation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'live')
    EXECUTE FUNCTION state_on_record('inventory.automation');
DROP TRIGGER IF EXISTS state_on_record ON inventory_automation;
CREATE CONSTRAINT TRIGGER state_on_record AFTER UPDATE OF state, approved_version_id ON inventory_automation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        NEW.state = 'live'
        AND (NEW.state, NEW.approved_version_id) IS DISTINCT FROM (OLD.state, OLD.approved_version_id))
    EXECUTE FUNCTION state_on_record('inventory.automation');

-- L2: an automation in use moves to another team only by a transfer that both leads agreed to.
-- Beyond the list of models.md: the team decides who approves in stage 1.
CREATE OR REPLACE FUNCTION automation_moves_by_both_leads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('draft', 'observed') AND NOT EXISTS (
        SELECT FROM inventory_transfer t
        WHERE t.automation_id = OLD.id AND t.from_team_id = OLD.team_id AND t.to_team_id = NEW.team_id
          AND t.state = 'agreed') THEN
        RAISE EXCEPTION 'L2: an automation in use moves to another team by both leads (%)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER automation_moves_by_both_leads BEFORE UPDATE ON inventory_automation
    FOR EACH ROW WHEN (NEW.team_id IS DISTINCT FROM OLD.team_id) EXECUTE FUNCTION automation_moves_by_both_leads();

-- L2: a transfer starts at the automation's own team, keeps its request, and is answered once.
-- Beyond the list of models.md: `automation_moves_by_both_leads` trusts these rows.
CREATE OR REPLACE FUNCTION transfer_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'asked' OR NEW.from_team_id IS DISTINCT FROM
            (SELECT a.team_id FROM inventory_automation a WHERE a.id = NEW.automation_id) THEN
            RAISE EXCEPTION 'L2: a transfer starts at the team of the automation (%)', NEW.automation_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF ROW(NEW.automation_id, NEW.from_team_id, NEW.to_team_id, NEW.asked_by_id, NEW.asked_at, NEW.why_id)
        IS DISTINCT FROM
       ROW(OLD.automation_id, OLD.from_team_id, OLD.to_team_id, OLD.asked_by_id, OLD.asked_at, OLD.why_id)
        OR NEW.state <> OLD.state
           AND (OLD.state, NEW.state) NOT IN (('asked', 'agreed'), ('agreed', 'moved'), ('asked', 'dropped')) THEN
        RAISE EXCEPTION 'L2: a transfer keeps its request and is answered once (%)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER transfer_in_order BEFORE INSERT OR UPDATE ON inventory_transfer
    FOR EACH ROW EXECUTE FUNCTION transfer_in_order();
