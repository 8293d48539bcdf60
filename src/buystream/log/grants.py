"""What each merchant's Kafka user may do, and how fast it may read: nothing but its own topic, with groups of its own.
A merchant's user is named as the merchant's id. On kafka-python's admin client; promised in docs/merchant-feed.md."""

from collections.abc import Iterator, Mapping
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

from buystream.log.topics import REQUEST_SECONDS, Difference, merchant_topic, telling

RATE: Final = "consumer_byte_rate"
USER: Final = "user"
EXACT_MATCH: Final = 0
ANY_HOST: Final = "*"

KINDS: Final = (
    (ResourceType.TOPIC, ACLResourcePatternType.LITERAL),
    (ResourceType.GROUP, ACLResourcePatternType.PREFIXED),
)
OPERATIONS: Final = (ACLOperation.READ, ACLOperation.DESCRIBE)


class Grants:
    """The permissions and quotas of all merchants that have a topic on a cluster. Where nobody is refused anything
    (a cluster without an authorizer) there is nothing to grant. `prefix` goes before every name; `options` are
    kafka-python's, for SASL and TLS. Every method raises LogUnavailable and LogError."""

    def __init__(
        self,
        bootstrap: str,
        *,
        bytes_per_second: int,
        prefix: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._bytes_per_second = bytes_per_second
        self._prefix = prefix
        with telling():
            self._admin = KafkaAdminClient(
                bootstrap_servers=bootstrap,
                client_id="buystream-grants",
                request_timeout_ms=REQUEST_SECONDS * 1000,
                **({"bootstrap_timeout_ms": REQUEST_SECONDS * 1000} | dict(options or {})),
            )

    def check(self) -> list[Difference]:
        """What merchants may not do yet, or faster or slower than they should; changes nothing."""
        with telling():
            return [
                Difference(self._topic(merchant_id), what, found, wanted)
                for merchant_id in self._merchants()
                for what, found, wanted in self._differences(merchant_id)
            ]

    def apply(self) -> list[Difference]:
        """Grant what is missing; returns what was changed."""
        differences = self.check()
        with telling():
            for merchant_id in sorted({one.topic.removeprefix(self._topic("")) for one in differences}):
                for refusal in self._admin.create_acls(self._wanted(merchant_id))["failed"]:
                    raise refusal(f"granting {merchant_id} its feed")
                self._alter_quota(merchant_id, remove=False)
        return differences

    def revoke(self, merchant_id: str) -> None:
        """Take everything from a merchant's user."""
        with telling():
            if self._is_guarded():
                self._admin.delete_acls([_all_of(f"User:{merchant_id}")])
                self._alter_quota(merchant_id, remove=True)

    def close(self) -> None:
        """Release the connections."""
        self._admin.close()

    def _topic(self, merchant_id: str) -> str:
        return merchant_topic(merchant_id, prefix=self._prefix).name

    def _merchants(self) -> list[str]:
        """Those that have a topic, if there is anything to grant."""
        if not self._is_guarded():
            return []
        start = self._topic("")
        return sorted(name.removeprefix(start) for name in self._admin.list_topics() if name.startswith(start))

    def _is_guarded(self) -> bool:
        try:
            self._admin.describe_acls(_all_of("User:nobody"))
        except SecurityDisabledError:
            return False
        return True

    def _differences(self, merchant_id: str) -> Iterator[tuple[str, str, str]]:
        found, _ = self._admin.describe_acls(_all_of(f"User:{merchant_id}"))
        granted = {_identity(acl) for acl in found}
        for acl in self._wanted(merchant_id):
            if _identity(acl) not in granted:
                yield f"{acl.operation.name} {acl.resource_pattern.resource_type.name}", "denied", "allowed"
        rate = self._quota(merchant_id)
        if rate != self._bytes_per_second:
            yield RATE, "" if rate is None else f"{rate:.0f}", str(self._bytes_per_second)

    def _wanted(self, merchant_id: str) -> list[ACL]:
        """A group is named as the topic, or begins with its name."""
        return [
            ACL(
                principal=f"User:{merchant_id}",
                host=ANY_HOST,
                operation=operation,
                permission_type=ACLPermissionType.ALLOW,
                resource_pattern=ResourcePattern(kind, self._topic(merchant_id), pattern),
            )
            for kind, pattern in KINDS
            for operation in OPERATIONS
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


def _raise_if(code: int, message: str | None) -> None:
    if code:
        raise for_code(code)(message or "")


def _all_of(principal: str) -> ACLFilter:
    everywhere = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(principal, None, ACLOperation.ANY, ACLPermissionType.ANY, everywhere)


def _identity(acl: ACL) -> tuple[object, ...]:
    on = acl.resource_pattern
    return acl.host, acl.operation, acl.permission_type, on.resource_type, on.resource_name, on.pattern_type
