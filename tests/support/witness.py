"""A witness on this machine (https://c2sp.org/tlog-witness), strict as the specification is. It knows one log."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from buystream.transparency import base64
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.merkle import EMPTY_ROOT, NotProved, check_consistency
from buystream.transparency.notes import NotSigned, Signature, SignedNote, VerifierKey, verified
from buystream.transparency.policies import Witness
from tests.support.cosigners import Cosigner

Answer = tuple[int, str, str]
"""Status, content type and body."""


class LocalWitness:
    """What it has cosigned, and what it was sent. `more` are lines that it adds to its answers."""

    def __init__(self, log: VerifierKey, name: str = "witness.example") -> None:
        self._log = log
        self._cosigner = Cosigner(name, name.encode().ljust(32, b"-")[:32])
        self._lock = threading.Lock()
        self.key = self._cosigner.key
        self.size, self.root = 0, EMPTY_ROOT
        self.asked: list[int] = []
        self.more: tuple[Signature, ...] = ()
        self.is_lying = False
        self.url = ""

    @property
    def in_policy(self) -> Witness:
        """As a policy names it."""
        return Witness(self.key.name, self.key, self.url)

    def add_checkpoint(self, body: str) -> Answer:
        """What the specification says."""
        head, _, written = body.partition("\n\n")
        first, *lines = head.split("\n")
        old = int(first.removeprefix("old "))
        self.asked.append(old)
        note, checkpoint = read_checkpoint(written)
        if checkpoint.origin != self._log.name:
            return 404, "text/plain", ""
        try:
            verified(note, [self._log])
        except NotSigned:
            return 403, "text/plain", ""
        if old > checkpoint.size:
            return 400, "text/plain", ""
        with self._lock:
            if old != self.size:
                return 409, "text/x.tlog.size", f"{self.size}\n"
            return self._cosigned(note, checkpoint, list(map(base64.decode, lines)))

    def _cosigned(self, note: SignedNote, checkpoint: Checkpoint, proof: Sequence[bytes]) -> Answer:
        try:
            check_consistency(proof, old_size=self.size, old_root=self.root, size=checkpoint.size, root=checkpoint.root)
        except NotProved:
            return 422, "text/plain", ""
        self.size, self.root = checkpoint.size, checkpoint.root
        text = note.text.replace("\n", "\nlie\n", 1) if self.is_lying else note.text
        signatures = (self._cosigner.cosign(text), *self.more)
        return 200, "text/plain", "".join(signature.line for signature in signatures)


@contextmanager
def serving(witness: LocalWitness) -> Iterator[LocalWitness]:
    """At a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, kind, said = (
                witness.add_checkpoint(body) if self.path == "/add-checkpoint" else (404, "text/plain", "")
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
