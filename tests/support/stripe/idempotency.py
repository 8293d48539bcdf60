"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests): the first answer to a key is repeated, even
when it was an error; other parameters, or a second request while the first is under way, are refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.support.stripe.answers import Answer, Refused

Request = tuple[str, bytes]
"""Path and parameters."""


@dataclass
class Use:
    """The first use of a key; without an answer it is under way."""

    request: Request
    answer: Answer | None = None
    asked_again: bool = False
    """A client learned that it is in progress."""


class IdempotencyKeys:
    """What each key was first used for, and its answer."""

    def __init__(self) -> None:
        self._uses: dict[str, Use] = {}

    async def once(self, key: str, request: Request, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """Act, or give the saved answer. A refusal before the work begins is not saved."""
        use = self._uses.get(key)
        if use is None:
            return await self._first(key, request, act)
        if use.request != request:
            raise Refused(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        if use.answer is None:
            use.asked_again = True
            raise Refused(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        return Answer(use.answer.status, use.answer.body, {**use.answer.headers, "Idempotent-Replayed": "true"})

    def asked_again(self, key: str) -> bool:
        """Whether somebody came with the key while it was in use."""
        return key in self._uses and self._uses[key].asked_again

    def save(self, key: str, request: Request, answer: Answer) -> None:
        """This is what the key is answered from now on."""
        self._uses[key] = Use(request, answer)

    async def _first(self, key: str, request: Request, act: Callable[[], Awaitable[Answer]]) -> Answer:
        use = self._uses[key] = Use(request)
        try:
            use.answer = await act()
        except Refused as refusal:
            if refusal.begun:
                use.answer = refusal.answer
            raise
        finally:
            if use.answer is None:
                del self._uses[key]
        return use.answer
