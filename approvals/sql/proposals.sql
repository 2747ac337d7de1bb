-- S8: rules about proposals and policies.

-- S8, A6: a proposal goes from state to state in order. Its proposer and its answers stay, and its content changes only with a new round.
-- The database must enforce it, because policies, rules, roles and owners rest on these rows.
CREATE OR REPLACE FUNCTION proposal_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.appointed_id IS NOT NULL AND NEW.appointed_id <> ALL(NEW.gains) THEN
        RAISE EXCEPTION 'S8: the appointed person counts as gaining (proposal %)', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('open', 'at_once') OR NEW.answered_by_id IS NOT NULL OR NEW.accepted_at IS NOT NULL
            OR (NEW.state = 'at_once') <> (NEW.acting_until IS NOT NULL) THEN
            RAISE EXCEPTION 'S8: a proposal begins unanswered' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'at_once' AND (NOT NEW.tightens
            OR NEW.acting_until > NEW.proposed_at + make_interval(hours => 72)) THEN
            RAISE EXCEPTION 'S8: one person tightens at once, and for 72 hours' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT (OLD.state = 'open' AND NEW.state IN ('open', 'approved', 'in_force', 'rejected', 'withdrawn', 'lapsed')
        OR OLD.state = 'at_once' AND NEW.state IN ('at_once', 'in_force', 'rejected', 'lapsed')
        OR OLD.state = 'approved' AND NEW.state IN ('approved', 'in_force', 'rejected', 'withdrawn', 'lapsed')) AND (to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD)) THEN
        RAISE EXCEPTION 'S8: proposal % is % and does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.kind, NEW.target, NEW.proposed_by_id, NEW.proposed_at, NEW.needs) IS DISTINCT FROM
        (OLD.kind, OLD.target, OLD.proposed_by_id, OLD.proposed_at, OLD.needs)
        OR NEW.acting_until IS DISTINCT FROM OLD.acting_until
        OR OLD.answered_by_id IS NOT NULL AND (NEW.answered_by_id, NEW.answered_at, NEW.answer_id)
            IS DISTINCT FROM (OLD.answered_by_id, OLD.answered_at, OLD.answer_id) THEN
        RAISE EXCEPTION 'S8: author and content of a proposal stay as they are (proposal %)', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF (OLD.state <> 'open' OR NEW.state <> 'open' OR NEW.round <> OLD.round + 1)
        AND (NEW.document, NEW.before, NEW.digest, NEW.tightens, NEW.gains, NEW.loses, NEW.round)
            IS DISTINCT FROM (OLD.document, OLD.before, OLD.digest, OLD.tightens, OLD.gains, OLD.loses, OLD.round)
        OR (OLD.state <> 'open' OR NEW.state <> 'open' OR NEW.round = OLD.round)
            AND (NEW.appointed_id, NEW.reason_id) IS DISTINCT FROM (OLD.appointed_id, OLD.reason_id)
        OR NEW.state = OLD.state AND NEW.lapses_at IS DISTINCT FROM OLD.lapses_at THEN
        RAISE EXCEPTION 'A6: a proposal under review changes only in a new round (proposal %)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'in_force' AND NEW.appointed_id IS NOT NULL AND NEW.accepted_at IS NULL
        OR NEW.state = 'approved' AND NEW.appointed_id IS NULL
        OR OLD.state = 'open' AND NEW.state = 'in_force' AND NEW.appointed_id IS NOT NULL THEN
        RAISE EXCEPTION 'S8: the appointed person accepts after the countersignature (proposal %)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER in_order BEFORE INSERT OR UPDATE ON approvals_proposal
    FOR EACH ROW EXECUTE FUNCTION proposal_in_order();

-- S8, A11: a second person who holds the role answers a proposal and knows its impact. The person is not a delegate of the author, nor of
-- a person who gains or loses by it.
-- The database must enforce it, because this is the second signature.
CREATE OR REPLACE FUNCTION countersigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state NOT IN ('approved', 'in_force', 'rejected') OR NEW.state = OLD.state OR OLD.state = 'approved' THEN
        RETURN NEW;
    END IF;
    IF NEW.answered_by_id IS NULL OR NOT holds_role(NEW.answered_by_id, NEW.needs, NEW.answered_at)
            OR NOT EXISTS (
            SELECT FROM controls_person p WHERE p.id = NEW.answered_by_id AND p.is_active AND p.left_at IS NULL
          AND (p.kept_out_until IS NULL OR p.kept_out_until <= NEW.answered_at)) THEN
        RAISE EXCEPTION 'S8: proposal % is answered by a second person with the role of %', OLD.id, NEW.needs
            USING ERRCODE = 'check_violation';
    END IF;
    IF stood_in(NEW.answered_by_id, NEW.proposed_by_id || NEW.gains || NEW.loses, NEW.proposed_at, NEW.answered_at) THEN
        RAISE EXCEPTION 'A11: a delegate of the author, or of a person who gains or loses, cannot answer proposal %', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> 'rejected' AND NOT EXISTS (SELECT FROM approvals_whatif w WHERE w.proposal_id = NEW.id
                                               AND w.round = NEW.round AND w.finished_at IS NOT NULL) THEN
        RAISE EXCEPTION 'S8: the effect of proposal % is not counted for its present round', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER countersigned BEFORE UPDATE ON approvals_proposal
    FOR EACH ROW EXECUTE FUNCTION countersigned();

-- S8: the counted impact of a proposal stays as it is.
-- Beyond the list of models.md: `countersigned` trusts these rows.
CREATE OR REPLACE FUNCTION what_if_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL OR (NEW.proposal_id, NEW.round, NEW.since, NEW.until)
        IS DISTINCT FROM (OLD.proposal_id, OLD.round, OLD.since, OLD.until) THEN
        RAISE EXCEPTION 'S8: a dry run keeps its counts (what-if %)', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER what_if_stays BEFORE UPDATE ON approvals_whatif
    FOR EACH ROW EXECUTE FUNCTION what_if_stays();

-- S8: a policy comes from a proposal of two people, or tightens for a time by the proposal of one, or brings back the policy before.
-- The database must enforce it, because the policy decides who approves.
CREATE OR REPLACE FUNCTION policy_by_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said approvals_proposal%ROWTYPE;
    was approvals_policyversion%ROWTYPE;
    acting approvals_policyversion%ROWTYPE;
BEGIN
    IF NEW.number = 1 THEN
        RETURN NEW;
    END IF;
    SELECT * INTO said FROM approvals_proposal WHERE id = NEW.proposal_id;
    IF said.id IS NULL OR said.kind <> 'policy' OR said.target <> NEW.kind
        OR NEW.effective_at < said.proposed_at
        OR NEW.number <> (SELECT max(v.number) + 1 FROM approvals_policyversion v WHERE v.kind = NEW.kind) THEN
        RAISE EXCEPTION 'S8: policy % has no proposal', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.restores_id IS NOT NULL THEN
        SELECT * INTO was FROM approvals_policyversion WHERE id = NEW.restores_id;
        SELECT * INTO acting FROM approvals_policyversion
            WHERE proposal_id = said.id AND until IS NOT NULL ORDER BY number LIMIT 1;
        IF said.state NOT IN ('lapsed', 'rejected') OR acting.id IS NULL OR was.number >= acting.number
            OR was.until IS NOT NULL OR was.kind <> NEW.kind OR was.document <> NEW.document
            OR (NEW.until, NEW.proposed_by_id, NEW.approved_by_id) IS DISTINCT FROM (NULL, NULL, NULL)
            OR EXISTS (SELECT FROM approvals_policyversion v WHERE v.kind = NEW.kind AND v.until IS NULL
                       AND v.number > was.number) THEN
            RAISE EXCEPTION 'S8: policy % restores nothing', NEW.number USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.document <> said.document OR NEW.proposed_by_id IS DISTINCT FROM said.proposed_by_id
        OR (NEW.until IS NULL AND NOT (said.state = 'in_force' AND NEW.approved_by_id = said.answered_by_id))
        OR (NEW.until IS NOT NULL AND NOT (said.state = 'at_once' AND said.tightens
            AND NEW.approved_by_id IS NULL AND NEW.until = said.acting_until)) THEN
        RAISE EXCEPTION 'S8: policy % is not what two people signed', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER policy_by_proposal BEFORE INSERT ON approvals_policyversion
    FOR EACH ROW EXECUTE FUNCTION policy_by_proposal();
