"""Define the promises of the product: how each is tested, and by which tests."""

# part: [(promise, how it is tested, [test or module, …])]
PROMISES: dict[str, list[tuple[str, str, list[str]]]] = {
    "Complete": [
        (
            "Every published table equals what happened in the account",
            "accounts of several shapes; each table beside the truth, row for row",
            ["test_truth::test_every_published_table_equals_what_happened"],
        ),
        (
            "Every reading of what the reference leaves open gives the same tables",
            "the sandbox serves each reading; two runs, small windows",
            ["test_readings"],
        ),
        (
            "Rows that change while they are read are not lost, and nothing is called whole without proof",
            "rows arrive, move and leave between two pages; the contract's counter-example",
            ["test_moving"],
        ),
        (
            "What is not whole is said: a warning, exit 3 on demand, and asked for again",
            "totals that always lie; lists that never stand still",
            [
                "test_faults::test_incomplete_windows_warn_and_exit_3_only_when_asked",
                "test_moving::test_a_list_that_never_stands_still_is_said_to_be_incomplete_and_asked_for_again",
            ],
        ),
        (
            "A value that cannot be read is null and recorded until it is readable; no other row is affected",
            "a proxy makes one value of each list unreadable; the tables beside those of the same account without it",
            ["test_rejected_values", "test_rejections", "test_unreadable_amounts", "test_readable_texts"],
        ),
        (
            "Each different row that cannot be read is an entry of its own, and the same row always the same entry",
            "rows of 101 to 100,000 levels and of invalid text, that differ at the innermost level; several layouts",
            [
                "test_unreadable_values::test_each_row_that_cannot_be_read_is_an_entry_of_its_own",
                "test_unreadable_values::test_a_row_has_one_entry_in_every_layout_of_its_page",
            ],
        ),
        (
            "A total that never agrees with its rows costs three readings, is said once, and marks nothing as removed",
            "every list's total is one too high in ten runs; a soft-deleted order; a difference that changes",
            ["test_accepted"],
        ),
        (
            "A deleted order is marked when its days are read again, and one that only moved is not",
            "orders deleted, changed and restored; without updated_at; incomplete lists; 404 for every id",
            ["test_deleted_orders"],
        ),
        (
            "A record of a year to come makes no row, is named, and its correction leaves no trace",
            "stock records, history, orders and charges of 2099, corrected a day later; such records of 1900",
            [
                "test_future_records",  # and a run with the service's clock 400 days ahead
                "test_increments::test_records_of_a_year_to_come_make_no_days_and_their_corrections_leave_no_trace",
                "test_increments::test_a_stock_record_of_1900_makes_no_days_before_the_earliest_date",
                "test_increments::test_records_before_the_earliest_date_make_no_days_before_it",
            ],
        ),
        (
            "Amounts are rounded and compared in the currency's smallest amount",
            "accounts billed in yen and in dinar; tie-outs of each",
            ["test_currencies", "test_tie_out"],
        ),
        (
            "A cut between windows loses and doubles nothing",
            "windows of one and two pages; a service that excludes end days",
            ["test_reruns::test_windows_of_very_few_pages_lose_nothing", "test_extraction"],
        ),
        (
            "Runs after runs end where one run does",
            "ten days one by one, parts of a first load, resources one by one, backfills",
            ["test_reruns", "test_acceptance"],
        ),
        (
            "Anything in any order ends with what the API says",
            "a state machine: time, changes, runs, kills, lost and damaged state, days read again",
            ["test_state_machine"],
        ),
        ("The plan asks for everything, and for nothing twice", "properties, by hypothesis", ["test_windows"]),
        (
            "One stock record updated in place: each version seen is kept, unseen days say so",
            "runs on some days, not on others",
            ["test_in_place"],
        ),
        (
            "Restated, vanished and deleted records: the latest truth, every earlier version kept",
            "days restated and emptied, charges and items removed between runs",
            [
                "test_moving::test_a_restated_day_and_a_day_that_became_empty_are_taken_over",
                "test_moving::test_vanished_charges_and_items_are_marked_and_kept",
                "test_versions",
            ],
        ),
        (
            "`check` finds what the reference leaves open; `get` prints what the API gives",
            "each reading asked for; every endpoint and filter",
            ["test_check", "test_get"],
        ),
        (
            "`verify` names what FILE lacks or has too much, and nothing else",
            "records deleted from FILE and from the account, under every reading",
            ["test_verify", "test_readings::test_the_tables_are_the_same_and_verify_finds_what_they_lack"],
        ),
        (
            "A value is exact, or null and recorded with its reason; it stops no other row",
            "both ways from JSON to columns give the same; values of every other shape, rows and lines without a key",
            ["test_rows", "test_plain_rows", "test_unreadable_values"],
        ),
        (
            "U+0000 is replaced and recorded where the destination cannot store it",
            "texts with it, written as a byte and as an escape, known and unknown, nested; a load into PostgreSQL",
            [
                "test_unreadable_values::test_a_nul_is_replaced_and_recorded_where_the_destination_cannot_store_it",
                "test_postgres::test_fields_with_very_long_names_are_not_cut_into_each_other"
                "_and_texts_come_back_as_they_were",
            ],
        ),
        (
            "`logentic events` lists what waits, and says so where there is nothing, also before the first run",
            "no file and no queue, a queue alone, both; another destination",
            ["test_events::test_before_the_first_run_queued_events_are_listed_and_later_counted_once"],
        ),
        (
            "Any number of unknown fields is kept, in the same columns on every page and in every run",
            "1,500 fields; fields that differ by their case; several threads",
            ["test_extra_columns"],
        ),
        (
            "A row tampered with in the database is found by the checks",
            "one cell is changed after the build",
            ["test_truth::test_a_tampered_ledger_row_is_found_by_the_checks", "test_models_build"],
        ),
    ],
    "Unharmed": [
        (
            "Whatever is wrong with a page, a header or a state file stops nothing else, and hangs nothing",
            "`make fuzz` spoils valid ones at random; each kind of failure that it found is kept as a case",
            ["test_fuzz"],
        ),
        (
            "Passing faults of the service change nothing",
            "429, 5xx, resets, cut and damaged bodies, stalls, empty pages, totals that lie",
            ["test_faults::test_a_passing_fault_changes_nothing"],
        ),
        (
            "A lasting fault is named and stops no other resource",
            "403, false totals, `next` astray, redirects",
            ["test_faults::test_a_lasting_fault_of_one_resource_is_named_and_stops_no_other"],
        ),
        (
            "A service that answers nothing but failures is given up within a minute; a rate limit is waited for",
            "four kinds of failure for ever; slow failures; pauses longer than the patience",
            [
                "test_faults::test_a_service_that_answers_nothing_but_failures_is_given_up",
                "test_client::test_while_nothing_but_failures_come_a_request_ends_soon_after_the_patience",
                "test_client::test_waiting_for_a_rate_limit_uses_up_no_patience",
                "test_client::test_a_host_that_is_unknown_is_named",
            ],
        ),
        (
            "A wait for a rate limit has a bound, ends with `--max-duration`, is logged, and keeps no alert back",
            "Retry-After of seconds to 31 years, windows that end in an hour, refusals for ever; several threads",
            [
                "test_transport::test_a_wait_ends_with_the_time_of_the_run_and_the_next_run_ends_exact",
                "test_transport::test_a_wait_that_is_too_long_fails_its_resource_alone_and_at_once",
                "test_transport::test_a_command_says_what_it_waits_for_and_ends_well_with_its_time",
                "test_transport::test_notify_tells_while_a_run_waits",
                "test_headers::test_refusals_of_one_request_together_are_bounded",
            ],
        ),
        (
            "What an earlier version made is read, or one line says what to run",
            "tables without a column, folders without a table, before the first run; every command that reads FILE",
            ["test_earlier_versions"],
        ),
        (
            "A secret in a file reaches dlt and Spark, and no output",
            "credentials whole and in parts; files that are missing, empty, not UTF-8, too large, or given twice",
            [
                "test_settings::test_a_secret_of_dlt_or_spark_can_be_given_as_a_file",
                "test_settings::test_dlt_finds_a_password_that_is_in_a_file",
                "test_settings::test_a_file_for_dlt_that_cannot_be_read_is_one_line_that_does_not_show_it",
            ],
        ),
        (
            "`Retry-After` is obeyed with every status that is retried, within `rate_limit_seconds`",
            "each retried status, seconds and dates, unusable values, waits that are too long, endless refusals",
            [
                "test_headers::test_every_retried_status_is_waited_for_as_long_as_it_asks_and_uses_up_no_patience",
                "test_headers::test_a_retry_after_that_is_longer_than_the_setting_fails_at_once_whatever_the_status",
                "test_headers::test_the_waits_that_503s_ask_for_are_bounded_together",
            ],
        ),
        (
            "`--max-duration` ends a window under way; it leaves no receipt, and the next run ends exact",
            "slow pages, endless failures and waits, from the first page or a later one; a look-up by id",
            [
                "test_transport::test_a_window_under_way_ends_with_the_time_of_the_run_and_leaves_no_receipt",
                "test_headers::test_no_page_is_asked_for_after_the_deadline",
                "test_deleted_orders::test_a_look_up_that_runs_out_of_time_is_made_by_the_next_run",
            ],
        ),
        (
            "An unusable header is ignored, a usable one obeyed in every form",
            "numbers of 5,000 digits, superscripts, dates in 9999, zones that do not exist, interim responses",
            ["test_headers", "test_transport::test_unusable_headers_on_every_response_change_nothing"],
        ),
        (
            "Pagination or a body that cannot be read fails its resource with one line, and no other",
            "totals of Infinity and beyond 64 bits, deep nesting, any encoding, a million pages of nothing",
            [
                "test_transport::test_pagination_that_cannot_be_read_fails_its_resource_alone",
                "test_transport::test_pagination_that_only_helps_to_plan_may_be_anything",
                "test_pages",
            ],
        ),
        (
            "A 204 is an empty list; a 404 for a list never proves that records are gone",
            "a list that is never found, one that is not found any more, a service that says 404 for each empty list",
            [
                "test_transport::test_an_empty_list_without_a_body_is_no_rows",
                "test_transport::test_a_list_that_is_never_found_fails_its_resource_with_a_line_that_fits",
                "test_transport::test_a_list_that_is_not_found_any_more_proves_nothing",
                "test_transport::test_a_service_that_says_404_for_each_empty_list_loses_nothing",
            ],
        ),
        (
            "A service behind a proxy is read: its authority can be trusted, its links lead to the configured origin",
            "TLS with an authority of its own; links of 22 forms, and with other schemes and ports",
            [
                "test_certificates",
                "test_transport::test_a_service_behind_a_proxy_names_another_scheme_and_port_in_its_links",
                "test_pages::test_a_next_is_resolved_as_a_browser_would",
            ],
        ),
        (
            "After kill -9 at any step the next run ends with exact tables",
            "a process killed at each of twelve steps",
            ["test_killed"],
        ),
        (
            "Readers and runs never block each other, and no half table is seen; one run at a time",
            "a reader holds the file open while a run publishes; a second run waits or leaves",
            [
                "test_unharmed::test_a_reader_who_holds_the_file_open_sees_the_old_tables_whole_and_blocks_nothing",
                "test_unharmed::test_a_second_run_at_once_leaves_with_one_line_or_waits",
            ],
        ),
        (
            "Any name works as FILE; links are followed, files of other programs are left alone",
            "names with quotes, templates, colons, no UTF-8; SQLite files, pipes; addresses, blanks, homes of nobody",
            ["test_paths", "test_database_file"],
        ),
        (
            "Senders that never go on keep nobody out; guesses of the password are not answered",
            "half headers, half bodies, WebSockets, odd headers; a thousand guesses; passwords in several scripts",
            ["test_connection_limits", "test_receiver", "test_login", "test_dashboard_login"],
        ),
        (
            "A lost or damaged state folder is rebuilt; a full disk or a read-only folder leaves the file as it was",
            "parts removed and overwritten; a limit on file sizes; rights taken away",
            ["test_unharmed"],
        ),
        (
            "A working database with damaged blocks is made again from FILE, and a damaged FILE from it",
            "flipped bytes, blocks of each table, both files; two runs end exact",
            ["test_damaged"],
        ),
        (
            "A package that cannot be loaded blocks no later run: it is set aside, and its rows are read again",
            "files not UTF-8, cut short or empty, between each two steps; too little memory; in each destination",
            ["test_set_aside"],
        ),
        (
            "A state file that can be parsed and is wrong is ignored with one warning",
            "wrong types, missing keys, deep nesting, huge numbers, NaN, Latin-1, folders; every note and the history",
            ["test_wrong_notes"],
        ),
        (
            "No call of a dlt user hangs or loses rows; one that would is refused in one line",
            "limits, filters, maps, `parallelize`, dispositions, refreshes, drops, two accounts, iteration by hand",
            ["test_dlt_calls", "test_dlt_user"],
        ),
        (
            "Nothing temporary is left, the log of runs is bounded",
            "the folders after runs; a log of many runs",
            [
                "test_unharmed::test_a_run_leaves_no_temporary_file_and_old_packages_go",
                "test_state::test_the_log_of_runs_ends_with_the_newest_and_does_not_grow_for_ever",
            ],
        ),
        (
            "This machine's clock may be wrong by years",
            "a service in the past and one in the future",
            ["test_faults::test_a_slow_clock_and_a_fast_clock_of_this_machine_lose_nothing"],
        ),
        (
            "The clock of the service may jump by years in the middle of a run",
            "a first run that is told last month, then next year, and a change read at the right time",
            ["test_reruns::test_a_change_read_after_the_clock_of_the_service_had_jumped_is_the_latest"],
        ),
        (
            "Times read while the service clock was behind stay early; a load into a new file has the right ones",
            "a run three days behind, days read again, a full refresh, a new file",
            [
                "test_reruns::test_times_read_while_the_clock_of_the_service_was_behind_stay"
                "_until_the_account_is_loaded_into_a_new_file"
            ],
        ),
        (
            "A list that repeats without end is an error, whatever total it announces",
            "one page, two pages and three in turn; the same rows with other values on each page",
            [
                "test_pages::test_two_pages_in_turn_without_end_are_an_error_and_no_loop",
                "test_extraction::test_rows_that_come_again_and_again_with_other_values_are_an_error_and_no_loop",
            ],
        ),
        (
            "Rows too large for the memory fail their resource only, and the message names the setting",
            "rows of 64 MB compared within 20 MB",
            ["test_versions::test_rows_too_large_to_compare_are_an_error_that_names_the_setting"],
        ),
        (
            "A secret that the service repeats, split or cut short, is in no recorded value",
            "control characters, escapes and invisible characters within it, at the end of an excerpt",
            ["test_personal::test_an_excerpt_holds_no_part_of_a_secret_that_is_split_or_shortened"],
        ),
    ],
    "Nothing leaked": [
        (
            "The token goes to the configured origin only and is in no file, log, message or process list",
            "every file and output searched, with faults, at debug level",
            ["test_leaks::test_the_token_stands_in_no_file_no_output_and_no_process_list", "test_client", "test_pages"],
        ),
        (
            "In orders and events, fields that the reference does not name are pseudonymized unless they are measures",
            "names and values of persons under 30 names, within objects, as keys, under the names of measures",
            ["test_measures"],
        ),
        (
            "A name of one word in a status, carrier, service, currency or unit is pseudonymized; a code is not",
            "names in every case and joined; listed and unlisted codes; values with their unit; keys below a person",
            [
                "test_measures::test_what_belongs_to_a_person_or_reads_as_a_sentence_is_no_measure",
                "test_measures::test_a_code_or_a_value_with_its_unit_is_a_measure",
                "test_measures::test_a_value_with_its_unit_stays_and_the_keys_of_a_person_do_not",
                "test_measures::test_a_name_that_is_not_written_as_that_of_a_field_is_no_column",
            ],
        ),
        (
            "A name of a field that may be personal becomes no column, and no command shows it",
            "names of persons and telephone numbers as keys of `recipient` and `place`; orders, lines, events, `check`",
            [
                "test_extra_columns::test_a_name_within_a_record_of_an_order_that_may_be_personal_gets_no_column",
                "test_measures::test_a_name_within_a_record_is_shown_by_no_command_and_kept_by_no_event",
                "test_check::test_a_name_that_may_be_personal_is_not_shown",
            ],
        ),
        (
            "No command with `--json` prints a secret or a control character, and its output stays JSON",
            "every such command, with a secret in its output; secrets in JSON within JSON and in numbers",
            ["test_json_output", "test_json_documents"],
        ),
        (
            "What an earlier version loaded in clear is named, and pseudonymized on demand without changing any order",
            "a file made by the earlier rule; every byte of the file searched; a run that reads all orders again",
            ["test_privacy"],
        ),
        (
            "A secret can be read from a file; a wrong secret or address is one line that does not show it",
            "files that are missing, empty, too large or damaged; tokens and addresses with blanks, line ends, accents",
            ["test_settings"],
        ),
        (
            "No terminal, log, chat, letter or spreadsheet obeys text of the service, and none shows the token",
            "an account of escapes, mentions and formulas; a service that echoes the token in bodies and headers",
            ["test_echoes", "test_sanitizer"],
        ),
        (
            "An event whose signed body names another step than its topic is flagged",
            "events with topics and bodies that agree, differ, or name no step",
            ["test_events", "test_webhooks"],
        ),
        (
            "The key of pseudonyms is made whole or not at all, and no other one is taken without being told to",
            "a full disk, processes at once, damaged files; keys that change, in a file, a folder and a dlt pipeline",
            ["test_pseudonym_key", "test_state::test_a_damaged_key_is_not_replaced_by_another"],
        ),
        (
            "An image's builder sees no secret; the unit may write its data and nothing else",
            "the files of deploy/ read and rated",
            ["test_deploy"],
        ),
        (
            "Personal data are hashed before they are stored",
            "every text of every table compared with the account's persons",
            ["test_leaks::test_personal_data_are_hashed_before_they_are_stored", "test_personal"],
        ),
        (
            "A name that the service chose never becomes SQL",
            "a field whose name drops a table",
            ["test_leaks::test_an_identifier_of_the_api_cannot_become_sql"],
        ),
        (
            "What is made is readable by its owner and group at most, the state by its owner",
            "three umasks",
            ["test_unharmed::test_what_is_made_is_readable_by_its_owner_and_group_at_most"],
        ),
    ],
    "In a warehouse": [
        (
            "Every engine holds the same rows, raw and published, to the last digit",
            "one account on DuckDB, PostgreSQL, Sail, a Spark cluster; in a folder and a bucket, as Parquet and Delta",
            [
                "test_engines",
                "test_postgres::test_the_same_rows_are_loaded_as_into_duckdb",
                "test_folder::test_the_same_rows_are_loaded_as_into_duckdb",
                "test_bucket",
                "test_engine_and_bucket",
                "test_spark_cluster",
            ],
        ),
        (
            "What is lost in the middle is made good by the next run, and nothing is doubled",
            "ten days with kills, restated days, a lost connection, a lost engine; a killed worker; a full disk",
            [
                "test_killed::test_ten_days_in_postgres_with_kills_and_a_lost_connection"
                "_end_exact_and_readers_never_see_half_of_it",
                "test_postgres::test_what_is_lost_in_the_middle_of_a_run_is_made_good_by_the_next",
                "test_postgres::test_a_full_disk_is_one_line_and_with_space_the_next_run_ends_exact",
                "test_folder::test_a_run_that_was_killed_doubles_nothing",
                "test_ten_days",
            ],
        ),
        (
            "Readers see the old tables or the new ones, wait for nobody and cannot write",
            "a reader in the middle of a publication; a role that only reads",
            [
                "test_postgres_publish::test_a_reader_sees_the_old_rows_or_the_new_ones_and_waits_for_nobody",
                "test_postgres_publish::test_a_reader_cannot_write",
            ],
        ),
    ],
}
