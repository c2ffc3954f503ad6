"""Logentic, once a day, for Airflow 3: extract → build → verify, and notify whatever happened.

Copy this file to your DAG folder. It needs nothing but Airflow: each task calls `logentic` in its own environment or
container. What it wants of you:

- connection `logentic`: password the API token, host the base URL if it is not the usual one, and in extra, if somebody
  is to be told, `{"alert_urls": "slack://… mailto://…"}`. From any secrets backend.
- pool `logentic` of one slot: one process at a time writes a DuckDB file.
- variables `logentic_command` and `logentic_db`, if these defaults are not yours.

A retry is safe: a run that is repeated goes on where the one before it ended. A backfill reads its days again.
"""

import os
import shlex
import subprocess

import pendulum
from airflow.sdk import DAG, Asset, Connection, Variable, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.log import mask_secret
from airflow.timetables.interval import CronDataIntervalTimetable

COMMAND = "/srv/logentic/.venv/bin/logentic"
FILE = "/srv/logentic/data/logentic.duckdb"
# What downstream DAGs wait for: `schedule=[Asset("logentic_stock")]`.
TABLES = [Asset(f"logentic_{group}") for group in ("orders", "stock", "storage", "invoices")]
WRONG_USAGE = 2  # a wrong setting is as wrong at the next attempt


def logentic(*arguments: str) -> None:
    """Run the command and pass on what it says. The token goes by the environment, and into no log."""
    connection = Connection.get("logentic")
    settings = {"LOGENTIC_API_TOKEN": connection.password or ""}
    if connection.host:
        settings["LOGENTIC_BASE_URL"] = connection.host
    settings["LOGENTIC_ALERT_URLS"] = connection.extra_dejson.get("alert_urls", "")
    for name in ("LOGENTIC_API_TOKEN", "LOGENTIC_ALERT_URLS"):
        mask_secret(settings[name])
    command = [*shlex.split(Variable.get("logentic_command", default=COMMAND)), *arguments]
    command += ["--db", Variable.get("logentic_db", default=FILE)]
    process = subprocess.Popen(  # noqa: S603 - no shell, and the operator's own command
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for line in process.stdout:
            print(line, end="")
        code = process.wait()
    finally:
        process.terminate()  # a task that is stopped leaves no run behind
    if code == WRONG_USAGE:
        raise AirflowFailException(f"logentic {arguments[0]}: wrong option or setting, see above")
    if code:
        raise RuntimeError(f"logentic {arguments[0]} ended with exit code {code}, see above")


with DAG(
    "logentic",
    schedule=CronDataIntervalTimetable("0 5 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2015, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "pool": "logentic"},
    doc_md=__doc__,
):

    @task
    def extract() -> None:
        run = get_current_context()["dag_run"]
        days = []
        if run.run_type == "backfill":
            days = ["--start", f"{run.data_interval_start:%Y-%m-%d}", "--end", f"{run.data_interval_end:%Y-%m-%d}"]
        logentic("run", "--no-models", "--wait", "600", "--fail-on", "incomplete", *days)

    @task
    def build() -> None:
        logentic("build", "--wait", "600")

    @task(outlets=TABLES)
    def verify() -> None:
        logentic("verify", "--fail-on", "differences")

    @task
    def notify() -> None:
        if not Connection.get("logentic").extra_dejson.get("alert_urls"):
            raise AirflowSkipException("nobody is to be told: the connection has no alert_urls")
        logentic("notify")

    # A teardown runs whatever happened, and hides no failure: the run is as its last real task.
    extract() >> build() >> verify() >> notify().as_teardown()
