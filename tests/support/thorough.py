"""Whether random and repeated tests run at full length, as `make thorough` has them, or as many as `make test` has time
for."""

import os
from typing import Final

THOROUGH: Final = os.environ.get("BUYSTREAM_TEST_THOROUGH", "") == "1"
