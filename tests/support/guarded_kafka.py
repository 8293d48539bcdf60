"""A broker that asks who one is (SASL) and refuses what isn't granted."""

from collections.abc import Mapping
from pathlib import Path

from buystream.host.broker import Broker
from tests.support.patience import patient
from tests.support.ports import reserved_port


class GuardedBroker(Broker):
    """With a listener for users with passwords, of whom only `shop` may do everything; one more is the broker's."""

    def __init__(self, data_dir: Path, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        port, controller_port, self.user_port = (reserved_port() for _ in range(3))
        host = "127.0.0.1"
        users = " ".join(f'user_{user}="{password}"' for user, password in passwords.items())
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        super().__init__(
            data_dir,
            port=port,
            start_seconds=patient(120),
            settings={
                "listeners": f"PLAINTEXT://{host}:{port},USERS://{host}:{self.user_port},"
                f"CONTROLLER://{host}:{controller_port}",
                "advertised.listeners": f"PLAINTEXT://{host}:{port},USERS://{host}:{self.user_port}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,USERS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
                "controller.quorum.voters": f"1@{host}:{controller_port}",
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.users.plain.sasl.jaas.config": f"{module} required {users};",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS;User:shop",
            },
        )

    @property
    def address(self) -> str:
        """Where users connect to."""
        return f"127.0.0.1:{self.user_port}"

    def librdkafka(self, user: str) -> dict[str, str]:
        """librdkafka's options: it says what it is refused, where kafka-python waits."""
        return {"bootstrap.servers": self.address, "log_level": "0", **self._credentials(user)}

    def options(self, user: str) -> str:
        """BUYSTREAM_KAFKA_OPTIONS."""
        return ",".join(f"{name}={value}" for name, value in self._credentials(user).items())

    def _credentials(self, user: str) -> dict[str, str]:
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": self._passwords[user],
        }
