#!/bin/sh
# The tap into the target, each in its own environment, as Singer has it.
here=$(dirname "$0")
printf '{"path": "%s", "default_target_schema": "raw"}' "$FILE" > "$FILE.config.json"
"$here/.venv/bin/python" "$here/tap.py" | "$here/../target_duckdb/.venv/bin/target-duckdb" --config "$FILE.config.json" > /dev/null
