"""What each merchant's Kafka user may do, and how fast it may read: nothing but its own topic, with groups of its own.
A merchant's user is named as the merchant's id. And what analysts' users may do: read all events, and nothing else. On
kafka-python's admin client; promised in docs/merchant-feed.md and docs/analysts.md."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import SecurityDisabledError, for_code
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeClientQuotasRequest

from buystream.log import EVENTS, TOPICS
from buystream.log.kafka.clients import READERS_GROUP
from buystream.log.topics import REQUEST_SECONDS, TopicDifference, as_log_errors, merchant_topic

RATE: Final = "consumer_byte_rate"
USER: Final = "user"
EXACT_MATCH: Final = 0
ANY_HOST: Final = "*"
DENIED: Final = "denied"
ALLOWED: Final = "allowed"

KINDS: Final = (
    (ResourceType.TOPIC, ACLResourcePatternType.LITERAL),
    (ResourceType.GROUP, ACLResourcePatternType.PREFIXED),
)
OPERATIONS: Final = (ACLOperation.READ, ACLOperation.DESCRIBE)

ANALYSTS_GROUPS: Final = "buystream-analysts."
"""What the consumer groups of analysts begin with."""


class Grants:
    """The permissions and quotas of all merchants that have a topic on a cluster, and its `analysts`' permissions.
    Where nobody is refused anything (a cluster without an authorizer) there is nothing to grant. `prefix` goes before
    every name; `options` are kafka-python's, for SASL and TLS. Every method raises LogUnavailable and LogError."""

    def __init__(
        self,
        bootstrap: str,
        *,
        bytes_per_second: int,
        prefix: str = "",
        analysts: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._bytes_per_second = bytes_per_second
        self._prefix = prefix
        self._analysts = tuple(analysts)
        with as_log_errors():
            self._admin = KafkaAdminClient(
                bootstrap_servers=bootstrap,
                client_id="buystream-grants",
                request_timeout_ms=REQUEST_SECONDS * 1000,
                **({"bootstrap_timeout_ms": REQUEST_SECONDS * 1000} | dict(options or {})),
            )

    def check(self) -> list[TopicDifference]:
        """What merchants and analysts may not do yet, or faster or slower than they should; changes nothing."""
        with as_log_errors():
            if not self._is_guarded():
                return []
            merchants = [
                TopicDifference(self._topic(merchant_id), what, found, wanted)
                for merchant_id in self._merchants()
                for what, found, wanted in self._differences(merchant_id)
            ]
            return merchants + [
                TopicDifference(acl.resource_pattern.resource_name, f"{_what(acl)} for {user}", DENIED, ALLOWED)
                for user in self._analysts
                for acl in self._missing(user, self._wanted_for_analyst(user))
            ]

    def apply(self) -> list[TopicDifference]:
        """Grant what is missing; returns what was changed."""
        differences = self.check()
        changed = {one.topic for one in differences}
        with as_log_errors():
            for merchant_id in self._merchants() if changed else ():
                if self._topic(merchant_id) in changed:
                    self._grant(merchant_id, self._wanted(merchant_id))
                    self._alter_quota(merchant_id, remove=False)
            for user in self._analysts if changed else ():
                self._grant(user, self._wanted_for_analyst(user))
        return differences

    def revoke(self, merchant_id: str) -> None:
        """Take everything from a merchant's user."""
        with as_log_errors():
            if self._is_guarded():
                self._admin.delete_acls([_all_of(f"User:{merchant_id}")])
                self._alter_quota(merchant_id, remove=True)

    def close(self) -> None:
        """Release the connections."""
        self._admin.close()

    def _topic(self, merchant_id: str) -> str:
        return merchant_topic(merchant_id, prefix=self._prefix).name

    def _merchants(self) -> list[str]:
        """Those that have a topic."""
        start = self._topic("")
        return sorted(name.removeprefix(start) for name in self._admin.list_topics() if name.startswith(start))

    def _is_guarded(self) -> bool:
        try:
            self._admin.describe_acls(_all_of("User:nobody"))
        except SecurityDisabledError:
            return False
        return True

    def _differences(self, merchant_id: str) -> Iterator[tuple[str, str, str]]:
        for acl in self._missing(merchant_id, self._wanted(merchant_id)):
            yield _what(acl), DENIED, ALLOWED
        rate = self._quota(merchant_id)
        if rate != self._bytes_per_second:
            yield RATE, "" if rate is None else f"{rate:.0f}", str(self._bytes_per_second)

    def _missing(self, user: str, wanted: Sequence[ACL]) -> list[ACL]:
        found, _ = self._admin.describe_acls(_all_of(f"User:{user}"))
        granted = {_identity(acl) for acl in found}
        return [acl for acl in wanted if _identity(acl) not in granted]

    def _grant(self, user: str, wanted: Sequence[ACL]) -> None:
        for refusal in self._admin.create_acls(wanted)["failed"]:
            raise refusal(f"granting {user} what it may read")

    def _wanted(self, merchant_id: str) -> list[ACL]:
        """A group is named as the topic, or begins with its name."""
        topic = self._topic(merchant_id)
        return [
            _allowing(merchant_id, operation, ResourcePattern(kind, topic, pattern))
            for kind, pattern in KINDS
            for operation in OPERATIONS
        ]

    def _wanted_for_analyst(self, user: str) -> list[ACL]:
        """All events. For `buystream events` also that the other topics of the log, and the readers' group, exist."""
        topics = {name: ResourcePattern(ResourceType.TOPIC, self._prefix + name) for name in TOPICS}
        groups = ResourcePattern(ResourceType.GROUP, self._prefix + ANALYSTS_GROUPS, ACLResourcePatternType.PREFIXED)
        readers = ResourcePattern(ResourceType.GROUP, self._prefix + READERS_GROUP)
        return [
            *(_allowing(user, ACLOperation.DESCRIBE, topic) for topic in topics.values()),
            _allowing(user, ACLOperation.READ, topics[EVENTS]),
            _allowing(user, ACLOperation.READ, groups),
            _allowing(user, ACLOperation.DESCRIBE, readers),
        ]

    def _quota(self, merchant_id: str) -> float | None:
        request = DescribeClientQuotasRequest(components=[(USER, EXACT_MATCH, merchant_id)], strict=True)
        entries = self._ask(request).entries
        return next((value.value for entry in entries or () for value in entry.values if value.key == RATE), None)

    def _alter_quota(self, merchant_id: str, *, remove: bool) -> None:
        entry = ([(USER, merchant_id)], [(RATE, float(self._bytes_per_second), remove)])
        for answer in self._ask(AlterClientQuotasRequest(entries=[entry], validate_only=False)).entries:
            _raise_if(answer.error_code, answer.error_message)

    def _ask(self, request: Any) -> Any:
        """The library speaks this part of the protocol, but has no method for it."""
        response = self._admin._manager.run(self._admin._manager.send, request)
        _raise_if(getattr(response, "error_code", 0), getattr(response, "error_message", ""))
        return response


def _allowing(user: str, operation: ACLOperation, on: ResourcePattern) -> ACL:
    return ACL(
        principal=f"User:{user}",
        host=ANY_HOST,
        operation=operation,
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=on,
    )


def _what(acl: ACL) -> str:
    return f"{acl.operation.name} {acl.resource_pattern.resource_type.name}"


def _raise_if(code: int, message: str | None) -> None:
    if code:
        raise for_code(code)(message or "")


def _all_of(principal: str) -> ACLFilter:
    everywhere = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(principal, None, ACLOperation.ANY, ACLPermissionType.ANY, everywhere)


def _identity(acl: ACL) -> tuple[object, ...]:
    on = acl.resource_pattern
    return acl.host, acl.operation, acl.permission_type, on.resource_type, on.resource_name, on.pattern_type
