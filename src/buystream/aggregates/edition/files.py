"""An edition's files: which versions buyers download, and how often each order did. Begins with the first upload, so
that an edition without files has none."""

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.order import Order
from buystream.vocabulary import events


class File(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest version of a file."""

    version: int
    file_id: str
    sha256: str
    media_type: str


class Download(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Of one file, by one order: how often its newest downloaded version was, and until when the last link works."""

    version: int
    number: int
    works_until_ms: int


class Files(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition."""

    offered: dict[str, File] = {}
    versions: dict[str, int] = {}
    """How many versions each name ever had, removed files included: a version names the same bytes for ever."""
    downloads: dict[str, dict[str, Download]] = {}
    """By the order, and the file's name."""
    allowed: dict[str, int] = {}
    """Downloads of each version, of orders that have others than the edition allows."""

    def download(self, order_id: str, name: str) -> Download | None:
        """The order's newest download of the file; None when there is none."""
        return self.downloads.get(order_id, {}).get(name)

    def add(self, event: events.FileAdded) -> None:
        """One more version."""
        self.versions[event.name] = event.version
        self.offered[event.name] = File(
            version=event.version, file_id=event.file_id, sha256=event.sha256, media_type=event.media_type
        )

    def remove(self, event: events.FileRemoved) -> None:
        """Offered no more."""
        del self.offered[event.name]

    @applies(events.DownloadStarted)
    def start(self, event: events.DownloadStarted, order: Order) -> None:
        """The order has a link."""
        self.downloads.setdefault(order.id, {})[event.name] = Download(
            version=event.version, number=event.number, works_until_ms=event.works_until_ms
        )

    @applies(events.DownloadsAllowed)
    def allow(self, event: events.DownloadsAllowed, order: Order) -> None:
        """More, or fewer."""
        self.allowed[order.id] = event.downloads_max
