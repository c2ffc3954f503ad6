"""Write docs/reliability.md: what is promised, the tests that hold it, and how many cases of each passed.

In: a JUnit report of the whole suite (`make reliability` makes it). Out: docs/reliability.md; exit code 1 where a
promise names a test that was not run, or that did not pass.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).with_name("reliability.md")
HEAD = """# What is promised, and what holds it

Written by `make reliability` from the results of the tests; not by hand. Each test was seen to fail when the code that
it guards was broken.

"""
# part: [(promise, how it is tested, [test or module, …])]
PROMISES: dict[str, list[tuple[str, str, list[str]]]] = {
    "Complete": [
        (
            "Every published table equals what happened in the account",
            "accounts of four shapes; each table beside the truth, row for row",
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
            "A cut between windows loses and doubles nothing",
            "windows of one and two pages; a service that excludes end days",
            ["test_reruns::test_windows_of_very_few_pages_lose_nothing", "test_extraction"],
        ),
        (
            "Runs after runs end where one run does",
            "ten days one by one, parts of a first load, resources one by one, backfills",
            ["test_reruns"],
        ),
        ("The plan asks for everything, and for nothing twice", "properties, by hypothesis", ["test_windows"]),
        (
            "A value is exact or an error that names it",
            "both ways from JSON to columns give the same; misfits are named",
            ["test_rows", "test_plain_rows"],
        ),
        (
            "A row tampered with in the database is found by the checks",
            "one cell is changed after the build",
            ["test_truth::test_a_tampered_ledger_row_is_found_by_the_checks", "test_models_build"],
        ),
    ],
    "Unharmed": [
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
            "A service that answers nothing but failures is given up",
            "four kinds of failure for ever",
            ["test_faults::test_a_service_that_answers_nothing_but_failures_is_given_up"],
        ),
        (
            "After kill -9 at any step the next run ends with exact tables",
            "a process killed at each of twelve steps",
            ["test_killed"],
        ),
        (
            "Readers and runs never block each other, and no half table is seen",
            "a reader holds the file open while a run publishes",
            ["test_unharmed::test_a_reader_who_holds_the_file_open_sees_the_old_tables_whole_and_blocks_nothing"],
        ),
        (
            "A lost or damaged state folder is rebuilt; a full disk leaves the file as it was",
            "parts removed and overwritten; a limit on file sizes",
            ["test_unharmed"],
        ),
        (
            "This machine's clock may be wrong by years",
            "a service in the past and one in the future",
            ["test_faults::test_a_slow_clock_and_a_fast_clock_of_this_machine_lose_nothing"],
        ),
    ],
    "Nothing leaked": [
        (
            "The token goes to the configured origin only and stands in no file, log or message",
            "every file and output searched, with faults, at debug level",
            ["test_leaks::test_the_token_stands_in_no_file_and_no_output", "test_client", "test_pages"],
        ),
        (
            "Personal data are hashed before they are stored",
            "every text of every table compared with the account's persons",
            ["test_leaks::test_personal_data_are_hashed_before_they_are_stored", "test_personal"],
        ),
    ],
}


def main(report: Path) -> int:
    """Write the page; 1 where a promise is not held."""
    passed, failed = Counter[str](), Counter[str]()
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own report
        module = case.get("classname", "").rpartition(".")[2]
        test = f"{module}::{case.get('name', '').partition('[')[0]}"
        outcome = failed if case.find("failure") is not None or case.find("error") is not None else passed
        for name in (module, test):
            outcome[name] += 1
    lines, broken = [HEAD], []
    for part, promises in PROMISES.items():
        lines.append(f"## {part}\n\n| promise | how it is tested | tests | cases passed |\n| --- | --- | --- | --- |\n")
        for promise, how, tests in promises:
            broken += [f"{promise}: {test}" for test in tests if failed[test] or not passed[test]]
            names = ", ".join(f"`{test}`" for test in tests)
            lines.append(f"| {promise} | {how} | {names} | {sum(passed[test] for test in tests)} |\n")
        lines.append("\n")
    PAGE.write_text("".join(lines).rstrip() + "\n", "utf-8")
    for line in broken:
        print(f"not held: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
