"""The buy flow in a phone-sized Chromium, against the demo shop."""

from math import ceil

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from buystream.demo.samples import SAMPLES
from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.patience import patient


def at(phone: BrowserContext, shop: DemoShop, edition_id: str) -> Buying:
    """A new page in front of the edition."""
    page = phone.new_page()
    page.goto(f"{shop.url}/e/{edition_id}")
    return Buying(page, edition_id)


def test_a_new_buyer_pays_from_the_timeline_and_the_next_time_with_one_tap(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    page = phone.new_page()
    page.goto(demo_shop.url)
    for sample in SAMPLES:
        expect(page.get_by_role("article", name=sample.title)).to_have_count(1)
    fan = Buying(page, demo_shop.sample("band")["edition_id"])
    left = demo_shop.board(demo_shop.sample("band")["edition_id"])["available"]
    fan.comes()
    expect(fan.element.get_by_text(f"{left} of 500 left")).to_be_visible()
    screenshot(page, "phone-timeline")
    expect_to_fit(page)

    fan.tap_buy()
    fan.sees("It’s held for you")
    fan.enter("Accepted", save=True)
    screenshot(page, "phone-details")
    fan.pay()
    fan.sees("You’re going!")
    screenshot(page, "phone-paid")
    expect(fan.element.get_by_text(f"{left - 1} of 500 left")).to_be_visible()

    fan.sheet.get_by_role("button", name="Buy more tickets").tap()
    confirm = fan.sheet.get_by_role("button", name="Pay $35.00 with Sandbox •••• 4242")
    expect(confirm).to_be_visible()
    expect(fan.sheet.get_by_label("Card number")).to_have_count(0)
    screenshot(page, "phone-one-tap")
    confirm.tap()
    fan.sees("You’re going!")

    page.goto(f"{demo_shop.url}/orders")
    expect(page.get_by_role("listitem").filter(has_text="Paid")).to_have_count(2)
    screenshot(page, "phone-orders")
    expect_to_fit(page)
    assert [order["state"] for order in fan.orders()] == ["confirmed", "confirmed"]


def test_a_saved_card_is_offered_when_only_the_address_is_missing(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5))
    fan.tap_buy()
    fan.enter("Accepted", save=True)
    fan.pay()
    fan.sees("You’re going!")
    parcel = demo_shop.on_sale(stock=5, needs_address=True)
    for address in ("", "SAMPLETOWN"):
        fan = at(phone, demo_shop, parcel)
        fan.tap_buy()
        confirm = fan.sheet.get_by_role("button", name="Pay $35.00 with Sandbox •••• 4242")
        expect(confirm).to_be_visible()
        expect(fan.sheet.get_by_label("Card number")).to_have_count(0)
        expect(fan.sheet.get_by_text("anna@example.org")).to_be_visible()
        if not address:
            screenshot(fan.page, "phone-saved-card-no-address")
            confirm.tap()
            expect(fan.sheet.get_by_text("Enter the ZIP code, such as 95014.")).to_be_visible()
            fan.enter_address()
        else:  # it was saved as well
            expect(fan.sheet.get_by_text(address)).to_be_visible()
        confirm.tap()
        fan.sees("You’re going!")


def test_another_card_can_be_used_when_only_the_address_is_missing(phone: BrowserContext, demo_shop: DemoShop) -> None:
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5))
    fan.tap_buy()
    fan.enter("Accepted", save=True)
    fan.pay()
    fan.sees("You’re going!")
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5, needs_address=True))
    fan.tap_buy()
    fan.sheet.get_by_role("button", name="Use another card").tap()
    expect(fan.sheet.get_by_label("Name")).to_have_value("Anna Example")
    fan.enter("Needs authentication", address=True)
    fan.pay()
    fan.sees("Your bank wants to be sure it’s you")


def test_the_sandboxs_cards_leave_the_button_that_pays_in_view(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5))
    fan.tap_buy()
    fan.sees("It’s held for you")
    expect(fan.sheet.get_by_role("button", name="Declined", exact=True)).to_be_hidden()
    expect(fan.sheet.get_by_role("button", name="Pay $35.00")).to_be_in_viewport(ratio=1)
    screenshot(fan.page, "phone-pay-in-view")
    fan.choose("Declined")
    expect(fan.sheet.get_by_label("Card number")).to_have_value("4000 0000 0000 0002")
    expect(fan.sheet.get_by_role("button", name="Declined", exact=True)).to_be_hidden()


def test_a_declined_card_keeps_the_hold_and_another_card_pays(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5, needs_address=True))
    fan.tap_buy()
    fan.enter("Declined", address=True)
    fan.pay()
    fan.sees("Try another card")
    expect(fan.sheet.get_by_role("alert").filter(has_text="declined this card")).to_contain_text("2 of 3 tries left")
    expect(fan.sheet.get_by_label("Postcode")).to_have_value("S1 2AB")
    screenshot(fan.page, "phone-declined")
    fan.choose("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    (order,) = fan.orders()
    assert (order["state"], order["payment"]["payment_id"][-2:]) == ("confirmed", ".2")


@pytest.mark.parametrize(("answer", "screen"), [("Approve", "You’re going!"), ("Reject", "Try another card")])
def test_the_bank_asks_and_the_sheet_continues_automatically(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot, answer: str, screen: str
) -> None:
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5))
    fan.tap_buy()
    fan.enter("Needs authentication")
    fan.pay()
    fan.sees("Your bank wants to be sure it’s you")
    with phone.expect_page() as opened:
        fan.sheet.get_by_role("link", name="Open your bank’s page").tap()
    bank = opened.value
    expect(bank.get_by_role("heading", name="Is this you?")).to_be_visible()
    screenshot(bank, "phone-bank")
    bank.get_by_role("button", name=answer).tap()
    fan.sees(screen)
    if answer == "Reject":
        expect(fan.sheet.get_by_text("Your bank didn’t approve this payment.")).to_be_visible()


def test_a_double_tap_and_a_reload_are_the_same_order(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=5)
    fan = at(phone, demo_shop, edition)
    fan.comes()
    box = fan.button.bounding_box()
    assert box
    for _ in range(2):
        fan.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    fan.sees("It’s held for you")
    fan.page.reload()
    expect(fan.button).to_contain_text("Continue your order")
    fan.tap_buy()
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    assert [order["state"] for order in fan.orders()] == ["confirmed"]
    demo_shop.shows(edition, available=4)


def test_after_a_lost_answer_the_same_order_is_sent_again(phone: BrowserContext, demo_shop: DemoShop) -> None:
    sent: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        sent.append(str(route.request.post_data))
        answer = route.fetch()
        if len(sent) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    edition = demo_shop.on_sale(stock=5)
    fan = at(phone, demo_shop, edition)
    fan.page.route("**/v1/orders", lose_the_first_answer)
    fan.tap_buy()
    fan.sees("It’s held for you")
    assert len(sent) == 2
    assert sent[0] == sent[1]
    demo_shop.shows(edition, available=4)


def test_a_buyer_who_comes_too_late_sees_it_live(
    phone: BrowserContext, desktop: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale("label", title="The last copy", kind="record", currency="GBP", stock=1)
    first, second = at(phone, demo_shop, edition), at(desktop, demo_shop, edition)
    expect(second.button).to_have_text("Buy")
    first.tap_buy()
    first.sees("It’s held for you")
    expect(second.element.get_by_text("All gone. 1 on hold may come back")).to_be_visible()
    expect(second.button).to_be_disabled()
    first.enter("Accepted")
    first.pay()
    first.sees("It’s yours!")
    expect(second.element.get_by_text("All gone", exact=True)).to_be_visible()
    expect(second.button).to_have_text("Sold out")
    screenshot(second.page, "desktop-sold-out")


def test_a_hold_runs_out_and_the_next_tap_is_a_new_order(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale(stock=5, hold_seconds=ceil(patient(3)))
    fan = at(phone, demo_shop, edition)
    fan.tap_buy()
    fan.sees("Your hold expired")
    screenshot(fan.page, "phone-hold-ended")
    demo_shop.shows(edition, available=5)
    fan.sheet.get_by_role("button", name="Try again").tap()
    fan.sees("It’s held for you")
    newest, oldest = fan.orders()
    assert (newest["state"], oldest["state"]) == ("held", "expired")
    assert newest["order_id"] != oldest["order_id"]


def test_a_gift_of_any_amount(phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    donor = at(phone, demo_shop, demo_shop.sample("charity")["edition_id"])
    donor.tap_buy()
    donor.sees("How much would you like to give?")
    own = donor.sheet.get_by_label("Other amount")
    own.fill("0.50")
    donor.sheet.get_by_role("button", name="Give €0.50").tap()
    expect(donor.sheet.get_by_role("alert")).to_have_text("Choose an amount from €1 to €5,000.")
    screenshot(donor.page, "phone-gift")
    own.fill("12,50")
    donor.sheet.get_by_role("button", name="Give €12.50").tap()
    donor.sees("Complete your gift")
    donor.enter("Accepted")
    donor.pay()
    donor.sees("Thank you!")
    (order,) = donor.orders()
    assert (order["total_minor"], order["currency"], order["state"]) == (1250, "EUR", "confirmed")
