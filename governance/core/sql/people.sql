-- Rules about people: roles, delegations, tokens and erasure.

-- Whether a person holds a role at an instant.
CREATE OR REPLACE FUNCTION holds_role(person bigint, role_name text, at_time timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM controls_roleassignment r
        WHERE r.person_id = person AND r.role = role_name
          AND r.confirmed_at <= at_time AND (r.until IS NULL OR r.until > at_time));
END
$$;

-- A11: whether a person stood in for one of some others, or one of them for the person, at any time of a period.
CREATE OR REPLACE FUNCTION stood_in(person bigint, others bigint[], since timestamptz, until_time timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM controls_delegation d
        WHERE (d.giver_id = person AND d.taker_id = ANY (others) OR d.taker_id = person AND d.giver_id = ANY (others))
          AND d.from_at <= until_time AND d.until_at > since AND (d.ended_at IS NULL OR d.ended_at > since));
END
$$;

-- S9: bootstrap runs once, for two admins and two other people as security reviewers.
-- The database must enforce it, because a second run would give roles without a second signature.
CREATE OR REPLACE FUNCTION bootstrap_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.by_bootstrap THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' OR EXISTS (SELECT FROM controls_ledgerevent WHERE xid <> pg_current_xact_id()) THEN
        RAISE EXCEPTION 'S9: bootstrap runs once' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.role NOT IN ('admin', 'security_reviewer') OR NEW.until IS NOT NULL
        OR (SELECT count(*) FROM controls_roleassignment r WHERE r.by_bootstrap AND r.role = NEW.role) >= 2
        OR EXISTS (SELECT FROM controls_roleassignment r WHERE r.by_bootstrap AND r.person_id = NEW.person_id) THEN
        RAISE EXCEPTION 'S9: bootstrap names two admins and two others as security reviewers' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER bootstrap_once BEFORE INSERT OR UPDATE ON controls_roleassignment
    FOR EACH ROW WHEN (NEW.by_bootstrap) EXECUTE FUNCTION bootstrap_once();

-- A11: a delegate shares the responsibility of the giver.
-- The database must enforce it, because a decision of a delegate counts as the giver's (S1, S2).
CREATE OR REPLACE FUNCTION delegation_same_responsibility() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP = 'INSERT' OR (NEW.giver_id, NEW.taker_id) <> (OLD.giver_id, OLD.taker_id))
        AND NOT may_stand_in(NEW.giver_id, NEW.taker_id, NEW.from_at) THEN
        RAISE EXCEPTION 'A11: person % does not share the responsibility of person %', NEW.taker_id, NEW.giver_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER delegation_same_responsibility BEFORE INSERT OR UPDATE ON controls_delegation
    FOR EACH ROW EXECUTE FUNCTION delegation_same_responsibility();

-- S5: a token keeps its person, team, secret and end, and a revoked one stays revoked.
-- Beyond the list of models.md: a changed row would let one person act as another.
CREATE OR REPLACE FUNCTION token_stays_as_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.person_id, NEW.team_id, NEW.secret_digest, NEW.shown, NEW.made_at, NEW.expires_at)
        IS DISTINCT FROM (OLD.person_id, OLD.team_id, OLD.secret_digest, OLD.shown, OLD.made_at, OLD.expires_at)
        OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN
        RAISE EXCEPTION 'S5: a token stays what it was made as' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER stays_as_made BEFORE UPDATE ON controls_apitoken
    FOR EACH ROW EXECUTE FUNCTION token_stays_as_made();

-- H6: only a person who has left is erased.
-- Beyond the list of models.md: an erasure can't be undone, so it is refused also where a transition is wrong.
CREATE OR REPLACE FUNCTION erased_after_leaving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.dropped_at IS NULL AND NOT EXISTS (
        SELECT FROM controls_person WHERE id = NEW.person_id AND left_at IS NOT NULL) THEN
        RAISE EXCEPTION 'H6: only a person who has left is erased (person %)', NEW.person_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER erased_after_leaving BEFORE INSERT OR UPDATE ON controls_erasure
    FOR EACH ROW EXECUTE FUNCTION erased_after_leaving();

-- H6: a confirmed erasure stays as it is, because it is the evidence for the erased texts.
CREATE OR REPLACE TRIGGER erasure_stays BEFORE UPDATE ON controls_erasure
    FOR EACH ROW WHEN (OLD.confirmed_at IS NOT NULL) EXECUTE FUNCTION append_only();

-- H6: a reason or comment is kept as it is, or erased together with its key.
-- The database must enforce it, because decisions and events hold only the digest of the text.
CREATE OR REPLACE FUNCTION kept_or_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.digest) IS DISTINCT FROM (OLD.id, OLD.digest)
        OR NEW.erased_at IS NULL OR NEW.erased_at < OLD.erased_at OR octet_length(NEW.key) > 0
        OR NOT is_erased(OLD.text, NEW.text) THEN
        RAISE EXCEPTION 'H6: a text is kept as it is, or erased with its key (text %)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER kept_or_erased BEFORE UPDATE OR DELETE ON controls_freetext
    FOR EACH ROW EXECUTE FUNCTION kept_or_erased();
