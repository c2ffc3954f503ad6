"""Check the subjects of commits since FIRST: at most 72 characters, and no period at the end.

In a shallow clone or outside a repository, only the commits that exist are checked.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIRST = "c50379792c72f349510aef05dcbd17588447d28a"
LONGEST = 72


def main() -> int:
    known = git("cat-file", "-e", FIRST).returncode == 0
    log = git("log", "--no-merges", "--format=%h %s", f"{FIRST}..HEAD" if known else "HEAD", "--max-count=200")
    wrong = [line for line in log.stdout.splitlines() if is_wrong(line.partition(" ")[2])]
    for line in wrong:
        print(f"{line}\n  a subject has at most {LONGEST} characters and no period at the end", file=sys.stderr)
    return int(bool(wrong))


def is_wrong(subject: str) -> bool:
    return len(subject) > LONGEST or subject.endswith(".")


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
