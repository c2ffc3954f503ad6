"""An engine that cannot be used: one line, before anything is read. tests/spark really runs one."""

from pathlib import Path

import pytest
from command_line import logentic

from logentic.destinations.spark.connection import engine_address
from logentic.errors import UsageError, first_line


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({}, 2, "the engine is not named. Set SPARK_REMOTE to its address"),
        ({"SPARK_REMOTE": "localhost:15002"}, 2, "SPARK_REMOTE is not a Spark Connect address. Write it as sc://"),
        ({"SPARK_REMOTE": "sc://127.0.0.1:x"}, 2, "SPARK_REMOTE is not a Spark Connect address"),
        ({"SPARK_REMOTE": "sc://127.0.0.1:1/;token=s3cret"}, 1, "Spark on 127.0.0.1:1: Connection refused"),
        ({"LOGENTIC_DESTINATION": "duckdb"}, 2, "engine spark builds the tables of filesystem, not of duckdb"),
        ({"LOGENTIC_ENGINE": "flink"}, 2, "'none' or 'spark'"),
    ],
)
def test_an_engine_that_cannot_be_used_is_one_line_and_nothing_is_read(
    environment: dict[str, str], code: int, words: str, tmp_path: Path
) -> None:
    settings = {"destination": "filesystem", "engine": "spark", "api_token": "t", "base_url": "http://127.0.0.1:1/v1"}
    environment = {"DESTINATION__FILESYSTEM__BUCKET_URL": str(tmp_path / "lake"), **environment}
    done = logentic("run", "--db", "x", cwd=tmp_path, more_environment=environment, **settings)
    assert words in done.stderr
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.removeprefix("extract and load …\n").count("\n") == 1
    assert "s3cret" not in done.stderr


def test_what_the_wire_says_is_one_line() -> None:
    said = '<_InactiveRpcError of RPC that terminated with:\n\tstatus = UNAVAILABLE\n\tdetails = "refused"\n>'
    assert [first_line(message) for message in (said, "\n a table\nis missing", "")] == [
        "refused",
        "a table",
        "no message",
    ]


def test_a_client_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")
    monkeypatch.setattr("logentic.destinations.spark.connection.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the client of Spark is not installed") as refused:
        engine_address()
    assert refused.value.guidance == "Install logentic-elt[spark]."
