"""Token buckets, and what one network may hold."""

import pytest

from buystream.gateway.server.catalogue import ListedVariant, Listing
from buystream.gateway.server.clients import Clients
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.rates import Buckets, RateLimiter
from buystream.limits import Limits
from buystream.vocabulary.events import OrderAuthorised, OrderExpired, PaymentAuthorised, PaymentDeclined

EDITION = "ed0-0123456789"
CLIENT, OTHER = "203.0.113.9", "203.0.113.10"


class FakeClock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def rates(clock: FakeClock | None = None, **limits: float) -> RateLimiter:
    made = Limits(**limits)  # type: ignore[arg-type]
    return RateLimiter(made, Clients(made.trusted_proxies), clock or FakeClock())


def offer(stock: int | None) -> Listing:
    return Listing(
        edition_id=EDITION,
        merchant_id="me0-0123456789",
        title="Night Sky",
        kind="ticket",
        stock=stock,
        limited=stock is not None,
        currency="USD",
        may_be_free=False,
        needs_address=False,
        partition=0,
        variants={"": ListedVariant(price_min_minor=1, price_max_minor=1, limit_per_buyer=100)},
        has_dates=False,
        vouched_only=False,
    )


def kind(event: type) -> str:
    return f"buystream.{event.__struct_config__.tag}"  # type: ignore[attr-defined]


def test_a_bucket_fills_again_at_its_rate() -> None:
    clock = FakeClock()
    buckets = Buckets(2, 10.0, clock)
    assert [buckets.take("a"), buckets.take("a")] == [0, 0]
    assert buckets.take("a") == pytest.approx(5.0)
    assert buckets.take("b") == 0
    clock.now += 5
    assert buckets.wait("a") == 0
    assert buckets.take("a") == 0
    clock.now += 1000
    assert [buckets.take("a") for _ in range(3)] == [0, 0, pytest.approx(5.0)]


def test_a_capacity_of_nothing_is_no_limit() -> None:
    buckets = Buckets(0, 10.0)
    assert {buckets.take("a") for _ in range(1000)} == {0.0}
    assert buckets.wait("a") == 0
    assert len(buckets) == 0


def test_the_longest_unseen_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buystream.gateway.server.rates.KEPT_MAX", 3)
    buckets = Buckets(1, 10.0, FakeClock())
    for key in "abcd":
        buckets.take(key)
    assert len(buckets) == 3
    assert buckets.take("a") == 0
    assert buckets.take("d") > 0


def test_wrong_keys_are_limited_for_a_network_and_a_right_one_passes() -> None:
    limited = rates(network_wrong_keys=3)
    limited.try_key(CLIENT, "right")
    limited.key_was_right(CLIENT, "right")
    for number in range(3):
        limited.try_key(CLIENT, f"wrong {number}")
    with pytest.raises(HttpProblem, match="wrong API keys") as refusal:
        limited.try_key(CLIENT, "wrong again")
    assert int(refusal.value.headers["Retry-After"]) > 0
    limited.try_key(CLIENT, "right")
    limited.try_key(OTHER, "wrong")


def test_declined_payments_are_limited_for_a_session_and_a_network() -> None:
    limited = rates(session_payments_per_minute=3, network_declines=5)
    for number in range(3):
        limited.pay(f"order {number}", "anna", CLIENT)
        limited.note(kind(PaymentDeclined), f"order {number}")
    with pytest.raises(HttpProblem, match="too many payments"):
        limited.pay("order 3", "anna", CLIENT)
    for number in range(4, 6):
        limited.pay(f"order {number}", "ben", CLIENT)
        limited.note(kind(PaymentDeclined), f"order {number}")
    with pytest.raises(HttpProblem, match="declined"):
        limited.pay("order 6", "carol", CLIENT)
    limited.pay("order 7", "dora", OTHER)


def test_payments_that_succeed_count_for_nobody() -> None:
    limited = rates(session_payments_per_minute=2, network_declines=2)
    for number in range(50):
        limited.pay(f"order {number}", "anna", CLIENT)
        limited.note(kind(PaymentAuthorised), f"order {number}")
        limited.note(kind(OrderAuthorised), f"order {number}")
    assert not limited.followed


def test_a_payment_without_a_decision_is_sent_again_and_counts_once() -> None:
    limited = rates(session_payments_per_minute=2)

    def pay(answer: str) -> str:
        with pytest.raises(HttpProblem) as problem:  # noqa: PT012  the limit's own, or the answer
            limited.pay("order 1", "anna", CLIENT)
            with limited.counting_what_is_decided("anna"):
                raise HttpProblem(answer)
        return problem.value.slug

    for answer in ("no-decision", "overloaded", "unavailable") * 5:
        assert pay(answer) == answer
    assert [pay("not-payable") for _ in range(3)] == ["not-payable", "not-payable", "too-many-requests"]


def test_a_network_holds_its_share_unpaid_and_no_more() -> None:
    limited = rates()
    for number in range(12):
        assert limited.hold(offer(100), f"order {number}", 4, CLIENT)
    with pytest.raises(HttpProblem) as refusal:
        limited.hold(offer(100), "one more", 4, CLIENT)
    assert (refusal.value.status, refusal.value.slug) == (429, "too-many-holds")
    assert limited.hold(offer(100), "elsewhere", 4, OTHER)
    for number, end in enumerate((OrderAuthorised, OrderExpired)):
        limited.note(kind(end), f"order {number}")
        assert limited.hold(offer(100), f"after {number}", 4, CLIENT)
    limited.release("after 1")
    assert limited.hold(offer(100), "again", 4, CLIENT)


def test_a_repeat_is_counted_once() -> None:
    limited = rates()
    assert limited.hold(offer(20), "order", 10, CLIENT)
    assert not limited.hold(offer(20), "order", 10, CLIENT)
    limited.note(kind(OrderExpired), "order")
    assert limited.hold(offer(20), "another", 10, CLIENT)


@pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
def test_the_address_of_a_proxy_that_names_no_client_has_no_share(client: str) -> None:
    assert not rates().hold(offer(100), "order", 100, client)


def test_small_editions_unlimited_ones_and_a_share_of_everything_are_free() -> None:
    assert rates().hold(offer(10), "order", 10, CLIENT)
    assert not rates().hold(offer(None), "order", 100, CLIENT)
    assert not rates(network_holds_percent=100).hold(offer(100), "order", 100, CLIENT)


def test_what_is_followed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buystream.gateway.server.rates.KEPT_MAX", 5)
    limited = rates()
    for number in range(50):
        limited.hold(offer(1000), f"order {number}", 2, CLIENT)
    assert len(limited.followed) == 5
