"""The two reverse proxies that docs/tls.md offers, each with the file of `deploy/` that people copy: only the names,
addresses and certificates in it are replaced."""

import datetime
import ipaddress
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.ports import reserved_port
from tests.support.server_logs import show_on_failure

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = "shop.example"
PROXIES = ("nginx", "caddy")


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs: where it listens with and without TLS, and what it wrote."""

    https: int
    http: int
    certificate: Path
    log: Path


@contextmanager
def proxy(kind: str, folder: Path, *, upstream: int) -> Iterator[Proxy]:
    """`kind` of PROXIES in front of a shop on that port; it ends with the context."""
    certificate, key = self_signed(folder)
    made = Proxy(reserved_port(), reserved_port(), certificate, folder / f"{kind}.log")
    show_on_failure(kind, made.log)
    command = {"nginx": _nginx, "caddy": _caddy}[kind](folder, made, key, upstream)
    program = shutil.which(command[0], path=f"{os.defpath}:/usr/sbin:/sbin")
    assert program, f"{kind} is not installed: tools/bootstrap.sh proxies"
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with made.log.open("wb") as log:
        process = subprocess.Popen([program, *command[1:]], stdout=log, stderr=log, env=environment)
    try:
        yield made
    finally:
        process.terminate()
        process.wait()


def _nginx(folder: Path, made: Proxy, key: Path, upstream: int) -> list[str]:
    site = (DEPLOY / "nginx.conf").read_text()
    for before, after in (
        ("127.0.0.1:8000", f"127.0.0.1:{upstream}"),
        ("listen 80;", f"listen 127.0.0.1:{made.http};"),
        ("listen 443 ", f"listen 127.0.0.1:{made.https} "),
        ("/etc/ssl/shop.example/fullchain.pem", str(made.certificate)),
        ("/etc/ssl/shop.example/privkey.pem", str(key)),
    ):
        assert before in site, f"deploy/nginx.conf says {before!r} no more"
        site = site.replace(before, after)
    temporary = "".join(
        f"{module}_temp_path {folder}/{module};\n" for module in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr warn;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}include site.conf;\n}}\n"
    )
    folder.chmod(0o755)  # nginx's workers aren't root
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, made: Proxy, key: Path, upstream: int) -> list[str]:
    text = (DEPLOY / "Caddyfile").read_text()
    for before, after in (
        ("127.0.0.1:8000", f"127.0.0.1:{upstream}"),
        ("\nshop.example {", f"\n{NAME} {{\n\ttls {made.certificate} {key}\n\tbind 127.0.0.1"),
        ("{\n\tservers", f"{{\n\tadmin off\n\thttp_port {made.http}\n\thttps_port {made.https}\n\tservers"),
    ):
        assert before in text, f"deploy/Caddyfile says {before!r} no more"
        text = text.replace(before, after, 1)
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for shop.example and the loopback address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    certificate_file, key_file = folder / "fullchain.pem", folder / "privkey.pem"
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file
