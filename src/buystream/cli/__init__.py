"""The command line: `buystream`."""

import gc
import logging
import os
import signal
import sys
from importlib import import_module
from typing import Any, Final

import click
import psycopg2

from buystream import __version__
from buystream.errors import BuystreamError
from buystream.settings import read_log_format

COLLECT_AFTER = (50_000, 20, 50)
"""Python's garbage collector by default looks after every 700 new objects; a shop that decides makes thousands a batch,
and hardly any of them in cycles."""

AGAIN_SECONDS: Final = 0.01

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


MODULES: Final = {
    **dict.fromkeys(("up", "demo", "rush"), "selling"),
    **dict.fromkeys(
        (
            "gateway",
            "decider",
            "payments",
            "projector",
            "notary",
            "notifications",
            "webhooks",
            "search",
            "feeds",
            "live",
        ),
        "roles",
    ),
    "audit": "audit",
    "simulate": "simulate",
    **dict.fromkeys(("backup", "restore", "erased"), "backups"),
    "rebuild": "rebuild",
    "adopt-rules": "rules",
    "schemas": "schemas",
    "reconcile": "books",
    "keys": "keys",
    "merchant": "merchants",
    "clock": "clock",
    "database": "database",
    "feed": "feed",
    "topics": "topics",
    "log": "logs",
    "events": "events",
    "history": "history",
    "whatif": "whatif",
    "as-of": "as_of",
    "export": "export",
    "replay": "replay",
    "tlog": "tlog",
    "verify": "verify",
}
"""The module of `buystream.cli` that has each command. It is read when its command runs: none needs all of the shop."""


class Commands(click.Group):
    """Report every expected error as one line on stderr, with exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BuystreamError as error:
            reason = str(error)
        except psycopg2.Error as error:
            reason = f"PostgreSQL: {error}"
        except BrokenPipeError:  # such as `| head`, which has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes when it exits
            return ctx.exit(128 + signal.SIGPIPE)
        except OSError as error:
            reason = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        line = " ".join(reason.split())
        logging.getLogger(__name__).debug("the whole story", exc_info=True)
        if read_log_format() == "json":
            logging.getLogger("buystream").critical(line)
        else:
            click.echo(f"buystream: {line}", err=True)
        return ctx.exit(1)


class AllCommands(Commands):
    """Those of MODULES."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        module = import_module(f"buystream.cli.{MODULES[cmd_name]}")
        found: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return found


@click.group(cls=AllCommands, context_settings=HELP)
@click.version_option(__version__, prog_name="buystream")
def cli() -> None:
    """A buy button that anyone can embed, the orders behind it, and a live desk for the merchant.

    `buystream demo` shows it all on this machine. Settings: docs/configuration.md.
    """
    gc.set_threshold(*COLLECT_AFTER)


def end_on_signals() -> None:
    """SIGTERM unwinds the stack, so that everything that was started is stopped; so does SIGINT, by default."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _exit_after_all


def _terminate(_number: int, _frame: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _exit_after_all(ignored: "sys.UnraisableHookArgs") -> None:
    """A signal may come while Python runs a callback, such as that of a weak reference while it imports. Exceptions
    end there, and so would the exit: it is requested again a moment later."""
    if isinstance(ignored.exc_value, SystemExit | KeyboardInterrupt):
        signal.signal(signal.SIGALRM, _terminate)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(ignored)


def main() -> None:
    """The console script."""
    end_on_signals()
    cli(prog_name="buystream")
