"""What a buyer gives for a payment, as the log has it: a payment method, and delivery details encrypted with the
buyer's own key. And the way back, for those who may read them."""

from typing import NamedTuple

from buystream import postal
from buystream.gateway.routes.bodies.gifts import NewGift
from buystream.gateway.routes.bodies.payments import Delivery, DeliveryBody, NewPayment, delivery_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.problems import HttpProblem
from buystream.postal import PostalAddress
from buystream.projections import people

ADDRESS_NEEDED = "This is sent by post: delivery needs an address."
DETAILS_NEEDED = "payment_method and delivery are needed, or one_tap; an order of nothing needs no payment_method."


class PaymentDetails(NamedTuple):
    """`delivery` is a ciphertext; `country` is where it goes, in two letters, empty when it goes nowhere."""

    payment_method: str
    delivery: str
    country: str


async def payment_details(
    gateway: Gateway, buyer_id: str, offer: Listing, data: NewPayment | NewGift, *, is_sent: bool, language: str
) -> PaymentDetails:
    """The payment method and the delivery details: saved ones, or those of the request, which may also say where an
    order goes that the saved card pays. `is_sent`: it needs an address. `language` is that of mails to the buyer.
    Raises HttpProblem."""
    if not data.one_tap:
        method = _client_token(gateway, offer, data.payment_method)
        delivery, country = await _details_of(gateway, buyer_id, data, is_sent=is_sent, language=language)
        return PaymentDetails(method, delivery, country)
    if data.payment_method is not None:
        raise HttpProblem("invalid", "Send either one_tap or payment_method, not both.")
    saved = await gateway.reads.query(lambda cur: people.saved_details(cur, buyer_id))
    if saved is None:
        raise HttpProblem("not-registered", reason="not_registered")
    if data.delivery is not None:
        delivery, country = await _details_of(gateway, buyer_id, data, is_sent=is_sent, language=language)
        return PaymentDetails(saved.payment_method, delivery, country)
    country = ""
    if is_sent:
        known = await gateway.reads.run(lambda: decrypted(gateway, buyer_id, saved.delivery))
        if known is not None:
            country = _checked(known.address).country
    return PaymentDetails(saved.payment_method, saved.delivery, country)


async def _details_of(
    gateway: Gateway, buyer_id: str, data: NewPayment | NewGift, *, is_sent: bool, language: str
) -> tuple[str, str]:
    """The ciphertext, and the country; raises HttpProblem (422) for details that are missing or wrong."""
    where = data.delivery
    if where is None:
        if data.payment_method is not None or is_sent:
            raise HttpProblem("invalid", DETAILS_NEEDED)
        return "", ""
    return await sealed(gateway, buyer_id, where, is_sent=is_sent, language=language)


async def sealed(gateway: Gateway, buyer_id: str, where: Delivery, *, is_sent: bool, language: str) -> tuple[str, str]:
    """The details as a ciphertext of the buyer's key, and the country; raises HttpProblem (422) for an address that
    can't be sent to."""
    address = _checked(where.address) if is_sent or where.address is not None else None
    text = "" if address is None else postal.encoded(address)
    plain = {"name": where.name, "email": where.email, "address": text, "language": language}
    ciphertext = await gateway.reads.run(lambda: gateway.vault.encrypt(buyer_id, plain))
    return ciphertext, address.country if address is not None and is_sent else ""


def _checked(address: PostalAddress | None) -> PostalAddress:
    """The address, tidied; raises HttpProblem (422) that names the fields that are wrong."""
    if address is None:
        raise HttpProblem("invalid", ADDRESS_NEEDED)
    if problems := postal.check(address):
        raise HttpProblem("bad-address", problems[0].message, fields=problems)
    return postal.tidied(address)


def _client_token(gateway: Gateway, offer: Listing, token: str | None) -> str:
    """A payment method that the provider's element created in the browser; a client can't name a saved one. Raises
    HttpProblem (422)."""
    if token is None and not offer.may_be_free:
        raise HttpProblem("invalid", DETAILS_NEEDED, reason="needs_payment_method")
    if token is not None and not gateway.client_token.fullmatch(token):
        raise HttpProblem("invalid", f"payment_method must be what {gateway.config.provider}'s form made of a card.")
    return token or ""


def decrypted(gateway: Gateway, buyer_id: str, delivery: str) -> DeliveryBody | None:
    """Delivery details in clear; None when there are none or the buyer's key is erased. Blocks."""
    plain = gateway.vault.decrypt(buyer_id, delivery) if delivery else None
    return None if plain is None else delivery_of(plain)
