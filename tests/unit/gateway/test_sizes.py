"""How large a file is, in people's words."""

from tests.support.javascript import evaluated


def test_a_small_file_is_counted_in_bytes() -> None:
    script = 'import { sizeWords } from "./sizes.js"; tell([1, 98, 4_000, 1_234_567].map(sizeWords));'
    assert evaluated(script) == ["1 byte", "98 bytes", "4 kB", "1.23 MB"]
