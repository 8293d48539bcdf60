"""Base 64 as the C2SP formats have it: RFC 4648, section 4, and one text for one value."""

from binascii import a2b_base64, b2a_base64


def encode(value: bytes) -> str:
    """Padded, on one line."""
    return b2a_base64(value, newline=False).decode()


def decode(text: str) -> bytes:
    """Raises ValueError for any other text than `encode` gives."""
    value = a2b_base64(text.encode("ascii"), strict_mode=True)
    if encode(value) != text:
        raise ValueError("not the one way to write it")
    return value
