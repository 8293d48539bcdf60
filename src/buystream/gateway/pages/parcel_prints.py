"""One file for the packing table. Drawing hundreds of sheets takes seconds of a processor, so that is a process of its
own, which buyers' answers don't wait for. It gets what to print by its input, and keeps nothing."""

import os
import subprocess
import sys
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.gateway.pages.label_pdf import labels
from buystream.gateway.pages.packing_pdf import packing_slips, pick_list
from buystream.parcel_sheets import Layout, Picked, Print, Slip

FEW: Final = 10
"""Sheets that are drawn sooner than a process starts."""

SECONDS_MAX: Final = 120
_NICE: Final = 10
_MODULE: Final = "buystream.gateway.pages.parcel_prints"


class PrintJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to print: `rows` of a pick list, or `slips` or their labels. `seller` are the lines under the merchant's
    name, `note` says what a pick list is for."""

    kind: Print
    made_at_ms: int
    merchant_name: str
    rows: tuple[Picked, ...] = ()
    slips: tuple[Slip, ...] = ()
    note: str = ""
    seller: str = ""
    return_hint: str = ""
    layout: Layout = "3x8"
    skip: int = 0


class PrintFailed(BuystreamError):
    """The file could not be drawn."""


def printed(job: PrintJob) -> bytes:
    """The file; raises PrintFailed. Blocks."""
    if len(job.slips) <= FEW:
        return drawn(job)
    command = [sys.executable, "-m", _MODULE]
    try:
        done = subprocess.run(
            command, input=msgspec.json.encode(job), capture_output=True, timeout=SECONDS_MAX, check=True
        )
    except subprocess.SubprocessError as error:
        raise PrintFailed(f"{len(job.slips)} {job.kind} could not be drawn: {type(error).__name__}") from None
    return done.stdout


def drawn(job: PrintJob) -> bytes:
    """The file, drawn by this process."""
    match job.kind:
        case "pick-list":
            return pick_list(job.rows, heading=job.merchant_name, note=job.note, made_at_ms=job.made_at_ms)
        case "packing-slips":
            return packing_slips(job.slips, seller=job.seller, return_hint=job.return_hint, made_at_ms=job.made_at_ms)
        case "labels":
            return labels(job.slips, layout=job.layout, skip=job.skip, made_at_ms=job.made_at_ms)


if __name__ == "__main__":
    os.nice(_NICE)
    sys.stdout.buffer.write(drawn(msgspec.json.Decoder(PrintJob).decode(sys.stdin.buffer.read())))
