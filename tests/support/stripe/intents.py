"""PaymentIntents (https://docs.stripe.com/payments/paymentintents/lifecycle): localstripe keeps them, and this adds
what it lacks: test tokens, saving the card, off-session refusals, a bank's page, reasons, expiry, and the webhooks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.stripe import connect
from tests.support.stripe.amounts import refuse_off_step, refuse_uncharged
from tests.support.stripe.answers import Json, Refused, declined, missing, unexpected_state
from tests.support.stripe.cards import PaymentMethods
from tests.support.stripe.charges import Charges
from tests.support.stripe.forms import Form, truth, whole
from tests.support.stripe.upstream import Upstream
from tests.support.stripe.webhooks import Mailer

SHOWN_AGAIN = {
    "automatic_payment_methods", "description", "payment_method_options", "payment_method_types", "receipt_email",
    "setup_future_usage", "shipping", "statement_descriptor", "statement_descriptor_suffix",
}  # fmt: skip
CONFIRMING = {
    "confirmation_token", "error_on_requires_action", "mandate_data", "off_session", "payment_method", "return_url",
    "setup_future_usage", "use_stripe_sdk", "capture_method", "payment_method_options", "payment_method_types",
}  # fmt: skip
CREATING = {"amount", "currency", "customer", "metadata", "confirm"} | CONFIRMING | SHOWN_AGAIN | connect.PARAMETERS
CAPTURING = {"amount_to_capture", "application_fee_amount", "final_capture", "metadata", "statement_descriptor_suffix"}
UPDATING = {"metadata", "description", "receipt_email"}
CANCELLABLE = {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
AUTHENTICATION_REQUIRED = "authentication_required"


@dataclass
class Memory:
    """What the wall knows of an intent beyond localstripe: fields to show, and what overrides its status."""

    shown: Json
    client_secret: str
    metadata: Json = field(default_factory=dict)
    override: Json = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Intents:
    """All PaymentIntents."""

    def __init__(
        self, *, upstream: Upstream, methods: PaymentMethods, charges: Charges, mail: Mailer, bank_page: str
    ) -> None:
        self._upstream = upstream
        self._methods = methods
        self._charges = charges
        self._mail = mail
        self._bank_page = bank_page
        self._memories: dict[str, Memory] = {}

    async def create(self, form: Form) -> Json:
        """POST /v1/payment_intents."""
        refuse_unknown(form, CREATING)
        for name in ("amount", "currency"):
            if name not in form:
                raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
        refuse_uncharged(int(form["amount"]), form["currency"].lower())
        shares = connect.read(form, int(form["amount"]))
        form = await self._with_method(form, form.get("customer"))
        refuse_without_return_url(form)
        wanted = {name: form.get(name) for name in ("amount", "customer", "metadata", "payment_method")}
        wanted |= {"currency": form["currency"].lower(), "capture_method": form.get("capture_method", "automatic")}
        status, raw = await self._upstream.post("/v1/payment_intents", wanted)
        if status != 200:
            raise missing("customer", form["customer"], "customer") if status == 404 else Refused(str(raw))
        shown = {name: form.get(name) for name in SHOWN_AGAIN} | shares
        memory = self._memories[raw["id"]] = Memory(shown, raw["client_secret"], form.get("metadata") or {})
        self._mail.send("payment_intent.created", await self.get(raw["id"]))
        if truth(form, "confirm"):
            async with memory.lock:
                await self._confirm(raw["id"], form)
        return await self.get(raw["id"])

    async def confirm(self, id_: str, form: Form) -> Json:
        """POST /v1/payment_intents/{id}/confirm; also again after a decline."""
        refuse_unknown(form, CONFIRMING)
        async with self._of(id_) as intent:
            if intent["status"] not in ("requires_confirmation", "requires_payment_method"):
                raise unexpected_state(intent, "confirmed")
            form = await self._with_method(form, intent["customer"])
            method = form.get("payment_method", intent["payment_method"])
            if method is None:
                raise Refused("You cannot confirm this PaymentIntent because it's missing a payment method.")
            memory = self._memories[id_]
            memory.shown |= {name: form[name] for name in SHOWN_AGAIN & form.keys()}
            memory.override = {}
            await self._upstream.overwrite(
                f"/v1/payment_intents/{id_}", {"latest_charge": None, "payment_method": method}
            )
            await self._confirm(id_, form)
        return await self.get(id_)

    async def update(self, id_: str, form: Form) -> Json:
        """POST /v1/payment_intents/{id}."""
        refuse_unknown(form, UPDATING)
        async with self._of(id_):
            if "metadata" in form:
                await self._upstream.post(f"/v1/payment_intents/{id_}", {"metadata": form["metadata"]})
            self._memories[id_].shown |= {name: form[name] for name in form.keys() - {"metadata"}}
        return await self.get(id_)

    async def capture(self, id_: str, form: Form) -> Json:
        """POST /v1/payment_intents/{id}/capture, whole or in part; the rest is released."""
        refuse_unknown(form, CAPTURING)
        async with self._of(id_) as intent:
            if intent["status"] != "requires_capture":
                raise unexpected_state(intent, "captured")
            amount_minor = whole(form, "amount_to_capture") or intent["amount"]
            refuse_off_step(amount_minor, intent["currency"], param="amount_to_capture")
            if amount_minor > intent["amount"]:
                raise Refused("The amount to capture is too large.", code="amount_too_large", begun=True)
            memory = self._memories[id_]
            if (fee_minor := whole(form, "application_fee_amount")) is not None:
                memory.shown["application_fee_amount"] = fee_minor
            elif (memory.shown["application_fee_amount"] or 0) > amount_minor:
                raise Refused("The application fee is more than what is captured.", param="application_fee_amount")
            status, body = await self._upstream.post(
                f"/v1/payment_intents/{id_}/capture", {"amount_to_capture": amount_minor}
            )
            assert status == 200, body
            moved = self._charges.of(intent["latest_charge"])
            moved.released_minor = intent["amount"] - amount_minor
            if moved.released_minor:
                _, made = await self._upstream.get("/v1/refunds", charge=intent["latest_charge"])
                told = {"payment_intent": id_, "reason": None, "failure_reason": None}
                self._charges.releases.append({**made["data"][0], **told})
            await self._moved(id_, amount_minor)
            self._mail.send("charge.captured", await self.charge(await self.get(id_)))
        return await self.get(id_)

    async def cancel(self, id_: str, form: Form) -> Json:
        """POST /v1/payment_intents/{id}/cancel: what was reserved is released."""
        refuse_unknown(form, {"cancellation_reason"})
        return await self._end(id_, form.get("cancellation_reason"), charge_event="charge.refunded")

    async def expire(self, id_: str) -> Json:
        """The reservation has lasted as long as it can."""
        return await self._end(id_, "automatic", charge_event="charge.expired")

    async def authenticate(self, id_: str, approve: bool) -> Json:
        """The buyer was at the bank's page. A card may be declined even then."""
        async with self._of(id_) as intent:
            if intent["status"] != "requires_action":
                raise unexpected_state(intent, "authenticated")
            memory = self._memories[id_]
            memory.override = {}
            status, body = await self._authenticated(id_, approve)
            if not approve:
                memory.override["last_payment_error"] = {
                    "type": "card_error",
                    "code": "payment_intent_authentication_failure",
                    "message": "The provided PaymentMethod has failed authentication.",
                }
                self._mail.send("payment_intent.payment_failed", await self.get(id_))
            elif status == 402:
                self._failed(id_, intent["payment_method"])
            else:
                assert status == 200, body
                await self._authorised(id_)
        return await self.get(id_)

    async def get(self, id_: str) -> Json:
        """GET /v1/payment_intents/{id}."""
        status, raw = await self._upstream.get(f"/v1/payment_intents/{id_}")
        if status != 200 or id_ not in self._memories:
            raise missing("payment_intent", id_, "intent")
        return self.shown(raw)

    async def every(self) -> list[Json]:
        """All, oldest first."""
        return [self.shown(raw) for raw in await self._upstream.every("/v1/payment_intents")]

    def about(self, id_: str | None) -> Json:
        """The metadata of an intent, empty if there is no such intent."""
        return self._memories[id_].metadata if id_ in self._memories else {}

    def of_payment(self, payment_id: str) -> list[str]:
        """The intents of one of our payments: one, unless something is wrong."""
        return [id_ for id_, memory in self._memories.items() if memory.metadata.get("payment_id") == payment_id]

    async def charge(self, intent: Json) -> Json:
        """The latest one."""
        return self._charges.shown(await self._charges.raw(intent["latest_charge"]), intent)

    async def pass_on(self, kind: str, raw: Json) -> None:
        """localstripe sent a webhook; it continues as Stripe would tell it, once what caused it is remembered."""
        while raw["id"] not in self._memories:
            await asyncio.sleep(0.005)
        async with self._memories[raw["id"]].lock:
            self._mail.send(kind, self.shown(raw))

    def shown(self, raw: Json) -> Json:
        """As Stripe shows it."""
        memory = self._memories[raw["id"]]
        charge = raw["latest_charge"]
        intent = {
            **{name: value for name, value in raw.items() if name != "charges"},
            "canceled_at": None,
            "cancellation_reason": None,
            "livemode": False,
            **memory.shown,
            "latest_charge": charge and charge["id"],
            **memory.override,
        }
        capturable = intent["status"] == "requires_capture"
        intent["amount_capturable"] = intent["amount"] if capturable else 0
        intent["amount_received"] = self._charges.of(charge["id"]).captured_minor if charge else 0
        return intent

    @asynccontextmanager
    async def _of(self, id_: str) -> AsyncIterator[Json]:
        if id_ not in self._memories:
            raise missing("payment_intent", id_, "intent")
        async with self._memories[id_].lock:
            yield await self.get(id_)

    async def _with_method(self, form: Form, customer: str | None) -> Form:
        if token := form.get("confirmation_token"):
            form = {**self._methods.confirmation_token(token), **form}
        if method := form.get("payment_method"):
            form = {**form, "payment_method": await self._methods.resolve(method, customer=customer)}
        return form

    async def _confirm(self, id_: str, form: Form) -> None:
        """Reserve, ask the bank, or raise the decline. The intent's lock is held."""
        memory = self._memories[id_]
        method = (await self.get(id_))["payment_method"]
        asks = self._methods.needs_authentication(method)
        if asks and (truth(form, "off_session") or truth(form, "error_on_requires_action")):
            self._failed(id_, method, code=AUTHENTICATION_REQUIRED, decline_code=AUTHENTICATION_REQUIRED)
            memory.override["status"] = "requires_payment_method"
            intent = await self.get(id_)
            self._mail.send("payment_intent.payment_failed", intent)
            raise declined(intent, code=AUTHENTICATION_REQUIRED, decline_code=AUTHENTICATION_REQUIRED)
        status, body = await self._upstream.post(f"/v1/payment_intents/{id_}/confirm", {})
        if body.get("next_action") and not asks:
            status, body = await self._authenticated(id_, True)
        if status == 402:
            self._failed(id_, method)
            intent = await self.get(id_)
            self._mail.send("charge.failed", await self.charge(intent))
            raise declined(intent, decline_code=self._methods.card(method).decline_code)
        assert status == 200, body
        if asks:
            memory.override["next_action"] = self._next_action(id_, form.get("return_url"))
            self._mail.send("payment_intent.requires_action", await self.get(id_))
        else:
            await self._authorised(id_)

    async def _authenticated(self, id_: str, approve: bool) -> tuple[int, Json]:
        form = {"client_secret": self._memories[id_].client_secret, "success": approve}
        return await self._upstream.post(f"/v1/payment_intents/{id_}/_authenticate", form)

    async def _authorised(self, id_: str) -> None:
        """Money is reserved; with automatic capture it has moved."""
        intent = await self.get(id_)
        self._methods.used(intent["payment_method"])
        if intent["setup_future_usage"] and intent["customer"]:
            await self._methods.attach(intent["payment_method"], intent["customer"])
        if intent["status"] == "succeeded":
            await self._moved(id_, intent["amount"])
        self._mail.send("charge.succeeded", await self.charge(intent))
        if intent["status"] == "requires_capture":
            self._mail.send("payment_intent.amount_capturable_updated", intent)

    async def _moved(self, id_: str, amount_minor: int) -> None:
        intent = await self.get(id_)
        self._charges.of(intent["latest_charge"]).captured_minor = amount_minor
        self._charges.connect.captured(intent["latest_charge"], intent, amount_minor)

    def _failed(self, id_: str, method: str, *, code: str = "card_declined", decline_code: str = "") -> None:
        self._memories[id_].override["last_payment_error"] = {
            "type": "card_error",
            "code": code,
            "decline_code": decline_code or self._methods.card(method).decline_code,
            "message": "Your card was declined.",
            "payment_method": {"id": method},
        }

    async def _end(self, id_: str, reason: str | None, *, charge_event: str) -> Json:
        async with self._of(id_) as intent:
            if intent["status"] not in CANCELLABLE:
                raise unexpected_state(intent, "canceled")
            status, body = await self._upstream.post(f"/v1/payment_intents/{id_}/cancel", {})
            assert status == 200, body
            ended = {"status": "canceled", "canceled_at": int(time.time()), "cancellation_reason": reason}
            self._memories[id_].override = {**ended, "next_action": None}
            ended_intent = await self.get(id_)
            if intent["status"] == "requires_capture":
                moved = self._charges.of(intent["latest_charge"])
                moved.released_minor, moved.expired = intent["amount"], reason == "automatic"
                self._mail.send(charge_event, await self.charge(ended_intent))
            self._mail.send("payment_intent.canceled", ended_intent)
        return ended_intent

    def _next_action(self, id_: str, return_url: str | None) -> Json:
        if return_url is None:
            return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        page = {"url": self._bank_page + id_, "return_url": return_url}
        return {"type": "redirect_to_url", "redirect_to_url": page}


def refuse_unknown(form: Form, known: set[str]) -> None:
    """A misspelt parameter is an error."""
    for name in form.keys() - known:
        raise Refused(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def refuse_without_return_url(form: Form) -> None:
    """Methods that redirect need a place to come back to, unless they are excluded."""
    redirects = form.get("automatic_payment_methods", {}).get("allow_redirects", "always") == "always"
    confirmed_now = truth(form, "confirm") and not truth(form, "off_session")
    if confirmed_now and redirects and not form.get("payment_method_types") and not form.get("return_url"):
        raise Refused(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`.",
            param="return_url",
        )
