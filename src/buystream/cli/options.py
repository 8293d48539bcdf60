"""What several commands share: options, and how they talk."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

from buystream.errors import BuystreamError
from buystream.host import log_lines
from buystream.settings import Settings, read_log_format, read_settings
from buystream.vocabulary.email_addresses import WHAT_IT_IS, is_email
from buystream.vocabulary.texts import IN_WORDS, LINE

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

QUIET = "WARNING"
"""The log level of commands whose result is on stdout."""

PROCESSES = "Processes that share the work [one for each core, if the log is long]."

WIDE = 10_000
"""Characters; no table of ours is wider."""

F = TypeVar("F", bound=Callable[..., Any])

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The shop's data folder [BUYSTREAM_DATA_DIR, ./data].",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
as_json_array = click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
as_json_lines = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


def serving(command: F) -> F:
    """--data-dir, --host and --port."""
    port = click.option(
        "--port", type=click.IntRange(0, 65535), help="Port; 0 picks a free one [BUYSTREAM_PORT, 8000]."
    )
    host = click.option("--host", help="Address to listen on [BUYSTREAM_HOST, 127.0.0.1].")
    return data_dir(host(port(command)))


def settings_and_logging(*, level: str | None = None, **chosen: Any) -> Settings:
    """Read the settings; from here on, log lines go to stderr."""
    context = click.get_current_context(silent=True)
    role = context.command_path.partition(" ")[2] if context else ""
    log_lines.configure(form=read_log_format(), role=role, level=level or "INFO")
    settings = read_settings(**chosen)
    logging.getLogger().setLevel(level or settings.log_level)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it can't do, it raises, and we say so in one line
    return settings


def of_a_shop(chosen: dict[str, Any], *, level: str = QUIET) -> Settings:
    """The settings; raises BuystreamError where there is no shop yet, instead of making one in a misspelt folder."""
    settings = settings_and_logging(level=level, **chosen)
    if settings.is_embedded and not (settings.data_dir / "postgres").exists():
        raise BuystreamError(f"there is no shop in {settings.data_dir.absolute()}; choose another with --data-dir")
    return settings


def add_row(table: "Table", *cells: str) -> None:
    """Names and reports are other people's words: what a terminal would act on is shown escaped."""
    table.add_row(*(visible(cell) for cell in cells))


def visible(text: str) -> str:
    """Printable characters and newlines as they are, others escaped: `\\x1b`."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def print_table(table: "Table") -> None:
    """On stdout, and whole: what is wider than the terminal is wrapped by it, never cut. Nothing in it is markup."""
    Console(width=WIDE, soft_wrap=True, markup=False, emoji=False).print(table)


def plain(text: str, what: str, *, chars_max: int, chars_min: int = 1, form: str = LINE) -> str:
    """The text without spaces around it; raises BuystreamError unless it has the form that the API takes, too."""
    text = text.strip()
    if not chars_min <= len(text) <= chars_max or re.search(form, text) is None:
        raise BuystreamError(f"{what} has {chars_min} to {chars_max} characters: {IN_WORDS[form]}")
    return text


def email(text: str) -> str:
    """The address without spaces around it, or nothing; raises BuystreamError unless it is one."""
    text = text.strip()
    if text and not is_email(text):
        raise BuystreamError(f"{text!r} can't be written to: give {WHAT_IT_IS}")
    return text


def progress_bar() -> "Progress":
    """On stderr, so that stdout stays for results."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
