"""The auditor's view of downloads and licences: versions count up, only what is paid for is downloaded, no more often
than its edition allows; and no licence is used in more places than its edition allows."""

from collections.abc import Iterator

from buystream.replay.accounts import DownloadAccount, EditionAccount, Finding, OrderAccount
from buystream.vocabulary import events


def add(event: events.FileAdded | events.FileRemoved, account: EditionAccount) -> Iterator[Finding]:
    """A version of a file, or its end."""
    books = account.downloads
    due = books.versions.get(event.name, 0) + isinstance(event, events.FileAdded)
    if event.version != due:
        yield "a file's versions count up", f"{event.edition_id}, {event.name}: {event.version} where {due} is next"
    books.versions[event.name] = event.version


def post(event: events.OrderEvent, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """Count a download, or where a licence is used; other events have neither."""
    match event:
        case events.DownloadStarted():
            yield from _download(event, order, account.downloads)
        case events.DownloadsAllowed():
            account.downloads.allowed[event.order_id] = event.downloads_max
        case events.LicenceActivated() | events.LicenceDeactivated():
            yield from _use(event, order, account.downloads)
        case events.LicenceDisabled():
            name = f"{event.order_id} {event.number}"
            (account.downloads.disabled.add if event.disabled else account.downloads.disabled.discard)(name)


def _download(event: events.DownloadStarted, order: OrderAccount, books: DownloadAccount) -> Iterator[Finding]:
    name = f"{event.order_id}, {event.name} {event.version}"
    if not order.confirmed or order.refunded:
        yield "only what is paid for is downloaded", name
    if event.version != books.versions.get(event.name):
        yield "the newest version is downloaded", name
    due = books.started.get(name, 0) + 1
    books.started[name] = due
    if event.number != due or due > books.allowed.get(event.order_id, books.downloads_max):
        yield (
            "no file is downloaded more often than allowed",
            f"{name}: {event.number}, the {due}. of {books.downloads_max}",
        )
    if event.at_ms < books.works_until_ms.get(name, 0):
        yield "a download is counted once while its link works", name
    books.works_until_ms[name] = event.works_until_ms


def _use(
    event: events.LicenceActivated | events.LicenceDeactivated, order: OrderAccount, books: DownloadAccount
) -> Iterator[Finding]:
    name = f"{event.order_id} {event.number}"
    used = books.instances.setdefault(name, set())
    is_activated = isinstance(event, events.LicenceActivated)
    if (event.instance in used) == is_activated:
        yield "a licence is activated once in a place", name
    (used.add if is_activated else used.discard)(event.instance)
    if event.activations != len(used) or len(used) > books.activations_max:
        yield (
            "no licence is used in more places than allowed",
            f"{name}: {event.activations} of {books.activations_max}",
        )
    if is_activated and (not order.confirmed or order.refunded or name in books.disabled):
        yield "only a valid licence is activated", name
