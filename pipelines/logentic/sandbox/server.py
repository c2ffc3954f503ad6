"""The account's API over real HTTP, on the loopback address only."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from threading import Event as Signal
from threading import Thread
from typing import NamedTuple

from logentic.sandbox.account import Account
from logentic.sandbox.api import Answer, Api, positive
from logentic.sandbox.clock import Clock
from logentic.sandbox.faults import Fault, RateLimit, Striking
from logentic.sandbox.handler import Handler, SandboxServer
from logentic.sandbox.live import LiveAccount
from logentic.sandbox.readings import Readings

TOKEN = "sandbox-token"  # noqa: S105 - not a secret: it opens made-up data only
LOG_LENGTH = 20_000

BeforeResponse = Callable[[str, dict[str, str], int], None]


class Request(NamedTuple):
    """One line of the log."""

    method: str
    path: str
    query: dict[str, str]
    status: int


class Sandbox(LiveAccount):
    """A live account behind an HTTP server."""

    def __init__(
        self,
        account: Account | None = None,
        port: int = 0,
        token: str = TOKEN,
        readings: Readings | None = None,
        faults: Sequence[Striking] = (),
        clock: Clock | None = None,
        *,
        latency_ms: float = 0.0,
        rate_limit: int | RateLimit | None = None,
    ) -> None:
        super().__init__(account or Account(), readings or Readings(), clock)
        self.token, self.faults = token, list(faults)
        self.latency = latency_ms / 1000
        self.rate_limit = RateLimit(rate_limit) if rate_limit and isinstance(rate_limit, int) else rate_limit or None
        self.requests: deque[Request] = deque(maxlen=LOG_LENGTH)
        self.methods: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.struck: Counter[str] = Counter()
        self.stopping = Signal()
        self._hooks: list[BeforeResponse] = []
        self._server = SandboxServer(("127.0.0.1", port), Handler)
        self._server.sandbox = self
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/v1"
        self._api = Api(self._state, self.origin)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "Sandbox":
        self.state()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    @property
    def writes(self) -> int:
        """How many requests tried to change something."""
        return sum(count for method, count in self.methods.items() if method != "GET")

    def before_response(self, hook: BeforeResponse) -> None:
        """Have `hook(path, query, n)` called before the n-th request (from 1) is answered: time can pass, rows
        can change.
        """
        self._hooks.append(hook)

    def strike(self, path: str, query: dict[str, str]) -> Fault | None:
        """The fault that hits a request, if any."""
        page = positive(query.get("page")) or 1
        with self.lock:
            for fault in self.faults:
                if struck := fault.strike(path, page):
                    self.struck[struck.kind] += 1
                    return struck
        return None

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        """The account's answer, as of its clock."""
        for hook in self._hooks:
            hook(path, query, self.methods["GET"])
        with self.lock:
            self.state()
            return self._api.answer(path, query)

    def log(self, method: str, path: str, query: dict[str, str], status: int) -> None:
        """Keep what was asked and answered; status 0 is no answer at all."""
        self.requests.append(Request(method, path, query, status))
        self.statuses[status] += 1
