"""What is sent is verified by the reference library of Standard Webhooks, and by Ed25519 on its own."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from buystream.consumers.webhooks.signing import SigningKeys, opened, signed_headers
from buystream.sealing import NotSealedHere

BODY = '{"type":"buystream.OrderPlaced.v1","data":{"title":"Nächte"}}'.encode()
ROOT = b"r" * 32


def headers(*keys: SigningKeys) -> dict[str, str]:
    return signed_headers("msg_sh-1_0-7", BODY, keys, at_seconds=int(time.time()))


def test_the_reference_library_verifies_it() -> None:
    keys = SigningKeys.new()
    assert Webhook(keys.secret).verify(BODY, headers(keys))["data"] == {"title": "Nächte"}


def test_the_reference_library_refuses_another_body_or_secret() -> None:
    keys = SigningKeys.new()
    for secret, body in ((keys.secret, BODY + b" "), (SigningKeys.new().secret, BODY)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers(keys), json_parse=False)


def test_the_old_secret_and_the_new_one_both_verify_while_one_replaces_the_other() -> None:
    old, new = SigningKeys.new(), SigningKeys.new()
    for keys in (old, new):
        assert Webhook(keys.secret).verify(BODY, headers(new, old))


def test_the_public_key_verifies_the_asymmetric_signature() -> None:
    keys = SigningKeys.new()
    sent = headers(keys)
    assert keys.public_key.startswith("whpk_")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(keys.public_key.removeprefix("whpk_")))
    (signature,) = (one for one in sent["webhook-signature"].split(" ") if one.startswith("v1a,"))
    content = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + BODY
    public.verify(base64.b64decode(signature.removeprefix("v1a,")), content)


def test_keys_are_sealed_for_their_endpoint() -> None:
    keys = SigningKeys.new()
    sealed = keys.sealed(ROOT, "wh-1")
    assert opened(sealed, ROOT, "wh-1") == keys
    assert keys.shared not in sealed
    with pytest.raises(NotSealedHere):
        opened(sealed, ROOT, "wh-2")
