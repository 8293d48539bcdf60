"""The demo's inbox: mails that lie in the folder of a shop without a mail server. In the demo only, because it shows
everybody's."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from buystream.gateway.routes.site import page
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem

SHOWN_MAX: Final = 100

_NAME_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._~-")


class InboxLine(Struct, frozen=True):
    """A line of the inbox."""

    name: str
    recipient: str
    subject: str
    sender: str
    date: str


@get("/demo/inbox", include_in_schema=False)
async def inbox(gateway: NamedDependency[Gateway]) -> Response[str]:
    """Newest first."""
    folder = _folder(gateway)
    mails = await gateway.reads.run(lambda: _newest(folder))
    return _fresh(page("inbox.html", mails=mails))


@get("/demo/inbox/{name:str}", include_in_schema=False)
async def mail(gateway: NamedDependency[Gateway], name: FromPath[str]) -> Response[str]:
    """One mail, as text, with its links and attachments."""
    read = await _read(gateway, name)
    body = read.get_body(("plain",))
    text = str(body.get_content()) if body is not None else ""
    attached = [str(part.get_filename()) for part in _files(read)]
    return _fresh(page("inbox-mail.html", mail=_shown(name, read), lines=text.splitlines(), attached=attached))


@get("/demo/inbox/{name:str}/attached/{number:int}", include_in_schema=False)
async def attached(gateway: NamedDependency[Gateway], name: FromPath[str], number: FromPath[int]) -> Response[bytes]:
    """One of its files, counted from 0."""
    parts = _files(await _read(gateway, name))
    if not 0 <= number < len(parts):
        raise HttpProblem("not-found")
    content = parts[number].get_payload(decode=True)
    assert isinstance(content, bytes)
    headers = {"Content-Disposition": f'attachment; filename="{_safe(str(parts[number].get_filename()))}"'}
    return Response(content, media_type=parts[number].get_content_type(), headers=headers)


ROUTES = [inbox, mail, attached]


def _folder(gateway: Gateway) -> Path:
    if gateway.mail_folder is None:
        raise HttpProblem("not-found")
    return gateway.mail_folder


async def _read(gateway: Gateway, name: str) -> EmailMessage:
    file = _folder(gateway) / f"{name}.eml"
    if not name or set(name) - _NAME_CHARS or name.startswith("."):
        raise HttpProblem("not-found")
    try:
        content = await gateway.reads.run(file.read_bytes)
    except OSError as error:
        raise HttpProblem("not-found") from error
    return _parsed(content)


def _files(read: EmailMessage) -> list[EmailMessage]:
    """Attachments, and the pictures that the mail shows."""
    return [part for part in read.walk() if part.get_filename() and isinstance(part, EmailMessage)]


def _newest(folder: Path) -> list[InboxLine]:
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns, reverse=True)[:SHOWN_MAX]
    return [_shown(file.stem, _parsed(file.read_bytes())) for file in files]


def _parsed(content: bytes) -> EmailMessage:
    read = message_from_bytes(content, policy=default)
    assert isinstance(read, EmailMessage)
    return read


def _shown(name: str, read: EmailMessage) -> InboxLine:
    return InboxLine(name, str(read["To"]), str(read["Subject"]), str(read["From"]), str(read["Date"]))


def _safe(name: str) -> str:
    return "".join(char for char in name if char.lower() in _NAME_CHARS)


def _fresh(answer: Response[str]) -> Response[str]:
    answer.headers["Cache-Control"] = "no-store"
    return answer
