"""Which of the shop's languages a browser prefers (RFC 9110, 12.5.4)."""

from buystream.consumers.notifications.words import DEFAULT, LANGUAGES


def preferred(accept_language: str) -> str:
    """The language of mails to this buyer, by the request's Accept-Language."""
    best, best_weight = DEFAULT, 0.0
    for part in accept_language[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(rest)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
