"""An account for the DAG to read: `service.py TOKEN`, in logentic's own environment. Prints its address.

It refuses the first request, so that the first attempt of the first task fails and has to be repeated.
"""

import sys
import threading
from datetime import UTC, datetime

from logentic.sandbox import Account, Clock, Fault, Sandbox

with Sandbox(Account(seed=6, scale=0.05, days=12), token=sys.argv[1], clock=Clock(datetime.now(UTC))) as sandbox:
    sandbox.faults = [Fault("unauthorized", times=1)]
    print(sandbox.url, flush=True)
    threading.Event().wait()
