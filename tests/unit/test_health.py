"""What a role tells those who look after it."""

import httpx
import pytest

from buystream.health import CannotListen, serve_health


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


def test_a_taken_port_is_told_in_one_line() -> None:
    with (
        serve_health("127.0.0.1", 0, lambda: None) as port,
        pytest.raises(CannotListen, match="choose another BUYSTREAM_METRICS_PORT") as told,
        serve_health("127.0.0.1", port, lambda: None),
    ):
        pass
    assert "\n" not in str(told.value)
