"""What a role reports to its operators."""

import httpx
import pytest

from buystream.host.health import CannotListen, serve_health


def test_a_role_is_healthy_and_says_why_it_is_not_ready() -> None:
    problems: list[str | None] = [None, "partitions are being taken over: [1]"]
    with serve_health("127.0.0.1", 0, lambda: problems.pop(0)) as port:
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/healthz").status_code == 200
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, ready.text) == (200, "ready\n")
        unready = httpx.get(f"{url}/readyz")
        assert (unready.status_code, unready.text) == (503, "partitions are being taken over: [1]\n")
        assert "python_info" in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/else").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz")


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with (
        serve_health("127.0.0.1", 0, lambda: None) as port,
        pytest.raises(CannotListen, match="choose another BUYSTREAM_METRICS_PORT") as told,
        serve_health("127.0.0.1", port, lambda: None),
    ):
        pass
    assert "\n" not in str(told.value)


def test_a_shop_beside_another_takes_a_free_port_instead_of_the_default() -> None:
    with (
        serve_health("127.0.0.1", 0, lambda: None) as first,
        serve_health("127.0.0.1", first, lambda: None, or_free=True) as second,
    ):
        assert second != first
        assert httpx.get(f"http://127.0.0.1:{second}/healthz").status_code == 200
