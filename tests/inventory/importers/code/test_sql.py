"""What a literal query touches is read to its end, or said not to be: no table of it is ever lost (I8, T1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot.expressions import ALL_FUNCTIONS

from inventory.importers.code.sql import LONGEST, NOT_SQL, Query, read_query
from inventory.importers.facts import word_lists

#: Functions of sqlglot that reach past what they are given, run what is not shown, or stand for others.
NOT_HARMLESS = {
    "a_i_forecast",
    "ai_agg",
    "ai_classify",
    "ai_embed",
    "ai_generate",
    "ai_similarity",
    "ai_summarize_agg",
    "anonymous_agg_func",
    "columns",
    "combined_agg_func",
    "combined_parameterized_agg",
    "dynamic_identifier",
    "features_at_time",
    "generate_bool",
    "generate_double",
    "generate_embedding",
    "generate_int",
    "generate_table",
    "generate_text",
    "generator",
    "host",
    "m_l_forecast",
    "m_l_translate",
    "net_func",
    "next_value_for",
    "parameterized_agg",
    "predict",
    "read_csv",
    "read_parquet",
    "reg_domain",
    "safe_func",
    "search",
    "search_ip",
    "secret",
    "to_file",
    "transform",
    "vector_search",
}

# --- what hides tables or changes ---------------------------------------------------------------------------------------


@pytest.mark.rule("I8", "T1")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT sku FROM scm.stock WHERE a = '--'; DELETE FROM hr.salaries",
        "SELECT sku FROM scm.stock WHERE a = '/*'; DELETE FROM hr.salaries WHERE b = '*/'",
        "SELECT sku FROM scm.stock WHERE a = E'\\''; DELETE FROM hr.salaries WHERE b = ''",
        "SELECT sku FROM scm.stock WHERE a = $x$'$x$; DELETE FROM hr.salaries WHERE b = ''",
        "SELECT sku FROM scm.stock WHERE a = $$--$$; DELETE FROM hr.salaries",
        'SELECT "--" FROM scm.stock; DELETE FROM hr.salaries',
        "SELECT sku FROM scm.stock -- '\n; DELETE FROM hr.salaries -- '",
        "SELECT sku FROM scm.stock /* ' */; DELETE FROM hr.salaries /* ' */",
        "SELECT '''' FROM scm.stock; DELETE FROM hr.salaries",
    ],
)
def test_quotes_and_comments_hide_no_statement(query: str) -> None:
    statement = read_query(query)
    assert statement.access == "write"
    assert statement.tables == ("scm.stock", "hr.salaries")


@pytest.mark.rule("I8", "T1")
@pytest.mark.parametrize(
    ("query", "connector"),
    [
        ("SELECT 1 FROM a WHERE b = '\\'; DELETE FROM hr.salaries WHERE c = '", "mySql"),
        ("SELECT 1 FROM a /* /* */ , hr.salaries /* */ */", "postgres"),
        ("SELECT 1 FROM a /*! , hr.salaries */", "mySql"),
        ("SELECT $$ FROM a; DELETE FROM hr.salaries AS $$", "mySql"),
        ("SELECT 1 FROM a WHERE b = q'[']'; DELETE FROM hr.salaries WHERE c = q'[']'", "oracleDatabase"),
        ("SELECT ''' ' ''' FROM a", "googleBigQuery"),
        ('SELECT 1 FROM U&"\\0068r"', "postgres"),
        ("SELECT 1 -- a\r, 2 FROM hr.salaries", "postgres"),
    ],
)
def test_dialect_differences_are_not_relied_on(query: str, connector: str) -> None:
    statement = read_query(query, connector)
    assert statement.access == "write"
    assert "depends on the database" in "; ".join(statement.unread)


@pytest.mark.rule("I8", "T1")
@pytest.mark.parametrize(
    ("query", "connector"),
    [
        ("SELECT 1 --1 FROM hr.salaries", "mySql"),  # minus minus one
        ("SELECT 1 # '\n FROM hr.salaries # '", "mySql"),
        ("SELECT 1 FROM [hr].[salaries]", "microsoftSql"),
        ("SELECT 1FROM hr.salaries", "postgres"),
        ("SELECT 1.FROM hr.salaries", "postgres"),
        ("SELECT 1 FROM hr /* here */ . /* and there */ salaries", "postgres"),
        ("TABLE hr.salaries", "postgres"),
        ("SELECT 1 FROM `hr.salaries`", "googleBigQuery"),
    ],
)
def test_each_database_is_read_as_it_reads(query: str, connector: str) -> None:
    statement = read_query(query, connector)
    assert (statement.tables, statement.unread) == (("hr.salaries",), ())


@pytest.mark.rule("I8", "T1")
@pytest.mark.parametrize(
    ("query", "because"),
    [
        ("SELECT pg_read_file('/etc/passwd') FROM a", "reaches past its tables: pg_read_file"),
        ("SELECT \"pg_read_file\"('/etc/passwd') FROM a", "reaches past its tables: pg_read_file"),
        ("SELECT pg_catalog.pg_read_file('/etc/passwd') FROM a", "reaches past its tables: pg_catalog.pg_read_file"),
        ("SELECT * FROM dblink('host=hr', 'SELECT 1') AS t(x int), a", "reaches past its tables: dblink"),
        ("SELECT lo_import('/etc/passwd') FROM a", "reaches past its tables: lo_import"),
        ("SELECT query_to_xml('SELECT * FROM hr.salaries', true, true, '') FROM a", "reaches past its tables"),
        ("SELECT * FROM a INTO OUTFILE '/tmp/a'", "it is no SQL"),
        ("INSERT INTO FUNCTION s3('https://x.example') SELECT * FROM a", "reaches past its tables: s3"),
        ("COPY a FROM '/etc/passwd'", "a statement that is not read: COPY"),
        ("DO $$ BEGIN DELETE FROM hr.salaries; END $$", "a statement that is not read: DO"),
        ("SET search_path TO hr; SELECT * FROM salaries", "a statement that is not read: SET"),
        ("CREATE FUNCTION f() RETURNS int AS $$ DELETE FROM a $$ LANGUAGE sql", "a statement that is not read: CREATE"),
    ],
)
def test_statement_beyond_tables_is_no_read_and_is_reported(query: str, because: str) -> None:
    statement = read_query(query)
    assert statement.access == "write"
    assert because in "; ".join(statement.unread)


@pytest.mark.rule("I8", "T1")
@pytest.mark.parametrize("query", ["COPY (SELECT 1) TO PROGRAM 'curl'", "EXEC xp_cmdshell 'dir'"])
def test_program_start_counts_as_execute(query: str) -> None:
    assert read_query(query).access == "execute"
    assert read_query(query).unread


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("query", "because"),
    [
        ("SELECT tidy_up(1) FROM a", "calls what it does not show: tidy_up"),
        ("SELECT scm.count(1) FROM a", "calls what it does not show: scm.count"),
        ('SELECT "Count"(1) FROM a', "calls what it does not show: Count"),
        ("SELECT * FROM everything() e, a", "calls what it does not show: everything"),
        ("SELECT f1(),f2(),f3(),f4(),f5(),f6(),f7(),f8() FROM a", "f6 and 2 more"),
        ("SELECT * FROM $1:name, a", "named by what is filled in"),
        ("SELECT * FROM a, hr.salaries@elsewhere", "named by what is filled in"),
        ("SELECT * FROM '/data/salaries.csv', a", "a name that was not understood"),
        ('SELECT * FROM a, "hr.salaries@elsewhere"', "a name that was not understood"),
        ('SELECT * FROM a, "salaries, all of them"', "a name that was not understood"),
        (f"SELECT * FROM a, {'x' * 130}", "a name that was not understood"),
    ],
)
def test_unreadable_sql_is_reported(query: str, because: str) -> None:
    statement = read_query(query)
    assert because in "; ".join(statement.unread)
    assert "a" in statement.tables


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT (1 FROM a",
        "SELECT 1) FROM a",
        "SELECT 1 FROM a WHERE b = 'not closed",
        "SELECT 1 FROM a /* not closed",
        "SELECT * FROM a, hr.*",
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT hunter2 hunter3 hunter4",
    ],
)
def test_query_that_is_not_parsed_is_not_read(query: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert read_query(query, "postgres") == Query("write", unread=(NOT_SQL,))
    assert capfd.readouterr() == ("", "")


@pytest.mark.rule("I8")
def test_warning_of_the_parser_quotes_no_query(capfd: pytest.CaptureFixture[str]) -> None:
    assert read_query("DO $$ hunter2 $$").unread == ("It has a statement that is not read: DO",)
    assert capfd.readouterr() == ("", "")


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "query",
    [
        "WITH t AS (SELECT 1) DELETE FROM t",
        "WITH t AS (SELECT 1) UPDATE t SET a = 1",
        "WITH t AS (SELECT 1) INSERT INTO t (a) SELECT * FROM t",
    ],
)
def test_target_of_a_change_is_a_table(query: str) -> None:
    assert (read_query(query).access, read_query(query).tables) == ("write", ("t",))


@pytest.mark.rule("I8")
def test_every_function_that_the_parser_knows_was_reviewed() -> None:
    """A function of a newer sqlglot is reported as unknown until somebody adds it to the list."""
    reviewed = word_lists("sql")["harmless"]
    names = {function.sql_name().lower() for function in ALL_FUNCTIONS}
    assert names - reviewed == NOT_HARMLESS


@pytest.mark.rule("I8")
def test_overlong_sql_is_reported() -> None:
    statement = read_query("SELECT 1 FROM hr.salaries" + " " * LONGEST)
    assert (statement.access, statement.tables) == ("write", ())
    assert statement.unread == ("The query is longer than anybody reads",)


# --- which tables -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM scm.stock, hr.salaries",
        "SELECT s.sku FROM scm.stock s, hr.salaries h WHERE true",
        "SELECT s.sku FROM scm.stock AS s(a, b), hr.salaries AS h",
        "SELECT * FROM (scm.stock s CROSS JOIN hr.salaries h)",
        "SELECT * FROM ((scm.stock)), (hr.salaries)",
        "SELECT * FROM scm.stock s JOIN scm.stock t ON s.a = t.a, hr.salaries",
        "SELECT * FROM scm.stock s JOIN scm.stock t USING (a), hr.salaries",
        "SELECT * FROM scm.stock CROSS JOIN LATERAL (SELECT * FROM hr.salaries) x",
        "SELECT * FROM scm.stock, LATERAL (SELECT * FROM hr.salaries) x",
        "SELECT * FROM scm.stock WITH (NOLOCK), hr.salaries WITH (NOLOCK)",
        "SELECT * FROM scm.stock, generate_series(1, 3) AS n, hr.salaries",
        "SELECT * FROM scm.stock, ONLY hr.salaries",
        "SELECT (SELECT 1 FROM scm.stock LIMIT 1), max(a) FROM hr.salaries",
        "SELECT 1 FROM scm.stock WHERE a IN (SELECT b FROM hr.salaries)",
        "SELECT 1 FROM scm.stock UNION ALL TABLE hr.salaries",
        "DELETE FROM scm.stock USING scm.stock s, hr.salaries h",
        "DELETE FROM scm.stock USING (hr.salaries)",
        "UPDATE scm.stock SET a = 1, b = 2 FROM hr.salaries",
        "UPDATE scm.stock, hr.salaries SET a = 1",
        "INSERT INTO scm.stock (a, b) SELECT c, d FROM hr.salaries",
        "MERGE INTO scm.stock USING hr.salaries h ON true WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
        "TRUNCATE scm.stock, hr.salaries",
        "DROP TABLE IF EXISTS scm.stock, hr.salaries",
        "CREATE TABLE IF NOT EXISTS scm.stock (id int PRIMARY KEY, b numeric(10, 2) REFERENCES hr.salaries (id))",
        "REPLACE INTO scm.stock VALUES (1); REPLACE INTO hr.salaries VALUES (1)",
        "WITH a AS (SELECT * FROM scm.stock), b (c, d) AS MATERIALIZED (SELECT * FROM hr.salaries) SELECT * FROM a, b",
        "WITH RECURSIVE t (n) AS (SELECT 1 FROM scm.stock UNION SELECT n FROM t) SELECT * FROM t, hr.salaries",
    ],
)
def test_every_table_is_named(query: str) -> None:
    statement = read_query(query)
    assert (statement.tables, statement.unread) == (("scm.stock", "hr.salaries"), ())


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "query",
    [
        "WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries",
        "WITH salaries AS (SELECT 1) SELECT * FROM salaries; SELECT * FROM salaries",
        "SELECT * FROM (WITH salaries AS (SELECT 1) SELECT * FROM salaries) a, salaries",
        'WITH "Salaries" AS (SELECT 1) SELECT * FROM salaries',
    ],
)
def test_query_alias_hides_no_real_table(query: str) -> None:
    assert read_query(query).tables == ("salaries",)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("count", [20, 21, 200])
def test_none_is_left_out_however_many_there_are(count: int) -> None:
    names = tuple(f"scm.movements_{number}" for number in range(count))
    assert read_query(f"SELECT * FROM {', '.join(names)}").tables == names
    assert read_query(f"SELECT * FROM {' CROSS JOIN '.join(names)}").tables == names


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT extract(year FROM at), substring(b FROM 1 FOR 2), trim(BOTH ' ' FROM c), a IS DISTINCT FROM d FROM t",
        "SELECT truncate(a, 2), replace(b, 'c', 'd'), count(*) FILTER (WHERE true) FROM t ORDER BY 1, 2",
        "SELECT row_number() OVER (PARTITION BY a, b ORDER BY c, d), data->>'x' FROM t LIMIT 5",
        "INSERT INTO t (a, b) VALUES (now(), $1), (now(), :b) ON CONFLICT (a, b) DO UPDATE SET b = excluded.b RETURNING a, b",
        "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 1, b = 2",
    ],
)
def test_non_tables_are_ignored(query: str) -> None:
    statement = read_query(query)
    assert (statement.tables, statement.unread) == (("t",), ())


def test_the_tables_of_a_literal_query_are_named_once_each() -> None:
    query = 'SELECT * FROM fin.invoices i JOIN "fin"."customers" c ON true JOIN fin.invoices x ON true -- FROM hidden'
    assert read_query(query).tables == ("fin.invoices", "fin.customers")


# --- which level --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("query", "level"),
    [
        ("SELECT 1", "read"),
        ("  -- stock\n select * from scm.stock", "read"),
        ("(SELECT 1) UNION (SELECT 2);", "read"),
        ("WITH s AS (SELECT * FROM scm.stock) SELECT * FROM s", "read"),
        ("SELECT 'delete from x'", "read"),
        ("SELECT updated_at, created FROM t", "read"),
        ("SELECT * INTO copy FROM t", "write"),
        ("SELECT 1; DROP TABLE t", "write"),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "write"),
        ("SELECT * FROM t FOR UPDATE", "write"),
        ("UPDATE t SET a = 1", "write"),
        ("CALL tidy()", "write"),
        ("", "write"),
        ("SELECT 1" + " " * 30_000, "write"),  # longer than anybody reads: not worth calling read
    ],
)
def test_a_literal_select_is_read_and_other_literal_sql_is_write(query: str, level: str) -> None:
    assert read_query(query).access == level


@pytest.mark.rule("I8")
@given(st.text(alphabet="abAB.,;()'\"`$-/*\\ \n#[]@1\r", max_size=60), st.sampled_from(["", "mySql", "microsoftSql"]))
def test_any_text_is_read(text: str, connector: str) -> None:
    statement = read_query(f"SELECT * FROM {text}", connector)
    assert statement.access in {"read", "write", "execute"}


@pytest.mark.rule("I8")
@given(
    st.lists(st.sampled_from(["'--'", "'/*'", "$$'$$", "E'\\''", '"x"', "-- '\n", "/* ' */", "1", "now()"]), max_size=5)
)
def test_table_is_found_after_any_prefix(pieces: list[str]) -> None:
    before = " ".join(piece if piece.startswith(("--", "/*")) else f"{piece}," for piece in pieces)
    statement = read_query(f"SELECT {before} 1 FROM scm.stock, hr.salaries; DELETE FROM hr.bonuses")
    assert statement.tables == ("scm.stock", "hr.salaries", "hr.bonuses")
    assert statement.access == "write"


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SHOW TABLES", ()),
        ("show full tables like 'x%';", ()),
        ("SHOW DATABASES", ()),
        ("SHOW COLUMNS FROM orders", ("orders",)),
        ("SHOW CREATE TABLE orders", ("orders",)),
        ("DESCRIBE orders", ("orders",)),
        ("DESC scm.orders", ("scm.orders",)),
        ("EXPLAIN SELECT * FROM orders", ("orders",)),
    ],
)
def test_show_and_describe_only_read(text: str, tables: tuple[str, ...]) -> None:
    assert read_query(text, "mySql") == Query("read", tables)


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    "text",
    [
        "SHOW TABLES; DROP TABLE orders",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "DESCRIBE UPDATE orders SET a = 1",
        "CREATE TABLE shown (a int)",
    ],
)
def test_change_behind_show_is_no_read(text: str) -> None:
    assert read_query(text, "mySql").access == "write"


@pytest.mark.rule("I8")
def test_a_function_in_an_explained_query_is_not_known() -> None:
    statement = read_query("EXPLAIN ANALYZE SELECT pay_all()", "postgres")
    assert statement.unread == ("The query calls what it does not show: pay_all",)
