"""The receivers that docs/webhooks.md shows take what is sent, once, and refuse what isn't."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from buystream.consumers.webhooks.signing import SigningKeys, signed_headers
from tests.support.patience import wait_until
from tests.support.ports import reserved_port

PAGE = (Path(__file__).parents[4] / "docs" / "webhooks.md").read_text()
KEYS = SigningKeys.new()
BODY = b'{"type":"buystream.OrderConfirmed.v1","subject":"ed0-order","data":{}}'
COMMANDS = {
    "python": [sys.executable, "-u", "receiver.py"],
    "javascript": [shutil.which("node") or "node", "receiver.mjs"],
}


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_receiver_of_the_page_works(language: str, tmp_path: Path) -> None:
    port, command = reserved_port(), COMMANDS[language]
    (code,) = re.findall(rf"```{language}\n(.*?(?:serve_forever|listen)\(.*?)```", PAGE, re.S)
    secret = KEYS.secret if language == "python" else KEYS.secret.removeprefix("whsec_")
    code = code.replace("whsec_...", secret).replace('"..."', f'"{secret}"').replace("8080", str(port))
    (tmp_path / command[-1]).write_text(code)
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as receiver:
        try:
            headers = signed_headers("msg_1", BODY, [KEYS], at_seconds=int(time.time()))

            def sent(body: bytes) -> int:
                try:
                    return httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=headers).status_code
                except httpx.ConnectError:
                    return 0

            wait_until(lambda: sent(BODY) == 204)
            assert sent(BODY) == 204
            assert sent(BODY + b" ") == 400
        finally:
            receiver.terminate()
        said, _ = receiver.communicate()
    assert said == b"pack ed0-order\n"
