"""SetupIntents (https://docs.stripe.com/payments/setup-intents): a card is saved, and no money moves."""

from tests.support.stripe.answers import Json, Refused, declined, missing, unexpected_state
from tests.support.stripe.cards import PaymentMethods
from tests.support.stripe.forms import Form, truth
from tests.support.stripe.intents import AUTHENTICATION_REQUIRED, Memory, refuse_unknown
from tests.support.stripe.upstream import Upstream
from tests.support.stripe.webhooks import Mailer

SHOWN_AGAIN = {"automatic_payment_methods", "description", "on_behalf_of", "payment_method_options"}
CONFIRMING = {"confirmation_token", "mandate_data", "payment_method", "return_url", "use_stripe_sdk"}
CREATING = {"confirm", "customer", "metadata", "payment_method_types", "usage"} | SHOWN_AGAIN | CONFIRMING


class Setups:
    """All SetupIntents."""

    def __init__(self, *, upstream: Upstream, methods: PaymentMethods, mail: Mailer, bank_page: str) -> None:
        self._upstream = upstream
        self._methods = methods
        self._mail = mail
        self._bank_page = bank_page
        self._memories: dict[str, Memory] = {}

    async def create(self, form: Form) -> Json:
        """POST /v1/setup_intents."""
        refuse_unknown(form, CREATING)
        form = await self._with_method(form, form.get("customer"))
        if form.get("customer") and (await self._upstream.get(f"/v1/customers/{form['customer']}"))[0] != 200:
            raise missing("customer", form["customer"], "customer")
        wanted = {name: form.get(name) for name in ("customer", "metadata", "usage")}
        status, raw = await self._upstream.post("/v1/setup_intents", wanted)
        assert status == 200, raw
        shown: Json = {"last_setup_error": None} | {name: form.get(name) for name in SHOWN_AGAIN}
        memory = self._memories[raw["id"]] = Memory(shown, raw["client_secret"])
        if method := form.get("payment_method"):
            memory.override = {"payment_method": method, "status": "requires_confirmation"}
        self._mail.send("setup_intent.created", await self.get(raw["id"]))
        if truth(form, "confirm"):
            await self._confirm(raw["id"], form)
        return await self.get(raw["id"])

    async def confirm(self, id_: str, form: Form) -> Json:
        """POST /v1/setup_intents/{id}/confirm; also again after a decline."""
        refuse_unknown(form, CONFIRMING)
        intent = await self.get(id_)
        if intent["status"] not in ("requires_confirmation", "requires_payment_method"):
            raise unexpected_state(intent, "confirmed")
        form = await self._with_method(form, intent["customer"])
        self._memories[id_].override["payment_method"] = form.get("payment_method", intent["payment_method"])
        await self._confirm(id_, form)
        return await self.get(id_)

    async def cancel(self, id_: str, form: Form) -> Json:
        """POST /v1/setup_intents/{id}/cancel."""
        refuse_unknown(form, {"cancellation_reason"})
        intent = await self.get(id_)
        if intent["status"] in ("succeeded", "canceled"):
            raise unexpected_state(intent, "canceled")
        await self._upstream.post(f"/v1/setup_intents/{id_}/cancel", {})
        self._memories[id_].override = {"payment_method": intent["payment_method"]}
        intent = await self.get(id_)
        self._mail.send("setup_intent.canceled", intent)
        return intent

    async def authenticate(self, id_: str, approve: bool) -> Json:
        """The buyer was at the bank's page."""
        intent = await self.get(id_)
        if intent["status"] != "requires_action":
            raise unexpected_state(intent, "authenticated")
        if approve:
            status, body = await self._upstream.post(f"/v1/setup_intents/{id_}/confirm", {})
            assert status == 200, body
            await self._succeeded(id_, intent["payment_method"])
        else:
            self._failed(id_, code="setup_intent_authentication_failure")
            self._mail.send("setup_intent.setup_failed", await self.get(id_))
        return await self.get(id_)

    async def get(self, id_: str) -> Json:
        """GET /v1/setup_intents/{id}."""
        status, raw = await self._upstream.get(f"/v1/setup_intents/{id_}")
        if status != 200 or id_ not in self._memories:
            raise missing("setup_intent", id_, "intent")
        return self._shown(raw)

    async def every(self) -> list[Json]:
        """All, oldest first."""
        return [self._shown(raw) for raw in await self._upstream.every("/v1/setup_intents")]

    def _shown(self, raw: Json) -> Json:
        memory = self._memories[raw["id"]]
        return {**raw, **memory.shown, **memory.override}

    async def _with_method(self, form: Form, customer: str | None) -> Form:
        if token := form.get("confirmation_token"):
            form = {**self._methods.confirmation_token(token), **form}
            form.pop("setup_future_usage", None)
        if method := form.get("payment_method"):
            form = {**form, "payment_method": await self._methods.resolve(method, customer=customer)}
        return form

    async def _confirm(self, id_: str, form: Form) -> None:
        memory = self._memories[id_]
        method = memory.override.get("payment_method")
        if method is None:
            raise Refused("You cannot confirm this SetupIntent because it's missing a payment method.")
        card = self._methods.card(method)
        if card.declines_setup:
            self._failed(id_, code="card_declined", decline_code=card.decline_code)
            intent = await self.get(id_)
            self._mail.send("setup_intent.setup_failed", intent)
            raise declined(intent, decline_code=card.decline_code)
        status, body = await self._upstream.post(f"/v1/setup_intents/{id_}/confirm", {"payment_method": method})
        assert status == 200, body
        memory.override = {"payment_method": method}
        memory.shown["last_setup_error"] = None
        if body["status"] == "requires_action":
            page = {"url": self._bank_page + id_, "return_url": form.get("return_url")}
            if page["return_url"]:
                memory.override["next_action"] = {"type": "redirect_to_url", "redirect_to_url": page}
            self._mail.send("setup_intent.requires_action", await self.get(id_))
        else:
            await self._succeeded(id_, method)

    async def _succeeded(self, id_: str, method: str) -> None:
        self._memories[id_].override = {"payment_method": method}
        intent = await self.get(id_)
        self._methods.used(method)
        if intent["customer"]:
            await self._methods.attach(method, intent["customer"])
        self._mail.send("setup_intent.succeeded", intent)

    def _failed(self, id_: str, *, code: str, decline_code: str = AUTHENTICATION_REQUIRED) -> None:
        memory = self._memories[id_]
        memory.override = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
        memory.shown["last_setup_error"] = {"type": "card_error", "code": code, "decline_code": decline_code}
