"""A structure-aware fuzzer: valid pages, headers and state files of the sandbox, each with something wrong in it.

`make fuzz` runs it; CONTRIBUTING.md says how to repeat one case. `mutations.py` is the catalogue, `cases.py` drives
the parser and the pager, `runs.py` whole runs of the command.
"""
