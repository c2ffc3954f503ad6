"""PyAirbyte with a declarative manifest (source.yaml), into its DuckDB cache.

In: BASE_URL, TOKEN, FILE from the environment. Out: FILE, schema `raw`.
"""

import os
from pathlib import Path

os.environ["AIRBYTE_OFFLINE_MODE"] = os.environ["DO_NOT_TRACK"] = "1"

import airbyte as ab
import yaml
from airbyte.caches import DuckDBCache

if __name__ == "__main__":
    manifest = yaml.safe_load((Path(__file__).parent / "source.yaml").read_text("utf-8"))
    config = {"base_url": os.environ["BASE_URL"], "api_token": os.environ["TOKEN"]}
    source = ab.get_source("source-logentic", config=config, source_manifest=manifest, streams="*")
    cache = DuckDBCache(db_path=os.environ["FILE"], schema_name="raw", cache_dir=Path(os.environ["FILE"]).parent)
    source.read(cache=cache)
