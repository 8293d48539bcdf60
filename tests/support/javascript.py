"""The button's modules without a browser: run by the Node.js that Playwright brings along."""

import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable

MODULES = Path(str(files("buystream.gateway"))) / "static" / "buystream"


def evaluated(script: str, **given: Any) -> Any:
    """What the script, an ES module beside the button's, calls `tell` with; `given` are constants of it."""
    node = compute_driver_executable()[0]
    constants = "".join(f"const {name} = {json.dumps(value)};" for name, value in given.items())
    tell = "const tell = (value) => console.log(JSON.stringify(value));"
    module = f"{constants}{tell}{script}".replace('from "./', f'from "{MODULES.as_uri()}/')
    run = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "--eval", module], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
