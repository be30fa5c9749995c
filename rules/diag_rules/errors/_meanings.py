"""What each kind means and what to do: the only copy of these texts.

One row a kind; rows that share a category, a retry and an advice stand together. A code's row in a database's
table may override the category, the retry or the texts (see `_row.Row`), nothing else does.
Sources: PostgreSQL manual appendix A, MySQL and MariaDB error references, sqlite.org/rescode.html; read 2026-11-22.
"""

from __future__ import annotations

from typing import NamedTuple

from ._classification import Category, Retry
from ._kinds import Kind


class Meaning(NamedTuple):
    """What a kind means when no code says more: *summary* and *advice* are one sentence each, for people."""

    category: Category
    retry: Retry
    summary: str
    advice: str


MEANINGS: dict[Kind, Meaning] = {}


def _group(category: Category, retry: Retry, advice: str, /, **summaries: str) -> None:
    for name, summary in summaries.items():
        kind = Kind(name)
        if kind in MEANINGS:
            raise ValueError(f"{kind} has two meanings: keep one of them.")
        MEANINGS[kind] = Meaning(category, retry, summary, advice)


_OUTAGE, _RACE, _RULE, _DEFECT = Category.OUTAGE, Category.CONTENTION, Category.BUSINESS_RULE, Category.DEFECT
_NO, _AGAIN, _STATEMENT = Retry.NO, Retry.TRANSACTION, Retry.STATEMENT

# --- outage -----------------------------------------------------------------------------------------------------
_group(
    _OUTAGE, _AGAIN,
    "See whether the server runs and can be reached from here; once it answers, new connections work by themselves.",
    connection_exception="The connection to the database failed.",
    connection_does_not_exist="The connection was already gone when the statement was sent.",
    connection_failure="The connection to the database was lost: the server, a pooler or the network closed it.",
    sqlclient_unable_to_establish_sqlconnection="No connection to the database could be made.",
    sqlserver_rejected_establishment_of_sqlconnection="The server refused to accept a connection.",
    connection_refused="Nothing listens at the database's address: the server is down, or the address is wrong.",
    network_unreachable="The database's host cannot be reached over the network.",
    connect_timeout="The database did not answer within the connect time-out.",
    fdw_unable_to_establish_connection="The server behind a foreign table cannot be reached.",
)  # fmt: skip
_group(
    _OUTAGE, _AGAIN,
    "Wait for the restart or failover to finish; if nobody restarted the server, read its log.",
    admin_shutdown="The server or an administrator ended this connection: a restart, a failover or a terminate.",
    crash_shutdown="Another server process crashed, and the server ended all connections to recover.",
    cannot_connect_now="The server is starting up, shutting down or in recovery, and takes no connections yet.",
    operator_intervention="An operator or the server itself stopped the work.",
    idle_session_timeout="The server closed a connection that was idle for too long.",
)  # fmt: skip
_group(
    _OUTAGE, Retry.UNKNOWN_OUTCOME,
    "Never repeat it blindly: look whether the transaction was committed, then decide.",
    transaction_resolution_unknown="The connection was lost during COMMIT: whether it was committed is unknown.",
    statement_completion_unknown="The database cannot say whether the statement took effect.",
)  # fmt: skip
_group(
    _OUTAGE, _NO,
    "Correct the connection settings (host, user, password, database, TLS), or create what is missing.",
    invalid_authorization_specification="The database refuses this login.",
    invalid_password="The database refuses this user's password.",  # noqa: S106 - the name of an error
    invalid_catalog_name="The database named in the connection settings does not exist.",
    database_dropped="The database was dropped while it was in use.",
    host_unknown="The database's host name does not resolve.",
    tls_failure="The encrypted connection to the database could not be made.",
    cannot_open_database="The database file cannot be opened: missing, on a lost disk, or not readable by this user.",
    config_file_error="The server's configuration file is wrong.",
    lock_file_exists="Another server process holds this data directory.",
)  # fmt: skip
_group(
    _OUTAGE, _AGAIN,
    "Find what holds the connections (idle transactions, too many workers, a slow query), then size pool and server.",
    too_many_connections="The server has no free connection left.",
    pool_timeout="All connections of this process's pool were in use for longer than the pool's time-out.",
    insufficient_resources="The server has run out of a resource.",
    configuration_limit_exceeded="A limit of the server's configuration was reached.",
)  # fmt: skip
_group(
    _OUTAGE, _NO,
    "Free space or memory on the database's host, or give it more; writes fail until then.",
    disk_full="The database has no disk space left.",
    out_of_memory="The database has run out of memory.",
    fdw_out_of_memory="A foreign data wrapper has run out of memory.",
)  # fmt: skip
_group(
    _OUTAGE, _NO,
    "Check the disk and the server's log; restore from a backup if data is damaged, before more is written.",
    system_error="The database's operating system reported an error.",
    io_error="The database could not read or write its files.",
    undefined_file="A file that the database needs is missing.",
    duplicate_file="A file that the database wants to create exists already.",
    file_name_too_long="A file name on the database's host is too long.",
    data_corrupted="The database found damaged data, or the file is no database.",
    index_corrupted="The database found a damaged index.",
)  # fmt: skip
_group(
    _OUTAGE, _NO,
    "After a failover, connect to the new primary; if this transaction was meant to be read-only, do not write in it.",
    read_only_sql_transaction="The database takes no writes here: a standby, a read-only server, file or transaction.",
)  # fmt: skip

# --- contention -------------------------------------------------------------------------------------------------
_group(
    _RACE, _AGAIN,
    "Repeat the whole transaction; if it happens often, lock rows in one order and keep transactions short.",
    deadlock_detected="Two transactions each waited for the other, and the database ended this one.",
    serialization_failure="Another transaction changed the same data first, so this one could not be serialised.",
    transaction_rollback="The database rolled this transaction back.",
    stale_data="Another transaction changed or deleted the row after it was read.",
    snapshot_too_old="The data this transaction started from is no longer kept.",
    schema_changed="The schema changed while the statement ran or stayed prepared.",
)  # fmt: skip
_group(
    _RACE, _AGAIN,
    "Find who holds the lock (a long transaction, a migration) and repeat; keep transactions short.",
    lock_not_available="Another transaction holds the lock, and this one did not get it in time.",
    object_in_use="Somebody else is using the object right now.",
)  # fmt: skip
_group(
    _RACE, _AGAIN,
    "Look for a slow query, a missing index or a lock; a cancel by hand needs nothing.",
    query_canceled="The statement was cancelled: it ran into a time-out, or somebody cancelled it.",
    transaction_timeout="The transaction took longer than the server allows.",
    idle_in_transaction_session_timeout="The server ended a connection that sat idle in an open transaction.",
)  # fmt: skip

# --- business rule ----------------------------------------------------------------------------------------------
_group(
    _RULE, _NO,
    "Tell the person what still refers to it, or what it refers to that is gone; nothing is wrong with the service.",
    foreign_key_violation="A row refers to one that would no longer exist, or does not exist.",
    restrict_violation="A row that others refer to must not be deleted or changed.",
)  # fmt: skip
_group(
    _RULE, _NO,
    "Tell the person that this value is taken, or update the row that has it.",
    unique_violation="Another row has this value already.",
    exclusion_violation="Another row excludes this one: they overlap.",
)  # fmt: skip
_group(
    _RULE, _NO,
    "Ask for the missing value; on a deletion, see whether the ORM blanked a reference (passive_deletes=True cures it).",
    not_null_violation="A value that must be there is missing.",
    null_value_not_allowed="A null was given where none is allowed.",
)  # fmt: skip
_group(
    _RULE, _NO,
    "Tell the person which rule the request breaks; nothing is wrong with the service.",
    check_violation="A value breaks a CHECK rule of its table.",
    integrity_constraint_violation="The data breaks a constraint.",
    transaction_integrity_constraint_violation="The data breaks a constraint that is checked at the end.",
    with_check_option_violation="The row would not be visible through the view it is written to.",
    raise_exception="A trigger or procedure of the application refused the request.",
    triggered_action_exception="A trigger refused the request.",
    plpgsql_error="A procedure refused the request.",
    no_data_found="A row that must exist was not found.",
    too_many_rows="More rows were found than there may be.",
)  # fmt: skip
_group(
    _RULE, _NO,
    "Tell the person which value to correct; nothing is wrong with the service.",
    data_exception="A value cannot be used as it is.",
    array_subscript_error="An array was given a subscript that it does not have.",
    character_not_in_repertoire="A value contains a character that the database's encoding does not have.",
    datetime_field_overflow="A date or time is out of range.",
    division_by_zero="A value led to a division by zero.",
    error_in_assignment="A value cannot be assigned.",
    escape_character_conflict="An escape character conflicts with another character.",
    indicator_overflow="A value is too long for its indicator.",
    interval_field_overflow="An interval is out of range.",
    invalid_argument_for_logarithm="A logarithm was asked of a number that has none.",
    invalid_argument_for_ntile_function="ntile() was given an invalid argument.",
    invalid_argument_for_nth_value_function="nth_value() was given an invalid argument.",
    invalid_argument_for_power_function="power() was given an invalid argument.",
    invalid_argument_for_width_bucket_function="width_bucket() was given an invalid argument.",
    invalid_argument_for_xquery="An XQuery function was given an invalid argument.",
    invalid_argument_for_sql_json_datetime_function="A JSON value is no valid date or time.",
    invalid_character_value_for_cast="A text cannot be read as the type that is wanted.",
    invalid_datetime_format="A text is no valid date or time.",
    invalid_escape_character="An escape must be one character.",
    invalid_escape_octet="An escape octet is invalid.",
    invalid_escape_sequence="A pattern ends in an incomplete escape sequence.",
    nonstandard_use_of_escape_character="An escape character is used in a nonstandard way.",
    invalid_indicator_parameter_value="An indicator parameter is invalid.",
    invalid_parameter_value="A parameter has an invalid value.",
    invalid_preceding_or_following_size="A window frame has an invalid size.",
    invalid_regular_expression="A regular expression is invalid.",
    invalid_row_count_in_limit_clause="LIMIT was given a negative number.",
    invalid_row_count_in_result_offset_clause="OFFSET was given a negative number.",
    invalid_tablesample_argument="TABLESAMPLE was given an invalid argument.",
    invalid_tablesample_repeat="TABLESAMPLE REPEATABLE was given an invalid argument.",
    invalid_time_zone_displacement_value="A time zone is invalid.",
    invalid_use_of_escape_character="An escape character is used where none may be.",
    most_specific_type_mismatch="A value has another type than declared.",
    null_value_no_indicator_parameter="A null has no indicator parameter to be returned in.",
    numeric_value_out_of_range="A number is too large or too small for its column.",
    sequence_generator_limit_exceeded="A sequence has no numbers left.",
    string_data_length_mismatch="A bit string has the wrong length.",
    string_data_right_truncation="A text is too long for its column.",
    substring_error="A substring has a negative length.",
    trim_error="A trim argument is invalid.",
    unterminated_c_string="A text is not terminated.",
    zero_length_character_string="A text is empty where it must not be.",
    floating_point_exception="A floating-point calculation left the range of numbers.",
    invalid_text_representation="A text cannot be read as the type of its column.",
    invalid_binary_representation="A binary value cannot be read as the type of its column.",
    bad_copy_file_format="The data given to COPY is malformed.",
    untranslatable_character="A character does not exist in the database's encoding.",
    not_an_xml_document="A text is no XML document.",
    invalid_xml_document="An XML document is invalid.",
    invalid_xml_content="A piece of XML is invalid.",
    invalid_xml_comment="An XML comment is invalid.",
    invalid_xml_processing_instruction="An XML processing instruction is invalid.",
    duplicate_json_object_key_value="A JSON object has a key twice.",
    invalid_json_text="A text is no valid JSON.",
    invalid_sql_json_subscript="A JSON path has an invalid subscript.",
    more_than_one_sql_json_item="A JSON path found more than one item.",
    no_sql_json_item="A JSON path found nothing.",
    non_numeric_sql_json_item="A JSON item is not a number.",
    non_unique_keys_in_a_json_object="A JSON object has a key twice.",
    singleton_sql_json_item_required="A JSON path must find exactly one item.",
    sql_json_array_not_found="A JSON path found no array.",
    sql_json_member_not_found="A JSON object lacks a member.",
    sql_json_number_not_found="A JSON path found no number.",
    sql_json_object_not_found="A JSON path found no object.",
    too_many_json_array_elements="A JSON array has too many elements.",
    too_many_json_object_members="A JSON object has too many members.",
    sql_json_scalar_required="A JSON path must find a scalar.",
    sql_json_item_cannot_be_cast_to_target_type="A JSON item cannot be read as the type that is wanted.",
    packet_too_large="A value or statement is larger than the server takes at once.",
)  # fmt: skip

# --- defect -----------------------------------------------------------------------------------------------------
_group(
    _DEFECT, _NO,
    "Run the missing migration, or correct the name in the code.",
    undefined_table="The statement names a table that does not exist.",
    undefined_column="The statement names a column that does not exist.",
    undefined_function="The statement calls a function that does not exist for these types.",
    undefined_object="The statement names something that does not exist.",
    undefined_parameter="The statement refers to a parameter that does not exist.",
    invalid_schema_name="The statement names a schema that does not exist.",
    duplicate_column="The column exists already.",
    duplicate_cursor="The cursor exists already.",
    duplicate_database="The database exists already.",
    duplicate_function="The function exists already.",
    duplicate_schema="The schema exists already.",
    duplicate_table="The table exists already.",
    duplicate_object="The object exists already.",
    dependent_objects_still_exist="Other objects of the schema depend on it.",
    dependent_privilege_descriptors_still_exist="Privileges depend on it.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Correct the statement in the code: repeating it fails the same way.",
    sql_statement_not_yet_complete="The statement is not complete.",
    syntax_error_or_access_rule_violation="The statement is wrong, or not allowed.",
    syntax_error="The statement is not valid SQL.",
    cannot_coerce="A type cannot be converted to the one that is wanted.",
    grouping_error="A column must be grouped or aggregated.",
    windowing_error="A window function is used wrongly.",
    invalid_recursion="A recursive query is not well formed.",
    invalid_foreign_key="A foreign key does not fit the table it refers to.",
    invalid_name="A name is not valid.",
    name_too_long="A name is too long.",
    reserved_name="A name is reserved.",
    datatype_mismatch="A value has another type than the place it is used in.",
    indeterminate_datatype="The type of a parameter cannot be told.",
    collation_mismatch="Two collations conflict.",
    indeterminate_collation="The collation cannot be told.",
    wrong_object_type="The object is of another type than the statement needs.",
    generated_always="A generated column must not be written.",
    duplicate_alias="An alias is used twice.",
    ambiguous_column="A column's name fits several tables.",
    ambiguous_function="A function's name fits several functions.",
    ambiguous_parameter="A parameter's type is ambiguous.",
    ambiguous_alias="An alias is ambiguous.",
    invalid_column_reference="A reference to a column is not valid here.",
    invalid_column_definition="A column is not defined correctly.",
    invalid_cursor_definition="A cursor is not defined correctly.",
    invalid_database_definition="A database is not defined correctly.",
    invalid_function_definition="A function is not defined correctly.",
    invalid_prepared_statement_definition="A prepared statement is not defined correctly.",
    invalid_schema_definition="A schema is not defined correctly.",
    invalid_table_definition="A table is not defined correctly.",
    invalid_object_definition="An object is not defined correctly.",
    cardinality_violation="A subquery or an upsert met more rows than it may.",
    case_not_found="No branch of a CASE fits.",
    feature_not_supported="The database does not support this.",
    program_limit_exceeded="The statement or a row goes beyond a limit of the database.",
    statement_too_complex="The statement is too complex.",
    too_many_columns="Too many columns.",
    too_many_arguments="Too many arguments.",
    wrong_parameters="The statement and its parameters do not fit together.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Grant what the application needs, or stop asking for it.",
    insufficient_privilege="The application's user lacks a privilege.",
    invalid_grantor="Only the grantor may do this.",
    invalid_grant_operation="The grant is not valid.",
    invalid_role_specification="The role does not exist or is not allowed here.",
    modifying_sql_data_not_permitted="The routine may not modify data.",
    reading_sql_data_not_permitted="The routine may not read data.",
    containing_sql_not_permitted="The routine may not contain SQL.",
    prohibited_sql_statement_attempted="The routine may not run this statement.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Find the first error of this transaction: roll back after it, and use the transaction no further.",
    in_failed_sql_transaction="The transaction failed before; all that follows is refused until the rollback.",
    pending_rollback="The session failed before; all that follows is refused until the rollback.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Correct the order of calls in the code (transactions, savepoints, cursors, prepared statements).",
    invalid_transaction_initiation="A transaction cannot be started here.",
    invalid_cursor_state="The cursor is not in the state that this needs.",
    invalid_cursor_name="The cursor does not exist.",
    invalid_transaction_state="The transaction is not in the state that this needs.",
    active_sql_transaction="This cannot run inside a transaction.",
    branch_transaction_already_active="A branch transaction is active already.",
    held_cursor_requires_same_isolation_level="A held cursor needs the same isolation level.",
    inappropriate_access_mode_for_branch_transaction="The access mode does not fit a branch transaction.",
    inappropriate_isolation_level_for_branch_transaction="The isolation level does not fit a branch transaction.",
    no_active_sql_transaction_for_branch_transaction="There is no transaction to branch from.",
    schema_and_data_statement_mixing_not_supported="Schema and data statements cannot be mixed.",
    no_active_sql_transaction="There is no transaction.",
    invalid_sql_statement_name="The prepared statement does not exist: a pooler gave out another connection.",
    duplicate_prepared_statement="The prepared statement exists already: a pooler gave out another connection.",
    invalid_transaction_termination="The transaction cannot be ended here.",
    savepoint_exception="The savepoint failed.",
    invalid_savepoint_specification="The savepoint does not exist.",
    object_not_in_prerequisite_state="The object is not in the state that this needs.",
    cant_change_runtime_param="This setting cannot be changed now.",
    unsafe_new_enum_value_usage="A new enum value must be committed before it is used.",
    protocol_violation="Client and server disagree about the protocol.",
    driver_misuse="The driver refuses this call.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Correct the mapping or the call in the code; the exception's text names it.",
    orm_misuse="SQLAlchemy refuses this call.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Correct the trigger or routine in the database.",
    triggered_data_change_violation="A trigger changed the row that the statement was changing.",
    sql_routine_exception="A routine failed.",
    function_executed_no_return_statement="A function ended without RETURN.",
    external_routine_exception="An external routine failed.",
    external_routine_invocation_exception="An external routine was called wrongly.",
    invalid_sqlstate_returned="A routine returned an invalid SQLSTATE.",
    trigger_protocol_violated="A trigger broke its protocol.",
    srf_protocol_violated="A set-returning function broke its protocol.",
    event_trigger_protocol_violated="An event trigger broke its protocol.",
    assert_failure="An ASSERT in a routine failed.",
    diagnostics_exception="Diagnostics failed.",
    stacked_diagnostics_accessed_without_active_handler="Diagnostics were read outside of a handler.",
    locator_exception="A locator failed.",
    invalid_locator_specification="A locator is not valid.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Read the server's log for this moment and look for a known bug of this version of the server or extension.",
    internal_error="The database reports an error of its own that should not happen.",
    datum_version_mismatch="A stored value has another version than the server knows.",
)  # fmt: skip
_group(
    _DEFECT, _NO,
    "Correct the foreign table, its server or its user mapping.",
    fdw_error="A foreign data wrapper failed.",
    fdw_column_name_not_found="A foreign table lacks a column.",
    fdw_dynamic_parameter_value_needed="A foreign data wrapper needs a parameter.",
    fdw_function_sequence_error="A foreign data wrapper was called in the wrong order.",
    fdw_inconsistent_descriptor_information="A foreign data wrapper's descriptors conflict.",
    fdw_invalid_attribute_value="A foreign data wrapper was given an invalid attribute.",
    fdw_invalid_column_name="A foreign column's name is invalid.",
    fdw_invalid_column_number="A foreign column's number is invalid.",
    fdw_invalid_data_type="A foreign column's type is invalid.",
    fdw_invalid_data_type_descriptors="A foreign type's descriptors are invalid.",
    fdw_invalid_descriptor_field_identifier="A foreign descriptor's field is invalid.",
    fdw_invalid_handle="A foreign data wrapper's handle is invalid.",
    fdw_invalid_option_index="A foreign data wrapper's option index is invalid.",
    fdw_invalid_option_name="A foreign data wrapper's option is unknown.",
    fdw_invalid_string_length_or_buffer_length="A foreign text's length is invalid.",
    fdw_invalid_string_format="A foreign text's format is invalid.",
    fdw_invalid_use_of_null_pointer="A foreign data wrapper used a null pointer.",
    fdw_too_many_handles="A foreign data wrapper has too many handles.",
    fdw_no_schemas="The foreign server has no schemas.",
    fdw_option_name_not_found="A foreign data wrapper's option is missing.",
    fdw_reply_handle="A foreign data wrapper's reply handle is invalid.",
    fdw_schema_not_found="The foreign schema was not found.",
    fdw_table_not_found="The foreign table was not found.",
    fdw_unable_to_create_execution="A foreign query could not be started.",
    fdw_unable_to_create_reply="A foreign query gave no reply.",
)  # fmt: skip

_group(
    Category.UNKNOWN, _NO,
    "Look at the code and the log; once it is understood, teach it with diag_rules.errors.register().",
    unrecognised="No table knows this error.",
)  # fmt: skip

_ALTERNATIVES: tuple[tuple[Category, Kind], ...] = (
    (_DEFECT, Kind.READ_ONLY_SQL_TRANSACTION),  # a transaction that was meant to be read-only
    (_OUTAGE, Kind.PROTOCOL_VIOLATION),  # poolers before pgbouncer 1.19 send 08P01 for everything
    (_RULE, Kind.INSUFFICIENT_PRIVILEGE),  # a row-level security policy refused the row
    (_RULE, Kind.PROGRAM_LIMIT_EXCEEDED),  # a value too long for an index
    (_OUTAGE, Kind.PROGRAM_LIMIT_EXCEEDED),  # transaction ids used up
    (_RULE, Kind.DATATYPE_MISMATCH),  # SQLite checks types when a value is stored
    (_DEFECT, Kind.INVALID_CATALOG_NAME),  # named by a statement, not by the connection settings
    (_DEFECT, Kind.INVALID_AUTHORIZATION_SPECIFICATION),
    (_DEFECT, Kind.UNRECOGNISED),
)

PAIRS: tuple[tuple[Category, Kind], ...] = (
    *((meaning.category, kind) for kind, meaning in MEANINGS.items()),
    *_ALTERNATIVES,
)
"""Every (category, kind) that `classify` can answer with our own tables: exporters create each at 0."""
