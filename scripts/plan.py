"""Write plan/*.json from the models; --check fails if they are stale."""

import sys

from logentic.transform.compile import ENGINES, compiled, write_plan
from logentic.transform.plan import plan_file, plan_of, sources_version


def main() -> None:
    stale = [engine for engine in ENGINES if not is_current(engine)]
    if sys.argv[1:] == ["--check"]:
        if stale:
            raise SystemExit(f"plan/{stale[0]}.json is not of these models: run `make plan`, then commit it.")
        return
    for engine in stale:
        write_plan(engine, compiled(engine))


def is_current(engine: str) -> bool:
    file = plan_file(engine)
    return file.exists() and plan_of(file.read_text("utf-8")).sources == sources_version()


if __name__ == "__main__":
    main()
