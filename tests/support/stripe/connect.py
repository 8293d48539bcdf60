"""Stripe Connect's destination charges (https://docs.stripe.com/connect/destination-charges): what a payment says about
the merchant's account and the platform's fee is checked, remembered, and accounted when money moves."""

import itertools
import time
from dataclasses import dataclass, field

from tests.support.stripe.amounts import refuse_off_step, step_of
from tests.support.stripe.answers import Json, Refused
from tests.support.stripe.forms import Form, truth, whole
from tests.support.stripe.webhooks import Mailer

PARAMETERS = {"transfer_data", "application_fee_amount", "on_behalf_of", "transfer_group"}


@dataclass
class Share:
    """Who gets what of one captured charge; None where the money stays with the platform."""

    captured_minor: int
    transfer: Json
    fee: Json | None
    refunded_minor: int = 0
    reversed_of_minor: int = 0
    fee_back_of_minor: int = 0


def read(form: Form, amount_minor: int) -> Json:
    """The fields of an intent that Connect adds. Refuses what Stripe refuses."""
    transfer_data = form.get("transfer_data")
    fee_minor = whole(form, "application_fee_amount")
    if transfer_data is not None:
        destination = transfer_data.get("destination", "")
        if not destination.startswith("acct_"):
            raise Refused(f"No such destination: '{destination}'", code="resource_missing", param="transfer_data")
        if fee_minor is not None and "amount" in transfer_data:
            raise Refused("You can not pass both application_fee_amount and transfer_data[amount].")
    if fee_minor is not None:
        if transfer_data is None:
            raise Refused(
                "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment or "
                "has a transfer_data[destination].",
                param="application_fee_amount",
            )
        refuse_off_step(fee_minor, form["currency"].lower(), param="application_fee_amount")
        if not 0 < fee_minor <= amount_minor:
            raise Refused(
                "The application fee must be a positive number, and at most the amount.",
                param="application_fee_amount",
                code="parameter_invalid_integer",
            )
    if not (form.get("on_behalf_of") or "acct_").startswith("acct_"):
        raise Refused("No such account", code="resource_missing", param="on_behalf_of")
    return {
        "transfer_data": transfer_data,
        "application_fee_amount": fee_minor,
        "on_behalf_of": form.get("on_behalf_of"),
        "transfer_group": form.get("transfer_group"),
    }


@dataclass
class Connect:
    """The accounts' money: transfers to them, fees from them, and what went back of both."""

    mail: Mailer
    shares: dict[str, Share] = field(default_factory=dict)
    """By charge."""

    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def fees(self) -> list[Json]:
        """All application fees, oldest first."""
        return [share.fee for share in self.shares.values() if share.fee]

    def captured(self, charge_id: str, intent: Json, amount_minor: int) -> None:
        """Money moved: the merchant's account gets it, and the platform its fee."""
        transfer_data, fee_minor = intent["transfer_data"], intent["application_fee_amount"]
        if transfer_data is None:
            return
        common = {"currency": intent["currency"], "created": int(time.time()), "livemode": False}
        transfer = {
            "id": f"tr_{next(self._numbers):014d}",
            "object": "transfer",
            "amount": int(transfer_data.get("amount", amount_minor)),
            "amount_reversed": 0,
            "destination": transfer_data["destination"],
            "source_transaction": charge_id,
            **common,
        }
        fee = fee_minor and {
            "id": f"fee_{next(self._numbers):014d}",
            "object": "application_fee",
            "account": transfer_data["destination"],
            "amount": fee_minor,
            "amount_refunded": 0,
            "refunded": False,
            "charge": charge_id,
            **common,
        }
        self.shares[charge_id] = Share(amount_minor, transfer, fee or None)
        self.mail.send("transfer.created", transfer)
        if fee:
            self.mail.send("application_fee.created", fee)

    def refunded(self, charge_id: str, amount_minor: int, form: Form) -> Json:
        """Part of a charge goes back. The account's and the fee's parts go back with it only when that is requested, in
        proportion to all that went back so (https://docs.stripe.com/connect/destination-charges#issue-refunds)."""
        share = self.shares.get(charge_id)
        reverse, fee_back = truth(form, "reverse_transfer"), truth(form, "refund_application_fee")
        if share is None:
            if reverse or fee_back:
                raise Refused("This charge has no associated transfer or application fee.")
            return {"transfer_reversal": None}
        if fee_back and share.fee is None:
            raise Refused("This charge has no application fee.", param="refund_application_fee")
        reversal = None
        if reverse:
            share.reversed_of_minor += amount_minor
            share.transfer["amount_reversed"] = self._part(share, share.transfer["amount"], share.reversed_of_minor)
            reversal = f"trr_{next(self._numbers):014d}"
        if fee_back and share.fee:
            share.fee_back_of_minor += amount_minor
            share.fee["amount_refunded"] = self._part(share, share.fee["amount"], share.fee_back_of_minor)
            share.fee["refunded"] = share.fee["amount_refunded"] == share.fee["amount"]
            self.mail.send("application_fee.refunded", share.fee)
        return {"transfer_reversal": reversal}

    def shown(self, charge_id: str) -> Json:
        """The fields that a charge shows."""
        share = self.shares.get(charge_id)
        return {
            "transfer": share and share.transfer["id"],
            "application_fee": share and share.fee and share.fee["id"],
        }

    def balance_minor(self, account: str, currency: str) -> int:
        """What an account has of all its payments."""
        return sum(
            share.transfer["amount"]
            - share.transfer["amount_reversed"]
            - (share.fee["amount"] - share.fee["amount_refunded"] if share.fee else 0)
            for share in self.shares.values()
            if (share.transfer["destination"], share.transfer["currency"]) == (account, currency)
        )

    @staticmethod
    def _part(share: Share, whole_minor: int, of_minor: int) -> int:
        step = step_of(share.transfer["currency"])
        return whole_minor * of_minor // share.captured_minor // step * step
