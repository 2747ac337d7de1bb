"""Effects of SQL keywords for finding the tables of a query. Pure tables."""

from __future__ import annotations

from inventory.importers.display import vocabulary

SHOWS = vocabulary("show describe desc explain")
"""How a statement begins that shows what there is. What it explains may still change something."""
DESCRIBES = vocabulary("describe desc")
"""A table stands behind these where a statement begins with them."""
READS = vocabulary("select with table values") | SHOWS
"""How a statement begins that may only read."""
UNDERSTOOD = READS | vocabulary("insert update delete merge replace truncate create alter drop")
"""How a statement begins whose tables are found; what the last three do counts as read where it is a table's."""
DEFINES = vocabulary("create alter drop")
CHANGES = vocabulary(
    """
    insert update delete merge drop alter create truncate grant revoke call into copy exec execute lock vacuum do
    """
)
"""Whatever has one of these anywhere may change something."""
ADDED_TO = vocabulary("into insert update delete merge replace truncate table references")
"""Behind these stands a table, also where parentheses follow: those hold its columns."""
LISTED = vocabulary("from using update delete truncate table")
"""Behind these stand tables with commas between."""
JOINED = vocabulary("join straight_join apply")
ENDS_LIST = vocabulary(
    """
    where group order having limit offset fetch window union intersect except minus set returning values select for qualify
    connect start prewhere output
    """
)
"""What follows is no list of tables any more. A word that is missing here makes a column a table, and hides none."""
PASSED_OVER = vocabulary("only lateral if exists not ignore low_priority quick high_priority delayed top")
"""What may stand before a table's name."""
NO_TABLE = vocabulary("select set where values from into table with on as when then")
"""What can't be a table's name without quotation marks."""
_OF_ROWS = vocabulary("for do key on then no")
NO_TABLE_BEHIND = {"update": _OF_ROWS, "delete": _OF_ROWS, "insert": _OF_ROWS, "table": vocabulary("returns")}
"""By such a word, what stands before it where no table follows: ``ON CONFLICT DO UPDATE``, ``RETURNS TABLE``."""
TAKES_FROM = vocabulary("extract trim ltrim rtrim substring substr overlay position")
"""Functions with a FROM of their own, which names no table."""
NO_CALL = vocabulary(
    """
    in values as over filter exists any all some and or not on using by when then else case between like ilike rlike is distinct
    select from join where having union except intersect returning set interval array row rows grouping sets cube rollup within
    group conflict partition pivot unpivot within materialized with limit offset top key index primary foreign unique check
    references default constraint into insert update delete table lateral only if copy to
    """
)
"""Words before parentheses that call nothing."""

HARMLESS = vocabulary(
    """
    abs acos acosh age any_value app_name approx_count_distinct approx_percentile array_agg array_append array_cat array_length
    array_position array_remove array_replace array_to_json array_to_string array_upper array_contains array_size arraylength
    ascii asin atan atan2 avg bigint binary bit bit_and bit_length bit_or bool bool_and bool_or boolean btrim cardinality cast
    cbrt ceil ceiling char char_length character character_length charindex chr coalesce collate concat concat_ws contains
    convert convert_tz cos cot count count_big countif covar_pop cume_dist curdate current_date current_time current_timestamp
    curtime dateadd datediff date date_add date_bin date_diff date_format date_part date_sub date_trunc datefromparts datename
    datepart datetime datetime_diff datetime_trunc datetrunc day dayname dayofmonth dayofweek dayofyear days decimal decode degrees
    dense_rank div double each ellipsis elt encode endswith eomonth every exp extract field find_in_set first first_value flatten
    float floor format format_date format_timestamp from_unixtime generate_date_array generate_series generate_subscripts getdate
    getutcdate greatest group_concat hour ifnull iif initcap instr int integer isdate isfinite isnull isnumeric json_agg
    json_array json_array_elements json_array_elements_text json_array_length json_arrayagg json_build_array json_build_object
    json_contains json_each json_each_text json_extract json_extract_path json_extract_path_text json_extract_scalar json_length
    json_object json_object_agg json_object_keys json_objectagg json_populate_record json_populate_recordset json_query json_quote
    json_table json_to_record json_to_recordset json_typeof json_unquote json_value jsonb_agg jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset
    jsonb_typeof julianday justify_days justify_hours justify_interval lag last last_day last_value lcase lead least left len
    length levenshtein listagg ln localtime localtimestamp locate log log10 log2 lower lpad ltrim make_date make_interval
    make_time make_timestamp make_timestamptz max md5 median microsecond mid min minute mod mode month monthname newid now
    nth_value ntile nullif num_nonnulls numeric nvarchar nvl nvl2 octet_length openjson ordinality overlay parse_date parse_json
    parse_timestamp parsename patindex percent_rank percentile_cont percentile_disc period_add period_diff phraseto_tsquery pi
    plainto_tsquery position pow power quarter quotename radians rand random rank real regexp_count regexp_instr regexp_like
    regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace replicate
    reverse right round row_number row_to_json rpad rtrim safe_cast safe_divide second sec_to_time sha1 sha2 sha224 sha256 sha384
    sha512 sign similarity sin smallint soundex space split split_part sqrt starts_with startswith stddev stddev_pop stddev_samp
    str str_to_date strcmp strftime string_agg string_split string_to_array string_to_table strpos struct stuff substr substring
    substring_index sum switch sysdate sysdatetime sysutcdatetime tan text time time_bucket time_to_sec timediff timestamp
    timestamp_diff timestamp_trunc timestampadd timestampdiff timestamptz tinyint to_char to_date to_days to_hex to_json to_jsonb
    to_number to_timestamp to_tsquery to_tsvector translate trim trunc truncate try_cast try_convert ts_headline ts_rank
    ts_rank_cd tsquery tsvector typeof ucase unaccent unicode unix_timestamp unnest upper utc_date utc_time utc_timestamp uuid
    uuid_generate_v4 gen_random_uuid value values var_pop var_samp varbinary varchar variance vector week weekday weekofyear
    websearch_to_tsquery width_bucket word_similarity xmlagg year yearweek cosine_distance inner_product l2_distance
    st_asgeojson st_astext st_contains st_distance st_distance_sphere st_dwithin st_geogfromtext st_geomfromtext st_intersects
    st_makepoint st_point st_setsrid st_within st_x st_y
    """
)
"""Functions of databases that look at nothing but what they are given, and types with a length."""
OUTSIDE = vocabulary(
    """
    pg_read_file pg_read_binary_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir pg_stat_file
    pg_file_read pg_file_write pg_file_rename pg_file_unlink pg_logdir_ls lo_import lo_export lo_from_bytea lo_put lo_get
    lo_create lo_creat lo_unlink lo_open loread lowrite dblink dblink_exec dblink_connect dblink_connect_u dblink_send_query dblink_open
    dblink_fetch dblink_get_result query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml table_to_xml
    schema_to_xml database_to_xml ts_stat crosstab connectby load_file load_extension openrowset openquery opendatasource
    external_query readfile writefile http http_get http_post http_put http_delete net.http_get net.http_post utl_http.request
    utl_file.fopen httpuritype url file s3 s3cluster remote remotesecure postgresql mysql mongodb jdbc odbc hdfs input
    set_config pg_terminate_backend pg_cancel_backend pg_reload_conf setval nextval pg_notify pg_advisory_lock pg_sleep
    """
)
"""Functions that reach past the tables of a query: files, other databases, the network, queries in a text, the server itself."""
FILES = vocabulary("outfile dumpfile")
"""What a query is written to, instead of a table."""
RUNS = vocabulary("xp_cmdshell sys_exec sys_eval sp_oacreate sp_execute_external_script dbms_scheduler")
"""What starts a program where the database runs; so does ``COPY … PROGRAM``."""
BEGINS_QUERY = vocabulary("select insert update delete merge values table")
"""What ends the names of common table expressions."""
ALSO_CALLED = vocabulary("insert truncate replace")
"""What changes a table, and is a function of texts and numbers where parentheses follow."""
