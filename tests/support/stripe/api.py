"""The API behind the wall: which request does what (https://docs.stripe.com/api)."""

import time
from typing import Any

from tests.support.stripe.answers import Json, Refused, missing
from tests.support.stripe.cards import PaymentMethods
from tests.support.stripe.charges import Charges
from tests.support.stripe.connect import Connect
from tests.support.stripe.disputes import Disputes
from tests.support.stripe.forms import Form
from tests.support.stripe.intents import Intents
from tests.support.stripe.listing import page
from tests.support.stripe.refunds import Refunds
from tests.support.stripe.setups import Setups
from tests.support.stripe.upstream import Upstream
from tests.support.stripe.webhooks import Mailer

CUSTOMER_FIELDS = {"name", "description", "email", "phone", "address", "metadata", "payment_method"}


class Api:
    """One account at Stripe."""

    def __init__(self, upstream: Upstream, mail: Mailer, *, bank_page: str) -> None:
        self._upstream = upstream
        self._mail = mail
        self.methods = PaymentMethods(upstream)
        self.connect = Connect(mail)
        self.charges = Charges(upstream, self.methods, self.connect)
        self.intents = Intents(
            upstream=upstream, methods=self.methods, charges=self.charges, mail=mail, bank_page=bank_page
        )
        self.setups = Setups(upstream=upstream, methods=self.methods, mail=mail, bank_page=bank_page)
        self.refunds = Refunds(upstream, self.intents, self.charges, mail)
        self.disputes = Disputes(self.intents, self.charges, mail)

    async def call(self, method: str, path: str, form: Form, *, refund_pends: bool = False) -> Json:
        """What the request answers. Raises Refused."""
        form = dict(form)
        expand = form.pop("expand", [])
        if method == "POST":
            body = await self._post(path, form, refund_pends=refund_pends)
        else:
            body = await (self._delete(path) if method == "DELETE" else self._get(path, form))
        for wanted in expand:
            await self._expand(body, wanted.split("."))
        return body

    async def authenticate(self, id_: str, approve: bool) -> Json:
        """The buyer decided at the bank's page."""
        kind: Any = self.setups if id_.startswith("seti_") else self.intents
        intent: Json = await kind.authenticate(id_, approve)
        return intent

    async def _post(self, path: str, form: Form, *, refund_pends: bool) -> Json:
        match path.removeprefix("/v1/").split("/"):
            case ["payment_intents"]:
                return await self.intents.create(form)
            case ["payment_intents", id_]:
                return await self.intents.update(id_, form)
            case ["payment_intents", id_, "confirm"]:
                return await self.intents.confirm(id_, form)
            case ["payment_intents", id_, "capture"]:
                return await self.intents.capture(id_, form)
            case ["payment_intents", id_, "cancel"]:
                return await self.intents.cancel(id_, form)
            case ["setup_intents"]:
                return await self.setups.create(form)
            case ["setup_intents", id_, "confirm"]:
                return await self.setups.confirm(id_, form)
            case ["setup_intents", id_, "cancel"]:
                return await self.setups.cancel(id_, form)
            case ["refunds"]:
                return await self.refunds.create(form, pending=refund_pends)
            case ["customers", *rest] if len(rest) < 2:
                return await self._customer(path, form)
            case ["payment_methods"]:
                return await self.methods.create(form)
            case ["payment_methods", id_, "attach"]:
                return await self.methods.attach(id_, form["customer"])
            case ["payment_methods", id_, "detach"]:
                return await self.methods.detach(id_)
            case ["test_helpers", "confirmation_tokens"]:
                return await self.methods.create_confirmation_token(form)
        raise unrecognized("POST", path)

    async def _delete(self, path: str) -> Json:
        match path.removeprefix("/v1/").split("/"):
            case ["customers", id_]:
                status, _ = await self._upstream.delete(path)
                if status != 200:
                    raise missing("customer", id_)
                return {"id": id_, "object": "customer", "deleted": True}
        raise unrecognized("DELETE", path)

    async def _get(self, path: str, form: Form) -> Json:
        match path.removeprefix("/v1/").split("/"):
            case ["payment_intents"]:
                return page(path, await self.intents.every(), form, filters=("customer",))
            case ["setup_intents"]:
                return page(path, await self.setups.every(), form, filters=("customer", "payment_method"))
            case ["refunds"]:
                return page(path, self.refunds.every(), form, filters=("payment_intent", "charge"))
            case ["disputes"]:
                return page(path, list(self.disputes.book.values()), form, filters=("payment_intent", "charge"))
            case ["application_fees"]:
                return page(path, self.connect.fees, form, filters=("charge",))
            case ["transfers"]:
                transfers = [share.transfer for share in self.connect.shares.values()]
                return page(path, transfers, form, filters=("destination",))
            case ["events"]:
                return page(path, self._mail.events, form, filters=("type",))
            case ["charges"]:
                intents = [intent for intent in await self.intents.every() if intent["latest_charge"]]
                charges = [await self.intents.charge(intent) for intent in intents]
                return page(path, charges, form, filters=("payment_intent", "customer"))
            case ["customers", "search"]:
                return await self._search_customers(form["query"])
            case ["customers", id_, "payment_methods"]:
                return page(path, self.methods.of_customer(id_), form, filters=("type",))
            case ["payment_methods"]:
                return page(path, self.methods.of_customer(form.pop("customer")), form, filters=("type",))
            case [_, id_]:
                return await self.get(id_)
        raise unrecognized("GET", path)

    async def get(self, id_: str) -> Json:
        """One object, by its id."""
        match id_.split("_", 1)[0]:
            case "pi":
                return await self.intents.get(id_)
            case "seti":
                return await self.setups.get(id_)
            case "ch":
                raw = await self.charges.raw(id_)
                return self.charges.shown(raw, await self.intents.get(raw["payment_intent"]))
            case "re":
                return self.refunds.get(id_)
            case "du":
                return self.disputes.get(id_)
            case "pm":
                return await self.methods.get(id_)
            case "cus":
                status, customer = await self._upstream.get(f"/v1/customers/{id_}")
                if status == 200:
                    return customer
            case "fee":
                for fee in self.connect.fees:
                    if fee["id"] == id_:
                        return fee
        raise missing("object", id_)

    async def _search_customers(self, query: str) -> Json:
        """Understands `metadata['name']:'value'` only."""
        name, value = query.removeprefix("metadata['").removesuffix("'").split("']:'")
        every = await self._upstream.every("/v1/customers")
        found = [it for it in every if (it.get("metadata") or {}).get(name) == value]
        return {"object": "search_result", "url": "/v1/customers/search", "data": found, "has_more": False}

    async def _customer(self, path: str, form: Form) -> Json:
        for name in form.keys() - CUSTOMER_FIELDS:
            raise Refused(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        method = form.pop("payment_method", None)
        form = {"description": "", **form}  # localstripe wants at least one field
        status, customer = await self._upstream.post(path, form)
        if status != 200:
            raise Refused(str(customer), status=status)
        if method:
            await self.methods.attach(method, customer["id"])
        return {**customer, "livemode": False, "created": customer.get("created", int(time.time()))}

    async def _expand(self, body: Json, path: list[str]) -> None:
        name, *rest = path
        if name == "data":
            for item in body["data"]:
                await self._expand(item, rest)
            return
        if name not in body:
            raise Refused(f"This property cannot be expanded ({name}).")
        if isinstance(body[name], str):
            body[name] = dict(await self.get(body[name]))
        if rest and body[name]:
            await self._expand(body[name], rest)


def unrecognized(method: str, path: str) -> Refused:
    """No such endpoint, at least not here."""
    return Refused(f"Unrecognized request URL ({method}: {path}).", status=404)
