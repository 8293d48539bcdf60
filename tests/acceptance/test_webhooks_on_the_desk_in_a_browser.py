"""A merchant sends events somewhere, tries it, sees what became of it and sends it again: on a phone, at the desk."""

import re

from playwright.sync_api import BrowserContext, expect
from standardwebhooks.webhooks import Webhook

from tests.support.axe import violations
from tests.support.browser import DemoShop, Screenshot, expect_to_fit
from tests.support.patience import wait_until
from tests.support.receivers import receiving


def test_a_webhook_is_added_tried_sent_again_and_deleted_on_the_desk(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    desk = phone.new_page()
    desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('label')['api_key']}")
    with receiving() as receiver:
        desk.get_by_role("button", name="Send events somewhere").tap()
        desk.get_by_label("Address").fill(receiver.url)
        desk.get_by_label("What it is for").fill("The warehouse")
        desk.get_by_role("button", name="Add", exact=True).tap()
        expect(desk.get_by_label("Public key")).to_have_value(re.compile("^whpk_"))
        secret = desk.get_by_label("Secret", exact=True).input_value()
        screenshot(desk, "desk-webhook-secret")
        desk.get_by_role("button", name="I have copied it").tap()
        webhooks, sent = desk.locator("#webhooks"), desk.locator("#deliveries")
        expect(webhooks).to_contain_text("The warehouse")
        webhooks.get_by_role("button", name="Test").tap()
        expect(sent).to_contain_text("WebhookTest")
        wait_until(lambda: len(receiver.received) == 1)
        first = receiver.received[0]
        assert Webhook(secret).verify(first.raw, first.headers) == first.body

        def shows_delivered() -> bool:
            desk.get_by_role("button", name="Refresh").tap()
            return "Answered 204" in sent.inner_text()

        wait_until(shows_delivered)
        expect_to_fit(desk)
        assert violations(desk) == []
        screenshot(desk, "desk-webhooks")
        sent.get_by_role("button", name="Send number 1 again").tap()
        wait_until(lambda: len(receiver.received) == 2)
        assert receiver.received[1].headers["webhook-id"] == first.headers["webhook-id"]
        webhooks.get_by_role("button", name="Delete").tap()
        desk.get_by_role("button", name="Delete it").tap()
        expect(webhooks).not_to_contain_text("The warehouse")
        expect(sent).to_be_hidden()
