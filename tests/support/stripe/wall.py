"""The wall: an HTTP server in front of localstripe, on a thread of the test, that answers as Stripe does, and
misbehaves by a plan. Used as a context; tests steer it by its methods, from any thread."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from tests.support.patience import Deadline, patient
from tests.support.ports import reserved_port
from tests.support.stripe.answers import Answer, Json, Refused
from tests.support.stripe.api import Api
from tests.support.stripe.forms import Form, unflatten
from tests.support.stripe.idempotency import IdempotencyKeys
from tests.support.stripe.plan import Behaves, Fault, Plan
from tests.support.stripe.upstream import Upstream
from tests.support.stripe.webhooks import Mailer

API_KEY = "sk_test_51ofTheTestsAndOfNobodyElse"
WEBHOOK_SECRET = "whsec_ofTheTestsAndOfNobodyElse"
SLOW_SECONDS = 0.03
LOOK_SECONDS = 0.01
ASKED_AGAIN_SECONDS = 2
SILENT_SECONDS_MAX = 300
"""For a client that never gives up."""

STEER_SECONDS = 60

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request to the API, as it came."""

    method: str
    path: str
    form: Form
    key: str
    headers: dict[str, str]

    @property
    def operation(self) -> str:
        """For example `create payment_intents`, `capture payment_intents`, `get disputes`."""
        kind, *more = self.path.removeprefix("/v1/").split("/")
        verb = "get" if self.method == "GET" else more[1] if len(more) > 1 else "update" if more else "create"
        return f"{verb} {kind}"


class Wall:
    """One account at Stripe, empty at first."""

    def __init__(self, localstripe_url: str, *, plan: Plan | None = None) -> None:
        self.plan: Plan = plan or Behaves()
        self.calls: list[Call] = []
        """Every call to the API, whatever became of it."""
        self._answering = 0
        self._localstripe_url = localstripe_url
        self._port = reserved_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wall", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._steer(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steer(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # What tests do to it.

    def send_webhooks_to(self, url: str | None, *secrets: str) -> None:
        """From now on; signed with each of the secrets."""
        self.mail.url, self.mail.secrets = url, secrets or (WEBHOOK_SECRET,)

    def start_empty(self) -> None:
        """Forget everything: another account."""
        self._steer(self._empty())

    def authenticate(self, id_: str, *, approve: bool) -> Json:
        """The buyer decides at the bank's page of an intent."""
        return self._steer(self.api.authenticate(id_, approve))

    def expire(self, intent_id: str) -> Json:
        """The intent's reservation ends."""
        return self._steer(self.api.intents.expire(intent_id))

    def dispute(self, intent_id: str, *, amount_minor: int | None = None) -> Json:
        """The cardholder disputes a payment."""
        return self._steer(self.api.disputes.open(intent_id, amount_minor=amount_minor))

    def close_dispute(self, dispute_id: str, *, won: bool) -> Json:
        """The bank decides."""
        return self._steer(self.api.disputes.close(dispute_id, won=won))

    def settle_refund(self, refund_id: str, *, succeeded: bool) -> Json:
        """A pending refund arrives, or one fails."""
        return self._steer(self.api.refunds.settle(refund_id, succeeded=succeeded))

    def request(self, method: str, path: str, **form: Any) -> Json:
        """What the API answers somebody who uses the dashboard, whatever the plan is. Raises Refused."""
        return self._steer(self.api.call(method, path, form))

    def intents_of(self, payment_id: str) -> list[str]:
        """The ids of one of our payments' intents: one, unless something is wrong."""
        return self.api.intents.of_payment(payment_id)

    def pending_refunds(self) -> list[Json]:
        """Refunds that neither arrived nor failed yet."""
        return [refund for refund in self.api.refunds.book.values() if refund["status"] == "pending"]

    def books(self) -> tuple[list[Json], list[Json], list[Json]]:
        """All intents, refunds that were requested, and disputes."""
        return self.intents(), list(self.api.refunds.book.values()), list(self.api.disputes.book.values())

    @property
    def busy(self) -> bool:
        """Whether an answer or a webhook is under way."""
        return self._answering > 0 or self.mail.busy

    def intents(self) -> list[Json]:
        """All PaymentIntents, oldest first."""
        return self._steer(self.api.intents.every())

    def redeliver(self, event: Json) -> None:
        """Send an old event once more."""
        self._loop.call_soon_threadsafe(lambda: self.mail.deliver(event))

    def settle(self) -> None:
        """Returns when every webhook was accepted or given up."""
        self._steer(self._settled())

    # How it works.

    def _steer(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(patient(STEER_SECONDS))

    async def _start(self) -> None:
        connections = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connections, timeout=aiohttp.ClientTimeout(total=patient(60)))
        await self._empty()
        app = web.Application()
        app.router.add_route("*", "/v1/{rest:.*}", self._serve)
        app.router.add_post("/localstripe", self._pass_on)
        app.router.add_route("*", "/bank/{id}", self._bank)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def _empty(self) -> None:
        url, secrets = (self.mail.url, self.mail.secrets) if hasattr(self, "mail") else (None, (WEBHOOK_SECRET,))
        self.mail = Mailer(self._session, self._copies)
        self.mail.url, self.mail.secrets = url, secrets
        self._keys = IdempotencyKeys()
        self._upstream = Upstream(self._localstripe_url, self._session)
        await self._upstream.start_empty(webhook_url=f"{self.url}/localstripe", webhook_secret=WEBHOOK_SECRET)
        self.api = Api(self._upstream, self.mail, bank_page=f"{self.url}/bank/")
        self.calls.clear()

    async def _stop(self) -> None:
        await self.mail.close()
        await self._runner.cleanup()
        await self._session.close()

    async def _settled(self) -> None:
        await asyncio.sleep(0.02)  # localstripe's own webhooks are on their way to here
        await self.mail.settle()

    def _copies(self, event: Json) -> tuple[float, ...]:
        return self.plan.copies(self._about_object(event["data"]["object"]), event)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        form = unflatten([*parse_qsl(request.query_string), *parse_qsl(content.decode(), keep_blank_values=True)])
        key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        call = Call(request.method, request.path, form, key, dict(request.headers))
        self.calls.append(call)
        about = self._about(call)
        fault = self.plan.fault(about, call.operation)
        self._answering += 1
        try:
            answer = await self._answer(call, about, content, fault, request)
        except Refused as refusal:
            answer = refusal.answer
        finally:
            self._answering -= 1
        if fault in (Fault.SILENT_BEFORE, Fault.SILENT_AFTER):
            await self._given_up(request)
        if fault in (Fault.CUT_BEFORE, Fault.DROPPED_AFTER, Fault.SILENT_BEFORE, Fault.SILENT_AFTER):
            if request.transport:
                request.transport.abort()
            return web.Response()
        headers = {"Request-Id": f"req_{len(self.calls):014d}", "Idempotency-Key": key, **answer.headers}
        return web.json_response(answer.body, status=answer.status, headers=headers)

    async def _given_up(self, request: web.Request) -> None:
        """Until the client has closed its connection, however long it waits on this machine."""
        asked_at = self._loop.time()
        while request.transport is not None and not request.transport.is_closing():
            assert self._loop.time() - asked_at < SILENT_SECONDS_MAX, "the client waits for ever"
            await asyncio.sleep(LOOK_SECONDS)

    async def _asked_again(self, key: str) -> None:
        """Until the client has come again with the key, which is in use; not for ever, for it may have been killed."""
        deadline = Deadline(ASKED_AGAIN_SECONDS)
        while not self._keys.asked_again(key) and not deadline.passed:
            await asyncio.sleep(LOOK_SECONDS)

    async def _answer(
        self, call: Call, about: str, content: bytes, fault: Fault | None, request: web.Request
    ) -> Answer:
        """Act, unless the fault is that nothing is done. Raises Refused."""
        if call.headers.get("Authorization") != f"Bearer {API_KEY}":
            raise Refused("Invalid API Key provided: sk_test_****lse", status=401)
        if fault is Fault.RATE_LIMITED:
            answer = Refused("Too many requests.", status=429, code="rate_limit").answer
            answer.headers["Retry-After"] = "0"
            return answer
        if fault is Fault.UNAVAILABLE:
            return Refused("Come again.", status=503, kind="api_error").answer
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW_SECONDS)

        async def act() -> Answer:
            if fault is Fault.HANGS:
                await self._given_up(request)
                await self._asked_again(call.key)
            if fault is None or fault.acts:
                answer = await self._act(call, about)
            if fault in (Fault.ERROR_BEFORE, Fault.ERROR_AFTER):
                return Refused("An unknown error occurred.", status=500, kind="api_error").answer
            return answer

        if fault in (Fault.CUT_BEFORE, Fault.SILENT_BEFORE):
            return Answer(0, {})
        if not call.key:
            return await act()
        try:
            return await self._keys.once(call.key, (call.path, content), act)
        finally:
            if fault is Fault.WEBHOOKS_FIRST:
                await self._settled()

    async def _act(self, call: Call, about: str) -> Answer:
        pends = call.path == "/v1/refunds" and call.method == "POST" and self.plan.refund_pends(about)
        try:
            return Answer(200, await self.api.call(call.method, call.path, call.form, refund_pends=pends))
        except Refused as refusal:
            if refusal.begun:
                return refusal.answer
            raise

    def _about(self, call: Call) -> str:
        """Our payment's id, or the nearest to it that the call tells."""
        ids = [part for part in call.path.split("/") if part.startswith("pi_")]
        return self._about_object(call.form) or self._about_object({"payment_intent": (*ids, None)[0]}) or call.key

    def _about_object(self, it: Json) -> str:
        metadata = it.get("metadata") or self.api.intents.about(it.get("payment_intent"))
        return str(metadata.get("payment_id", ""))

    async def _pass_on(self, request: web.Request) -> web.Response:
        event = await request.json()
        if event["type"].startswith("payment_intent."):
            await self.api.intents.pass_on(event["type"], event["data"]["object"])
        else:
            self.mail.send(event["type"], event["data"]["object"])
        return web.Response()

    async def _bank(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if request.method == "GET":
            return web.Response(text=BANK_PAGE, content_type="text/html")
        intent = await self.api.get(id_)
        back = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get("return_url")
        approve = (await request.post()).get("decision") == "approve"
        await self.api.authenticate(id_, approve)
        if not back:
            return web.Response(text="You may close this page.")
        kind = "setup_intent" if id_.startswith("seti_") else "payment_intent"
        told = f"{kind}={id_}&redirect_status={'succeeded' if approve else 'failed'}"
        return web.Response(status=303, headers={"Location": f"{back}{'&' if '?' in back else '?'}{told}"})


BANK_PAGE = """<!doctype html><title>Bank of the tests</title><form method="post">
<button name="decision" value="approve">Approve</button><button name="decision" value="reject">Reject</button></form>"""
