-- H1, H2: events of the ledger, and rows that need one.

-- H1, H2: an event carries the transaction that wrote it, takes an id of its sequence, and comes after the sealed events.
-- The database must enforce it, because only it knows the transaction.
CREATE OR REPLACE FUNCTION written_now() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sealed xid8;
BEGIN
    NEW.xid = pg_current_xact_id();
    IF NEW.id > (SELECT last_value FROM controls_ledgerevent_id_seq) THEN
        RAISE EXCEPTION 'H1: event % takes an id that its sequence has not given yet', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    SELECT last_xid INTO sealed FROM controls_seal ORDER BY number DESC LIMIT 1;
    IF sealed IS NOT NULL AND NEW.xid <= sealed THEN
        RAISE EXCEPTION 'H2: transaction % is not above the last sealed one, %: run ledger_catch_up', NEW.xid, sealed
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER written_now BEFORE INSERT ON controls_ledgerevent
    FOR EACH ROW EXECUTE FUNCTION written_now();

-- H1: at the commit, the newest event about a row is of this transaction and names the row's state.
-- The database must enforce it, because a row written past the transitions has no event.
--
-- The argument is the label of the model. A row that the same transaction changed once more is left to the trigger of that change.
CREATE OR REPLACE FUNCTION state_on_record() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest record;
    committed jsonb;
BEGIN
    SELECT e.xid, e.payload ->> 'to' AS state INTO newest FROM controls_ledgerevent e
        WHERE e.subject_type = TG_ARGV[0] AND e.subject_id = NEW.id::text AND e.outcome = 'done' AND e.payload ? 'to'
        ORDER BY e.id DESC LIMIT 1;
    IF newest.xid = pg_current_xact_id() AND newest.state = NEW.state THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT to_jsonb(r) FROM %I r WHERE r.id = $1', TG_TABLE_NAME) INTO committed USING NEW.id;
    IF (committed -> 'state', committed -> 'approved_version_id') IS DISTINCT FROM
        (to_jsonb(NEW) -> 'state', to_jsonb(NEW) -> 'approved_version_id') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'H1: this transaction has no event that % % is %', split_part(TG_ARGV[0], '.', 2), NEW.id, NEW.state
        USING ERRCODE = 'check_violation';
END
$$;
