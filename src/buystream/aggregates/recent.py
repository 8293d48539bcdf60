"""Ids that are remembered for a while: within it a repeat is known for one, and nothing is kept for ever (see
docs/decisions/0027)."""


def remember(
    known_ms: dict[str, int], name: str, at_ms: int, forget_before_ms: int | None, *, at_once_max: int = 2
) -> list[str]:
    """Note when the name was used. Of those that were used before `forget_before_ms`, the oldest `at_once_max` are
    forgotten and returned: so there are never many more than newer ones, and no single event forgets a whole crowd."""
    known_ms[name] = at_ms
    forgotten: list[str] = []
    while forget_before_ms is not None and len(forgotten) < at_once_max:
        oldest = next(iter(known_ms))
        if known_ms[oldest] >= forget_before_ms:
            break
        del known_ms[oldest]
        forgotten.append(oldest)
    return forgotten
