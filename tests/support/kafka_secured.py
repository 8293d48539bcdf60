"""A broker as it is run where strangers can reach it: its users come over TLS with a password (SASL_SSL, SCRAM), and an
authorizer asks what each may do. `docs/operations.md` shows the same as a worked example."""

import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from buystream.host.broker import Broker
from tests.support.patience import patient
from tests.support.ports import reserved_port

HOST = "127.0.0.1"
ITERATIONS = 4096
ADMIN, SHOP = "admin", "shop"
WITHIN = (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID)
"""What the shop's user may use whose name begins with the shop's prefix."""


class SecuredBroker(Broker):
    """`ca_file` is the authority that signed the broker's certificate, `other_ca_file` one that didn't; `passwords` are
    those of its users. A plain listener beside the users' one is the test's own."""

    def __init__(self, folder: Path) -> None:
        port, controller_port, self.user_port = (reserved_port() for _ in range(3))
        self.ca_file, self.other_ca_file, key_file = folder / "ca.pem", folder / "other-ca.pem", folder / "broker.pem"
        self.passwords = {user: f'{secrets.token_hex(8)},="' for user in (ADMIN, SHOP)}
        _certify(self.ca_file, key_file)
        _certify(self.other_ca_file, folder / "unused.pem")
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
        ours = f"PLAINTEXT://{HOST}:{port},SASL_SSL://{HOST}:{self.user_port}"
        super().__init__(
            folder / "data",
            port=port,
            start_seconds=patient(120),
            settings={
                "listeners": f"{ours},CONTROLLER://{HOST}:{controller_port}",
                "advertised.listeners": ours,
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
                "controller.quorum.voters": f"1@{HOST}:{controller_port}",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(key_file),
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{scram} required;",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": f"User:ANONYMOUS;User:{ADMIN}",
            },
        )

    @property
    def address(self) -> str:
        """Where users connect to."""
        return f"{HOST}:{self.user_port}"

    def start(self) -> None:
        """And have the users."""
        super().start()
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        users = [UserScramCredentialUpsertion(user, info, word.encode()) for user, word in self.passwords.items()]
        for made in admin.alter_user_scram_credentials(users).values():
            made.result(patient(30))

    def allow_shop(self, prefix: str) -> None:
        """Everything under the prefix, and nothing else."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        grants = [
            AclBinding(
                *(kind, f"{prefix}buystream", ResourcePatternType.PREFIXED),
                *(f"User:{SHOP}", "*", AclOperation.ALL, AclPermissionType.ALLOW),
            )
            for kind in WITHIN
        ]
        for granted in admin.create_acls(grants).values():
            granted.result(patient(30))

    def options(self, user: str, **changed: str) -> str:
        """BUYSTREAM_KAFKA_OPTIONS as a file has them: one a line. `changed` has `_` for `.`."""
        options = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.passwords[user],
            "ssl.ca.location": str(self.ca_file),
        } | {name.replace("_", "."): value for name, value in changed.items()}
        return "".join(f"{name}={value}\n" for name, value in options.items())


def _certify(ca_file: Path, key_file: Path) -> None:
    """A new authority, and a broker's key with the certificate that it signs; both files PEM."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    base = x509.CertificateBuilder().not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    ca = (
        base.subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        base.subject_name(name)
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    ca_file.write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    key_file.write_bytes(private + certificate.public_bytes(pem) + ca.public_bytes(pem))
