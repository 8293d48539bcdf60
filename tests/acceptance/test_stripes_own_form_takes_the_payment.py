"""With Stripe's publishable key, the sheet shows Stripe's elements, and no input of ours sees a card. Stripe.js itself
needs the internet, so a stand-in answers at its address that is as strict as its documentation."""

import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from buystream.providers.sandbox import SandboxProvider
from tests.acceptance.test_anybody_anywhere_can_buy_in_a_browser import BLOG, website
from tests.support.browser import Buying, Screenshot, expect_to_fit
from tests.support.contrast import too_faint
from tests.support.patience import wait_until
from tests.support.shop import Shop, register_merchant, shop_at_work
from tests.support.stripe_js import (
    ASKS,
    BANK,
    DECLINED,
    PUBLISHABLE_KEY,
    VISA,
    StripeForm,
    TokenProvider,
    stripe_answers,
)

WALLET = {
    "billingDetails": {"name": "Anna Example", "email": "anna@example.org", "address": {"country": "GB"}},
    "shippingAddress": {
        "name": "Anna Example",
        "address": {
            "line1": "1 Sample Street",
            "line2": None,
            "city": "Sampletown",
            "state": "",
            "postal_code": "S1 2AB",
            "country": "GB",
        },
    },
}


@pytest.fixture(scope="module")
def shop(chromium: object, module_shop_database_url: str) -> Iterator[Shop]:
    """A shop that is paid by Stripe, as far as a browser can tell. Each test sells an edition of its own."""
    stripe = {"bank": None, "sandbox_cards": (), "provider_name": "stripe", "publishable_key": PUBLISHABLE_KEY}
    with shop_at_work(module_shop_database_url, provider=TokenProvider, **stripe) as running:
        register_merchant(running)
        yield running


def in_front_of(context: BrowserContext, shop: Shop, *, wallet: Any = None, **terms: Any) -> tuple[Buying, StripeForm]:
    """A page with a fresh edition, and the form that its sheet will show."""
    stripe_answers(context, wallet=wallet)
    edition = shop.release(**terms)
    page = context.new_page()
    page.goto(f"{shop.url}/e/{edition}")
    return Buying(page, edition), StripeForm(page)


def payments_asked(shop: Shop, fan: Buying) -> list[bytes]:
    """Each RequestPayment for an order of their edition."""
    return [asked for asked in shop.commands("RequestPayment") if fan.edition_id.encode() in asked]


def tell_who(fan: Buying) -> None:
    """Fill our own part of the form."""
    fan.sheet.get_by_label("Name").fill("Anna Example")
    fan.sheet.get_by_label("E-mail").fill("anna@example.org")


def test_a_card_pays_and_is_remembered(phone: BrowserContext, shop: Shop, screenshot: Screenshot) -> None:
    fan, form = in_front_of(phone, shop)
    asked: list[str] = []
    fan.page.on("request", lambda request: asked.append(request.url))
    fan.comes()
    assert not any("stripe.com" in url for url in asked)  # only when the sheet opens
    fan.tap_buy()
    fan.sees("It’s held for you")
    form.enter(VISA)
    tell_who(fan)
    fan.sheet.get_by_label("Save for one-tap").check()
    expect(form.divider).to_be_hidden()  # no wallet here
    screenshot(fan.page, "stripe-card")
    expect_to_fit(fan.page)
    for group in form.calls("elements"):
        assert (group["mode"], group["amount"], group["currency"]) == ("payment", 4500, "usd")
        assert (group["captureMethod"], group["paymentMethodCreation"]) == ("manual", "manual")
    assert form.calls("update")[-1]["setupFutureUsage"] == "off_session"
    fan.pay()
    fan.sees("It’s yours!")
    (payment,) = payments_asked(shop, fan)
    assert b"pm_card_visa" in payment
    fan.sheet.get_by_role("button", name="Buy another").tap()
    expect(fan.sheet.get_by_role("button", name="Pay $45.00 with")).to_be_visible()


def test_no_input_of_ours_can_hold_a_card(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop, needs_address=True)
    fan.tap_buy()
    expect(form.card.get_by_label("Card number")).to_be_visible()
    expect(fan.sheet.get_by_label("ZIP code")).to_be_visible()
    inputs = "root => [...root.querySelectorAll('input, textarea')].map((input) => [input.name, input.autocomplete])"
    ours = fan.element.evaluate(f"element => ({inputs})(element.shadowRoot)")
    address = {"company": "organization", "street": "street-address", "city": "address-level2"}
    names = {"name": "name", "email": "email"} | address | {"postal_code": "postal-code", "save": ""}
    assert ours == [list(pair) for pair in names.items()]
    assert form.frame.evaluate(f"({inputs})(document)") == []


def test_a_declined_card_keeps_the_hold_and_what_was_typed(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop)
    fan.tap_buy()
    form.enter(DECLINED)
    tell_who(fan)
    fan.pay()
    fan.sees("Try another card")
    expect(form.card.get_by_label("Card number")).to_have_value(DECLINED)
    expect(fan.sheet.get_by_label("E-mail")).to_have_value("anna@example.org")
    form.enter(VISA)
    fan.pay()
    fan.sees("It’s yours!")
    (order,) = fan.orders()
    assert (order["state"], order["payment"]["payment_id"][-2:]) == ("confirmed", ".2")


def test_the_bank_asks_and_its_return_page_leads_back(
    phone: BrowserContext, shop: Shop, screenshot: Screenshot
) -> None:
    def ask_and_return(route: Route) -> None:
        payment_id = route.request.url.removeprefix(BANK)
        SandboxProvider(shop.dsn, on_fact=shop.tell).complete_authentication(payment_id, approved=True)
        back = f"{shop.url}/bank-answered?payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_2"
        route.fulfill(status=302, headers={"Location": back})

    phone.route(f"{BANK}*", ask_and_return)
    fan, form = in_front_of(phone, shop)
    fan.tap_buy()
    form.enter(ASKS)
    tell_who(fan)
    fan.pay()
    fan.sees("Your bank wants to be sure it’s you")
    with phone.expect_page() as opened:
        fan.sheet.get_by_role("link", name="Open your bank’s page").tap()
    expect(opened.value.get_by_role("heading", name="Your bank has answered")).to_be_visible()
    expect(opened.value).to_have_url(f"{shop.url}/bank-answered")
    screenshot(opened.value, "stripe-bank-answered")
    fan.sees("It’s yours!")


def test_a_wallet_pays_with_all_it_knows(phone: BrowserContext, shop: Shop, screenshot: Screenshot) -> None:
    fan, form = in_front_of(phone, shop, wallet=WALLET, needs_address=True)
    fan.tap_buy()
    expect(form.divider).to_be_visible()
    screenshot(fan.page, "stripe-wallet")
    express = next(call["options"] for call in form.calls("create") if call["type"] == "expressCheckout")
    assert (express["emailRequired"], express["shippingAddressRequired"]) == (True, True)
    form.wallet.tap()
    fan.sees("It’s yours!")
    assert form.calls("paymentFailed") == []
    (payment,) = payments_asked(shop, fan)
    assert b"pm_card_applePay" in payment
    with shop.merchant() as merchant:
        orders = merchant.get("/v1/merchant/orders").json()["orders"]
    (order,) = [order for order in orders if order["edition_id"] == fan.edition_id]
    assert order["buyer"] == {
        "name": "Anna Example",
        "email": "anna@example.org",
        "address": {
            "country": "GB",
            "street": ["1 Sample Street"],
            "city": "Sampletown",
            "postal_code": "S1 2AB",
        },
        "address_lines": ["1 Sample Street", "SAMPLETOWN", "S1 2AB", "UNITED KINGDOM"],
    }


def test_what_a_wallet_does_not_share_is_requested_and_then_it_pays(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop, wallet={"billingDetails": {"name": "Anna Example", "address": {}}})
    fan.tap_buy()
    form.wallet.tap()
    expect(fan.sheet.get_by_label("E-mail")).to_be_focused()
    expect(fan.sheet.get_by_text("Your wallet didn’t share everything.")).to_be_visible()
    expect(fan.sheet.get_by_label("Name")).to_have_value("Anna Example")
    assert payments_asked(shop, fan) == []
    fan.sheet.get_by_label("E-mail").fill("anna@example.org")
    fan.pay()
    fan.sees("It’s yours!")


def test_what_stripe_finds_wrong_is_shown_beside_the_button(
    phone: BrowserContext, shop: Shop, screenshot: Screenshot
) -> None:
    fan, form = in_front_of(phone, shop)
    fan.tap_buy()
    form.card.get_by_label("Card number").fill("4242")
    tell_who(fan)
    fan.pay()
    expect(fan.sheet.get_by_role("alert").filter(has_text="Your card number is incomplete.")).to_be_visible()
    expect(form.card.get_by_label("Card number")).to_have_value("4242")
    screenshot(fan.page, "stripe-incomplete")
    assert payments_asked(shop, fan) == []
    form.enter(VISA)
    fan.pay()
    fan.sees("It’s yours!")


@pytest.mark.parametrize("by", ["card", "wallet"])
def test_nothing_is_lost_when_the_shop_does_not_take_the_payment(phone: BrowserContext, shop: Shop, by: str) -> None:
    fan, form = in_front_of(phone, shop, wallet=WALLET)
    is_busy = True
    problem = {"detail": "The till is being counted."}
    phone.route("**/payment", lambda route: route.fulfill(status=409, json=problem) if is_busy else route.fallback())
    fan.tap_buy()
    if by == "card":
        form.enter(VISA)
        tell_who(fan)
        fan.pay()
    else:
        form.wallet.tap()
    expect(fan.sheet.get_by_role("alert").filter(has_text="The till is being counted.")).to_be_visible()
    expect(form.card.get_by_label("Card number")).to_have_value(VISA if by == "card" else "")
    is_busy = False
    fan.pay()
    fan.sees("It’s yours!")
    (payment,) = payments_asked(shop, fan)
    assert (b"pm_card_visa" if by == "card" else b"pm_card_applePay") in payment


def test_a_double_tap_on_pay_is_one_payment(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop)
    fan.tap_buy()
    form.enter(VISA)
    tell_who(fan)
    fan.sheet.get_by_role("button", name="Pay").evaluate("button => { button.click(); button.click(); }")
    fan.sees("It’s yours!")
    assert len(payments_asked(shop, fan)) == 1
    assert [order["state"] for order in fan.orders()] == ["confirmed"]


def test_a_blocked_script_is_reported_and_can_be_tried_again(
    phone: BrowserContext, shop: Shop, screenshot: Screenshot
) -> None:
    fan, form = in_front_of(phone, shop)
    is_blocked = True
    phone.route("https://js.stripe.com/**/stripe.js", lambda route: route.abort() if is_blocked else route.fallback())
    fan.tap_buy()
    expect(fan.sheet.get_by_text("The payment form could not be loaded.")).to_be_visible()
    expect(fan.sheet.get_by_role("button", name="Pay")).to_be_disabled()
    screenshot(fan.page, "stripe-blocked")
    tell_who(fan)
    is_blocked = False
    fan.sheet.get_by_role("button", name="Load the form again").tap()
    form.enter(VISA)
    expect(fan.sheet.get_by_text("The payment form could not be loaded.")).to_be_hidden()
    fan.pay()
    fan.sees("It’s yours!")


def test_without_an_answer_about_the_provider_no_form_is_shown(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop)
    is_away = True
    phone.route("**/v1/config", lambda route: route.abort() if is_away else route.fallback())
    fan.tap_buy()
    fan.sees("No answer from the shop")
    expect(fan.sheet.get_by_text("It’s still held for you")).to_be_visible()
    expect(fan.sheet.get_by_role("textbox")).to_have_count(0)
    is_away = False
    fan.sheet.get_by_role("button", name="Try again").tap()
    expect(form.card.get_by_label("Card number")).to_be_visible()


def test_stripe_gets_the_amount_of_the_quantity(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop, limit_per_buyer=4)
    fan.comes()
    fan.element.get_by_role("button", name="One more").tap()
    fan.tap_buy()
    expect(fan.sheet.get_by_role("button", name="Pay $90.00")).to_be_enabled()
    assert [group["amount"] for group in form.calls("elements")] == [9000, 9000]


def test_stripe_gets_the_amount_of_each_gift(phone: BrowserContext, shop: Shop) -> None:
    bounds = {"price_minor": None, "price_min_minor": 100, "price_max_minor": 9000, "suggested_minor": [500, 1500]}
    fan, form = in_front_of(phone, shop, kind="gift", stock=None, **bounds)
    fan.tap_buy()
    fan.sheet.get_by_role("button", name="Give $15").tap()
    form.enter(VISA)
    tell_who(fan)
    fan.pay()
    fan.sees("Thank you!")
    fan.sheet.get_by_role("button", name="Give again").tap()
    fan.sheet.get_by_text("$5", exact=True).tap()
    fan.sheet.get_by_role("button", name="Give $5").tap()
    expect(fan.sheet.get_by_role("button", name="Pay $5.00")).to_be_enabled()
    assert [group["amount"] for group in form.calls("elements")] == [1500, 1500]
    assert form.calls("update")[-1]["amount"] == 500


def test_a_pledge_that_is_charged_at_the_end_only_saves_the_card(phone: BrowserContext, shop: Shop) -> None:
    closes = time.time_ns() // 1_000_000 + 30 * 86_400_000
    rule = {"target_minor": 100_000, "all_or_nothing": True, "closes_at_ms": closes, "kind": "gift", "stock": None}
    bounds = {"price_minor": None, "price_min_minor": 100, "price_max_minor": 9000, "suggested_minor": [500, 1500]}
    fan, form = in_front_of(phone, shop, **rule, **bounds)
    fan.tap_buy()
    fan.sheet.get_by_role("button", name="Pledge $15").tap()
    form.enter(VISA)
    tell_who(fan)
    for group in form.calls("elements"):
        assert group["mode"] == "setup"
        assert "amount" not in group
    fan.sheet.get_by_role("button", name="Pledge $15.00").tap()
    fan.sees("Your pledge counts!")


def test_escape_closes_the_sheet_from_inside_stripes_fields(desktop: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(desktop, shop)
    fan.comes()
    fan.button.click()
    form.card.get_by_label("Card number").press("Escape")
    expect(fan.sheet).to_have_count(0)
    fan.button.click()
    expect(form.card.get_by_label("Card number")).to_be_visible()


def test_a_button_on_somebody_elses_site_needs_nothing_of_stripe_there(
    phone: BrowserContext, shop: Shop, screenshot: Screenshot
) -> None:
    stripe_answers(phone, wallet=WALLET)
    edition = shop.release()
    with website(BLOG.format(shop=shop.url, edition=edition)) as url:
        page = phone.new_page()
        page.goto(url)
        reader, form = Buying.elsewhere(page, edition), StripeForm(page, elsewhere=True)
        reader.tap_buy()
        form.enter(VISA)
        tell_who(reader)
        screenshot(page, "stripe-elsewhere")
        reader.pay()
        reader.sees("It’s yours!")
        expect(page.locator("#told li")).to_have_text(["held 4500", "paid 4500"])
        assert page.evaluate("() => [typeof window.Stripe, document.scripts.length]") == ["undefined", 2]
        expect_to_fit(page)


def test_a_host_with_a_strict_policy_only_has_to_name_the_shop(phone: BrowserContext, shop: Shop) -> None:
    stripe_answers(phone)
    edition = shop.release()
    policy = f"default-src 'none'; script-src {shop.url}; connect-src {shop.url}; frame-src {shop.url}"
    strict = f"""<!doctype html><meta http-equiv="Content-Security-Policy" content="{policy}">
      <meta name="viewport" content="width=device-width"><title>A bank's blog</title>
      <script src="{shop.url}/button.js"></script><buy-button edition="{edition}"></buy-button>"""
    with website(strict) as url:
        page = phone.new_page()
        page.goto(url)
        reader, form = Buying.elsewhere(page, edition), StripeForm(page, elsewhere=True)
        reader.tap_buy()
        form.enter(VISA)
        tell_who(reader)
        reader.pay()
        reader.sees("It’s yours!")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_light_and_dark(
    phone: BrowserContext, shop: Shop, screenshot: Screenshot, scheme: Literal["light", "dark"]
) -> None:
    fan, form = in_front_of(phone, shop, wallet=WALLET)
    fan.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    fan.tap_buy()
    form.enter(VISA)
    screenshot(fan.page, f"stripe-{scheme}")
    assert too_faint(fan.page) == []
    sheet = fan.sheet.evaluate("sheet => getComputedStyle(sheet).backgroundColor")
    appearance = form.calls("update")[-1]["appearance"]
    assert appearance["theme"] == {"light": "stripe", "dark": "night"}[scheme]
    assert appearance["variables"]["colorBackground"] == sheet
    assert form.frame.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == sheet
    other: Literal["light", "dark"] = "light" if scheme == "dark" else "dark"
    fan.page.emulate_media(color_scheme=other)
    themes = {"light": "stripe", "dark": "night"}
    wait_until(lambda: form.calls("update")[-1]["appearance"]["theme"] == themes[other])
