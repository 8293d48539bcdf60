"""E-mail addresses, as every mail server takes them: the dot-atom form of RFC 5321, section 4.1.2, in ASCII. One rule
for all that people enter and for what mails are written to. The pages have it in a module that is
generated from this one (email_module.py)."""

import re
from typing import Final

CHARS_MAX: Final = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL: Final = r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

EMAIL: Final = rf"^(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LAST_LABEL}$(?!\n)"
"""As a regular expression of JSON Schema, too."""

EMAIL_OR_NONE: Final = rf"^$(?!\n)|{EMAIL}"

WHAT_IT_IS: Final = (
    "an e-mail address such as anna@example.org: letters without accents, digits and single full stops before the @, "
    "and a domain after it (one with other letters as xn--…)"
)
"""For people whose address isn't one."""

_EMAIL: Final = re.compile(EMAIL)


def is_email(text: str) -> bool:
    """Whether mail can be sent there, as far as its form shows."""
    return len(text) <= CHARS_MAX and _EMAIL.search(text) is not None
