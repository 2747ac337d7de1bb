-- S7: rules about waivers.

-- S7: the request of a waiver is frozen. A granted waiver is not longer than its request, and its end only moves earlier.
-- Beyond the list of models.md: a waiver lets a forbidden combination into force.
CREATE OR REPLACE FUNCTION waiver_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.code, NEW.scope, NEW.subject, NEW.automation_id, NEW.covers, NEW.reason_id, NEW.control_id, NEW.asked_by_id, NEW.asked_at)
        IS DISTINCT FROM
        (OLD.code, OLD.scope, OLD.subject, OLD.automation_id, OLD.covers, OLD.reason_id, OLD.control_id, OLD.asked_by_id, OLD.asked_at)
        OR NEW.days > OLD.days OR NOT NEW.beneficiaries @> OLD.beneficiaries THEN
        RAISE EXCEPTION 'S7: the request of waiver % stays as it is', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'asked' THEN
        IF NEW.state = 'granted' AND NEW.ends_at > NEW.begins_at + make_interval(days => NEW.days) THEN
            RAISE EXCEPTION 'S7: waiver % is no longer than was asked', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.days, NEW.beneficiaries, NEW.rule_digest, NEW.in_a_row) IS DISTINCT FROM
        (OLD.days, OLD.beneficiaries, OLD.rule_digest, OLD.in_a_row)
        OR NEW.decided_by_id IS DISTINCT FROM OLD.decided_by_id OR NEW.decided_for_id IS DISTINCT FROM OLD.decided_for_id
        OR NEW.decided_at IS DISTINCT FROM OLD.decided_at OR NEW.begins_at IS DISTINCT FROM OLD.begins_at
        OR NEW.follows_id IS DISTINCT FROM OLD.follows_id
        OR NEW.ends_at IS DISTINCT FROM OLD.ends_at AND (OLD.state <> 'granted' OR NOT coalesce(NEW.ends_at < OLD.ends_at, FALSE))
        OR NEW.state <> OLD.state AND (OLD.state, NEW.state) <> ('granted'::varchar, 'ended'::varchar) THEN
        RAISE EXCEPTION 'S7: the decision about waiver % stays as it is, and it can only end sooner', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER waiver_in_order BEFORE UPDATE ON approvals_waiver
    FOR EACH ROW EXECUTE FUNCTION waiver_in_order();

-- S7: a granted waiver counts the waivers before it; 30 days without one start the count again. The count runs from the request.
-- Beyond the list of models.md: the CHECK on the count rests on this number.
CREATE OR REPLACE FUNCTION waiver_in_a_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before integer;
BEGIN
    IF NEW.state <> 'granted' OR (TG_OP = 'UPDATE' AND OLD.state = 'granted') THEN
        RETURN NEW;
    END IF;
    SELECT coalesce(max(in_a_row), 0) INTO before FROM approvals_waiver
        WHERE code = NEW.code AND scope = NEW.scope AND id <> NEW.id
        AND CASE WHEN scope = 'chain' THEN covers && NEW.covers ELSE subject = NEW.subject END
        AND state IN ('granted', 'ended') AND ends_at > NEW.asked_at - interval '30 days';
    IF NEW.in_a_row <> before + 1 THEN
        RAISE EXCEPTION 'S7: this is waiver % in a row, not %', before + 1, NEW.in_a_row USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER waiver_in_a_row BEFORE INSERT OR UPDATE ON approvals_waiver
    FOR EACH ROW EXECUTE FUNCTION waiver_in_a_row();

-- A11: a person who shares a delegation with the other side, now or since the request, cannot decide about a waiver.
-- Beyond the list of models.md: it is the second signature on a waiver (S7).
CREATE OR REPLACE FUNCTION waiver_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state NOT IN ('granted', 'refused') OR OLD.state <> 'asked' THEN
        RETURN NEW;
    END IF;
    IF stood_in(NEW.decided_by_id, NEW.asked_by_id || NEW.beneficiaries, NEW.asked_at, NEW.decided_at)
            OR stood_in(NEW.decided_for_id, NEW.asked_by_id || NEW.beneficiaries, NEW.asked_at, NEW.decided_at) THEN
        RAISE EXCEPTION 'A11: a delegate of a person who gains by waiver % cannot decide about it', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER waiver_decided BEFORE UPDATE ON approvals_waiver
    FOR EACH ROW EXECUTE FUNCTION waiver_decided();
