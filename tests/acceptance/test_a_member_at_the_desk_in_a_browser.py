"""A colleague at the desk: invited by an owner, signed in by the mailed link, then by a passkey, and shown what the
role may see."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from buystream.gateway.server.member_links import MemberLinks
from tests.support.browser import DESKTOP, patient_context
from tests.support.examples import MERCHANT
from tests.support.ports import reserved_port
from tests.support.shop import API_KEY, SECRET, Shop, gateway_at_work, lasting_shop

__all__ = ["lasting_shop"]

LINKS = MemberLinks(SECRET)


@pytest.fixture
def url(lasting_shop: Shop) -> Iterator[str]:
    """Another gateway of the shop, at an address that is a name: browsers make passkeys for no other."""
    port = reserved_port()
    address = f"http://localhost:{port}"
    parts = lasting_shop.parts
    with gateway_at_work(type(parts)(**{**vars(parts), "public_url": address}), port=port):
        yield address


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """With an authenticator that holds passkeys and verifies its user."""
    context = patient_context(chromium, viewport=DESKTOP)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    yield page
    context.close()


def test_a_colleague_is_invited_and_signs_in_by_link_and_by_passkey(lasting_shop: Shop, url: str, page: Page) -> None:
    page.goto(f"{url}/desk#key={API_KEY}")
    people = page.get_by_role("region", name="People")
    people.get_by_role("button", name="Invite a colleague").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Rosa Example")
    dialog.get_by_label("E-mail").fill("rosa@example.org")
    dialog.get_by_label("Role").select_option("support")
    dialog.get_by_role("button", name="Send the invitation").click()
    row = people.get_by_role("row").filter(has_text="Rosa Example")
    expect(row).to_contain_text("Invited")
    expect(people.get_by_role("list", name="Who did what")).to_be_attached()
    member_id = row.get_attribute("data-id") or ""
    page.get_by_role("button", name="Sign out").click()

    with lasting_shop.merchant() as owner:
        (member,) = owner.get("/v1/merchant/members").json()["members"]
    code = LINKS.invitation(MERCHANT, member_id, until_ms=member["until_ms"])
    page.goto("about:blank")
    page.goto(f"{url}/desk#link={code}")
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    assert "link" not in page.url, "the code is taken out of the address"
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Release an edition")).to_be_hidden()

    people.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("dialog").get_by_label("Name").fill("This laptop")
    page.get_by_role("dialog").get_by_role("button", name="Add it").click()
    expect(people.get_by_text(re.compile("This laptop, added"))).to_be_visible()

    page.reload()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    expect(people.get_by_text("by passkey, this one")).to_be_visible()

    with lasting_shop.merchant() as owner:
        assert owner.delete(f"/v1/merchant/members/{member_id}").status_code == 204
        done = [f"{one['who']} {one['did']}" for one in owner.get("/v1/merchant/trail").json()["steps"]]
    assert done[:4] == [
        "The owner key “First key” removed Rosa Example",
        "Rosa Example (support) added the passkey “This laptop”",
        "Rosa Example (support) accepted the invitation as support",
        "The owner key “First key” invited Rosa Example as support",
    ]
    expect(page.get_by_label("E-mail")).to_be_visible()
