"""What several commands share: options, and how they talk."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from buystream.settings import Settings, read_settings

F = TypeVar("F", bound=Callable[..., Any])

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the shop's data [BUYSTREAM_DATA_DIR, ./data].",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def serving(command: F) -> F:
    """--data-dir, --host and --port."""
    port = click.option(
        "--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one [BUYSTREAM_PORT, 8000]."
    )
    host = click.option("--host", help="Address to listen on [BUYSTREAM_HOST, 127.0.0.1].")
    return data_dir(host(port(command)))


def settings_and_logging(*, level: str | None = None, **chosen: Any) -> Settings:
    """Read the settings; from here on, log lines go to stderr."""
    settings = read_settings(**chosen)
    logging.basicConfig(
        stream=sys.stderr,
        level=level or settings.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it can't do, it raises, and we say so in one line
    return settings


def progress_bar() -> Progress:
    """On stderr, so that stdout stays for results."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
