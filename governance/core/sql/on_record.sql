-- H1, H2: rows that stay on record. `keep_append_only` and `keep_forever` put the triggers on tables; each app lists its tables.
-- The database must enforce it, because evidence that one statement could change or remove proves nothing.

-- H2: an append-only row is written once.
-- The database must enforce it, because one UPDATE or DELETE by SQL could change evidence without a trace.
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'H2: Cannot update or delete rows from % table', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;

-- H1: a row that changes by transitions ends, is retired or is withdrawn, and is never removed.
-- The database must enforce it, because events and decisions refer to the row, and a DELETE by SQL passes every rule in Python.
CREATE OR REPLACE FUNCTION never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'H2: Cannot delete rows from % table', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;

-- H2: TRUNCATE fires no row trigger, so it is refused by itself, also to the owner of the table. A demo is reset by a new database.
CREATE OR REPLACE FUNCTION never_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;

-- H6: whether a text is the old one with the name of an erased person taken out, or with nothing left.
CREATE OR REPLACE FUNCTION is_erased(old_text text, new_text text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT new_text = '' OR (
        new_text LIKE '%Erased person%'
        AND old_text LIKE replace(
            replace(replace(replace(new_text, '\', '\\'), '%', '\%'), '_', '\_'), 'Erased person', '_%'))
$$;

-- H2, H6: append-only, but an erased person is taken out of the columns that the trigger names.
-- The database must enforce it, because an erasure must not be a way to change the rest of the evidence.
CREATE OR REPLACE FUNCTION append_only_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS DISTINCT FROM OLD AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV
        AND NOT EXISTS (
            SELECT FROM unnest(TG_ARGV) AS erasable(name)
            CROSS JOIN LATERAL (SELECT to_jsonb(OLD) ->> name AS was, to_jsonb(NEW) ->> name AS becomes) AS erased
            WHERE (erased.becomes = erased.was OR is_erased(erased.was, erased.becomes)) IS NOT TRUE) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'H2: Cannot update or delete rows from % table', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;

-- Refuse TRUNCATE of tables whose rows may be removed one by one.
CREATE OR REPLACE PROCEDURE keep_from_truncation(VARIADIC tables text[]) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER never_truncated BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION never_truncated()', name);
    END LOOP;
END
$$;

-- Make tables append-only.
CREATE OR REPLACE PROCEDURE keep_append_only(VARIADIC tables text[]) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
            FOR EACH ROW EXECUTE FUNCTION append_only()', name);
    END LOOP;
    CALL keep_from_truncation(VARIADIC tables);
END
$$;

-- Keep the rows of tables for ever; they may change.
CREATE OR REPLACE PROCEDURE keep_forever(VARIADIC tables text[]) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON %I
            FOR EACH ROW EXECUTE FUNCTION never_deleted()', name);
    END LOOP;
    CALL keep_from_truncation(VARIADIC tables);
END
$$;

CALL keep_append_only(
    'controls_ledgerevent',
    'controls_seal');

-- The histories.
CALL keep_append_only(
    'controls_historicalapitoken',
    'controls_historicaldelegation',
    'controls_historicalerasure',
    'controls_historicalperson',
    'controls_historicalroleassignment',
    'controls_historicalteam',
    'controls_historicalwebhookendpoint');

CALL keep_forever(
    'controls_apitoken',
    'controls_delegation',
    'controls_erasure',
    'controls_person',
    'controls_roleassignment',
    'controls_team',
    'controls_webhookendpoint');

CALL keep_from_truncation(
    'controls_freetext',
    'controls_membership');
