"""What waits on a phone is uploaded whatever the shop's limit is, and the door's limit is the largest batch."""

import json

from buystream.gateway.routes.bodies.door import BATCH_BYTES_MAX, SCANS_AT_ONCE_MAX
from buystream.gateway.server.body_sizes import body_bytes_max
from buystream.limits import Limits
from tests.support.javascript import evaluated

UPLOAD = """
import { Scanner } from "./../door/scanner.js";
let queue = Array.from({ length: waiting }, (_, place) => ({ place, scan: { nonce: `scan-${place}` } }));
const store = {
  waiting: async (most) => queue.slice(0, most),
  forget: async (places) => { queue = queue.filter(({ place }) => !places.includes(place)); },
};
const uploaded = [];
const call = async (method, path, { scans }) => {
  if (refusal && scans.length > most) throw Object.assign(new Error("Refused."), { status: refusal });
  uploaded.push(...scans.map(({ nonce }) => nonce));
};
const scanner = new Scanner({ store, call, now: Date.now, door: {}, name: "North" });
tell([await scanner.upload(), uploaded, scanner.uploadProblem]);
"""


def test_a_batch_that_is_too_large_is_halved_and_stays_in_order() -> None:
    done, uploaded, problem = evaluated(UPLOAD, waiting=120, most=7, refusal=413)
    assert (done, problem) == (True, "")
    assert uploaded == [f"scan-{place}" for place in range(120)]


def test_the_phone_says_why_it_cannot_upload_unless_the_network_is_missing() -> None:
    assert evaluated(UPLOAD, waiting=3, most=0, refusal=413) == [False, [], "Refused."]
    assert evaluated(UPLOAD, waiting=3, most=0, refusal=403) == [False, [], "Refused."]
    done, _, problem = evaluated(UPLOAD.replace("status: refusal", "status: 0"), waiting=3, most=0, refusal=1)
    assert (done, problem) == (False, "")


def test_the_largest_batch_is_taken_in() -> None:
    longest = {
        "code": "~" * 400,
        "nonce": "n" * 64,
        "scanner": "\N{TICKET}" * 80,
        "gate": "g" * 40,
        "direction": "entry",
        "at": 253_402_300_799_999,
        "passed": False,
        "edition_id": "e" * 64,
        "ticket_id": "t" * 100,
    }
    body = json.dumps({"scans": [longest] * SCANS_AT_ONCE_MAX}).encode()
    most = body_bytes_max(b"POST", b"/v1/door/scans/batch", Limits())
    assert len(body) <= most == BATCH_BYTES_MAX
    assert body_bytes_max(b"POST", b"/v1/door/scans", Limits()) < most
