"""The crowd: buyers with a session each, who order, tap twice, pay, are declined or walk away. Run as a process of its
own: a Plan comes in as one line, Progress goes out as lines, and the last line is the Outcome (all JSON)."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from time import perf_counter, time

import msgspec

from buystream.rush.client import Client, HttpAnswer, NoAnswer
from buystream.vocabulary.ids import new_order_id
from buystream.vocabulary.order_states import HOLDING, ORDER_STATES

RETRY_SECONDS = 0.2
LOOK_SECONDS = 0.2
PROGRESS_SECONDS = 0.25
SESSIONS_AT_ONCE = 64
ENDED = tuple(ORDER_STATES.keys() - HOLDING)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the crowd does. The three shares are of all buyers; buyers in neither of the last two pay.
    `patience_seconds` is how long a buyer sends the same request again after 503 or no answer. `sources` are where
    buyers come from, in turn; one that is empty isn't said."""

    url: str
    edition_id: str
    price_minor: int
    buyers: int
    concurrency: int
    quantity: int = 1
    duplicates: float = 0.2
    abandon: float = 0.1
    decline: float = 0.1
    patience_seconds: float = 60.0
    sources: tuple[str, ...] = ()


class CrowdProgress(msgspec.Struct, frozen=True, tag="progress"):
    """Where the crowd is: sessions generated, orders answered, buyers that are done."""

    sessions: int
    answered: int
    done: int


class Outcome(msgspec.Struct, kw_only=True, tag="outcome"):
    """What the crowd saw. Times in seconds since the epoch; `answers` counts every answer to an order, `outcomes` what
    each buyer's order came to (`held` or the refusal's reason or `unanswered`), `endings` what became of the held."""

    buyers: int = 0
    duplicates_sent: int = 0
    contradictions: int = 0
    retries: int = 0
    answers: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    latencies_ms: list[float] = []
    outcomes: dict[str, int] = {}
    endings: dict[str, int] = {}
    acknowledged: dict[str, str] = {}


Line = CrowdProgress | Outcome


class Crowd:
    """All buyers of one process, on one event loop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._client = Client(plan.url)
        self._outcomes: Counter[str] = Counter()
        self._endings: Counter[str] = Counter()
        self._seen = Outcome(buyers=plan.buyers)
        self._sessions: list[str] = []
        self._order_ids: list[str] = []
        self._done = 0

    @property
    def progress(self) -> CrowdProgress:
        """Where the crowd is now."""
        return CrowdProgress(len(self._sessions), self._outcomes.total(), self._done)

    async def run(self) -> Outcome:
        """Sessions first, then the clock starts and everyone orders."""
        numbers = iter(range(self._plan.buyers))
        await asyncio.gather(*(self._mint_sessions(numbers) for _ in range(SESSIONS_AT_ONCE)))
        self._order_ids = [new_order_id(self._plan.edition_id) for _ in range(self._plan.buyers)]
        numbers = iter(range(self._plan.buyers))
        endings: list[asyncio.Task[None]] = []
        self._seen.began_at = time()
        await asyncio.gather(*(self._order_in_turn(numbers, endings) for _ in range(self._plan.concurrency)))
        self._seen.ended_at = time()
        await asyncio.gather(*endings)
        self._client.close()
        self._seen.outcomes, self._seen.endings = dict(self._outcomes), dict(self._endings)
        return self._seen

    async def _mint_sessions(self, numbers: Iterator[int]) -> None:
        for _ in numbers:
            answer = await self._persist("POST", "/v1/session", "", b"{}")
            self._sessions.append(str(answer.json()["token"]) if answer else "")

    async def _order_in_turn(self, numbers: Iterator[int], endings: list[asyncio.Task[None]]) -> None:
        for number in numbers:
            order_id = self._order_ids[number]
            outcome = await self._place(number, order_id)
            self._outcomes[outcome] += 1
            if outcome == "held":
                endings.append(asyncio.create_task(self._end(number, order_id)))
            else:
                self._done += 1

    async def _place(self, number: int, order_id: str) -> str:
        """`held`, the refusal's reason, or `unanswered`."""
        is_double = _is_chosen(number, self._plan.duplicates, after=0)
        self._seen.duplicates_sent += is_double
        sent = self._order_of(number, order_id)
        taps = [self._tap(number, sent) for _ in range(2 if is_double else 1)]
        answers = await asyncio.gather(*taps) if is_double else [await taps[0]]
        statuses = [answer.status for answer in answers if answer is not None]
        if statuses.count(201) > 1:
            self._seen.contradictions += 1
        if 201 in statuses or 200 in statuses:
            self._seen.acknowledged[order_id] = "held"
            return "held"
        answered = next((answer for answer in answers if answer is not None), None)
        return "unanswered" if answered is None else str(answered.json().get("reason", answered.status))

    def _order_of(self, number: int, order_id: str) -> bytes:
        order = {
            "order_id": order_id,
            "edition_id": self._plan.edition_id,
            "quantity": self._plan.quantity,
            "price_minor": self._plan.price_minor,
        }
        sources = self._plan.sources
        source = sources[number % len(sources)] if sources else ""
        return msgspec.json.encode(order | ({"placement": {"source": source}} if source else {}))

    async def _tap(self, number: int, order: bytes) -> HttpAnswer | None:
        started = perf_counter()
        answer = await self._persist("POST", "/v1/orders", self._sessions[number], order)
        if answer is not None:
            self._seen.answers += 1
            self._seen.latencies_ms.append((perf_counter() - started) * 1000)
        return answer

    async def _end(self, number: int, order_id: str) -> None:
        """What a buyer does with a held order."""
        plan = self._plan
        if _is_chosen(number, plan.abandon, after=plan.duplicates):
            ending = "abandoned"
        elif _is_chosen(number, plan.decline, after=plan.duplicates + plan.abandon):
            ending = await self._be_declined(number, order_id)
        else:
            ending = await self._pay(number, order_id, "sandbox_accepted", until=ENDED)
        self._endings[ending] += 1
        self._done += 1

    async def _be_declined(self, number: int, order_id: str) -> str:
        """Pay with a card that is declined, then give the hold back."""
        seen = await self._pay(number, order_id, "sandbox_declined", until=(*ENDED, "declined"))
        if seen != "declined":
            # A payment sent again after an unknown outcome is another attempt; after the last one the shop itself gives
            # the hold back.
            return "declined" if seen == "cancelled" else seen
        answer = await self._persist("POST", f"/v1/orders/{order_id}/cancel", self._sessions[number])
        if answer is not None and answer.status == 200:
            self._seen.acknowledged[order_id] = "cancelled"
        return "declined"

    async def _pay(self, number: int, order_id: str, payment_method: str, *, until: tuple[str, ...]) -> str:
        """The order's or its payment's state once it is one of `until`; `unpaid_<status>` or `unknown` otherwise."""
        token = self._sessions[number]
        payment = {
            "payment_method": payment_method,
            "delivery": {
                "name": f"Buyer {number}",
                "email": f"buyer{number}@example.com",
                "address": {
                    "country": "GB",
                    "street": ["1 Example Street"],
                    "city": "London",
                    "postal_code": "EC1A 1BB",
                },
            },
            "save": False,
            "attempt": 1,
        }
        answer = await self._persist("POST", f"/v1/orders/{order_id}/payment", token, msgspec.json.encode(payment))
        if answer is None or answer.status not in (202, 409):
            return f"unpaid_{answer.status if answer else 'unanswered'}"
        # 409: a repeat after an unknown outcome gets this when the order was already paid.
        while (answer := await self._persist("GET", f"/v1/orders/{order_id}", token)) and answer.status == 200:
            order = answer.json()
            paid = order["payment"] if isinstance(order["payment"], dict) else {}
            for state in (str(order["state"]), str(paid.get("state"))):
                if state in until:
                    self._seen.acknowledged[order_id] = str(order["state"])
                    return state
            await asyncio.sleep(LOOK_SECONDS)
        return "unknown"

    async def _persist(self, method: str, path: str, token: str, body: bytes = b"") -> HttpAnswer | None:
        """The same request until it is answered or patience ends: every one of them may be sent again."""
        patience_ends = perf_counter() + self._plan.patience_seconds
        while True:
            wait_seconds = RETRY_SECONDS
            try:
                answer = await self._client.request(method, path, token=token, body=body)
                if answer.status not in (500, 503):
                    return answer
                wait_seconds = max(wait_seconds, answer.retry_after_seconds)
            except NoAnswer:
                pass
            if perf_counter() > patience_ends:
                return None
            self._seen.retries += 1
            await asyncio.sleep(wait_seconds)


def _is_chosen(number: int, share: float, *, after: float) -> bool:
    """Whether this buyer is among `share` of every 100, counted on from `after`: shares that follow one another don't
    overlap, and every hundred buyers in a row hold all of them."""
    # 37 is prime to 100: the chosen are spread over the crowd instead of standing side by side.
    place = number * 37 % 100
    start = round(after * 100)
    return start <= place < start + round(share * 100)


async def main() -> None:
    """The process: one line in, lines out."""
    plan = msgspec.json.decode(sys.stdin.readline(), type=Plan)
    crowd = Crowd(plan)
    running = asyncio.create_task(crowd.run())
    while not (await asyncio.wait({running}, timeout=PROGRESS_SECONDS))[0]:
        _say(crowd.progress)
    _say(crowd.progress)
    _say(running.result())


def _say(line: Line) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
