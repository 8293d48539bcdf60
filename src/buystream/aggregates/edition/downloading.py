"""How an edition decides about its files, and who downloads them."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_EDITION, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.downloads import are_file_facts, is_file_name
from buystream.vocabulary.order_states import SOLD

UNKNOWN_FILE = "unknown_file"


@decides(commands.AddFile)
def add_file(edition: Edition, command: commands.AddFile, moment: Moment) -> Outcome:
    """The same bytes under the same name are no new version."""
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    if edition.cancellation is not None:
        return "cancelled"
    if not _is_possible(command, moment.rules):
        return "bad_file"
    files = edition.files
    known = files.offered.get(command.name) if files is not None else None
    if known is not None and (known.sha256, known.media_type) == (command.sha256, command.media_type):
        return REPEATED
    if known is None and files is not None and len(files.versions) >= moment.rules.files_per_edition_max:
        return "too_many_files"
    edition.record_own(
        events.FileAdded,
        moment,
        name=command.name,
        version=1 + (files.versions.get(command.name, 0) if files is not None else 0),
        file_id=command.file_id,
        size_bytes=command.size_bytes,
        sha256=command.sha256,
        media_type=command.media_type,
        announced=command.announced,
    )
    return None


@decides(commands.RemoveFile)
def remove_file(edition: Edition, command: commands.RemoveFile, moment: Moment) -> Outcome:
    """Links to it end."""
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    if edition.files is None or command.name not in edition.files.versions:
        return UNKNOWN_FILE
    known = edition.files.offered.get(command.name)
    if known is None:
        return REPEATED
    edition.record_own(events.FileRemoved, moment, name=command.name, version=known.version, file_id=known.file_id)
    return None


@decides(commands.StartDownload)
def start_download(edition: Edition, command: commands.StartDownload, moment: Moment) -> Outcome:
    """Counted here, where no two gateways count at once."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    if wrong := why_closed(edition, order):
        return wrong
    if edition.files is None or (known := edition.files.offered.get(command.name)) is None:
        return UNKNOWN_FILE
    last, number = edition.files.download(order.id, command.name), 1
    if last is not None and last.version == known.version:
        if moment.at_ms < last.works_until_ms:
            return REPEATED
        number = last.number + 1
    terms = edition.terms.downloads
    if number > edition.files.allowed.get(order.id, terms.downloads_max):
        return "downloads_used_up"
    edition.record_order(
        events.DownloadStarted,
        order,
        moment,
        name=command.name,
        version=known.version,
        file_id=known.file_id,
        number=number,
        works_until_ms=moment.at_ms + terms.link_seconds * 1000,
    )
    return None


@decides(commands.AllowDownloads)
def allow_downloads(edition: Edition, command: commands.AllowDownloads, moment: Moment) -> Outcome:
    """For a buyer whose downloads went wrong."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if edition.files is None:
        return UNKNOWN_FILE
    if order.stage not in SOLD:
        return UNKNOWN_ORDER
    if not 1 <= command.downloads_max <= moment.rules.downloads_max:
        return "bad_downloads"
    if edition.files.allowed.get(order.id, edition.terms.downloads.downloads_max) == command.downloads_max:
        return REPEATED
    edition.record_order(events.DownloadsAllowed, order, moment, downloads_max=command.downloads_max)
    return None


def _is_possible(command: commands.AddFile, rules: Rules) -> bool:
    facts = are_file_facts(file_id=command.file_id, sha256=command.sha256, media_type=command.media_type)
    return facts and is_file_name(command.name) and 0 <= command.size_bytes <= rules.file_bytes_max


def why_closed(edition: Edition, order: Order) -> str:
    """Why nothing of the order can be downloaded, or nothing. As for its tickets: a bank that has all of the money
    closes it."""
    if edition.cancellation is not None:
        return "cancelled"
    return "" if order.stage in SOLD else f"order_{order.stage}"
