"""Files that an edition's buyers download."""

from buystream.vocabulary.actors import BUYER, MERCHANT, OPERATOR
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.downloads import Announced, DownloadsMax, FileId, FileName, MediaType, Sha256, SizeBytes
from buystream.vocabulary.fields import BuyerId, EditionId, MerchantId, OrderId
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of


@asked(MERCHANT, OPERATOR, about="edition_id", refusals=["unknown_edition", "cancelled", "bad_file", "too_many_files"])
class AddFile(Command):
    """The bytes are in the shop's storage. A name that the edition has gets a new version; the same bytes again change
    nothing. With `announced`, everyone whose downloads are open gets a mail."""

    edition_id: EditionId
    merchant_id: MerchantId
    name: FileName
    file_id: FileId
    size_bytes: SizeBytes
    sha256: Sha256
    media_type: MediaType
    announced: Announced = False


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "unknown_file"])
class RemoveFile(Command):
    """The file is offered no more, and links to it end."""

    edition_id: EditionId
    merchant_id: MerchantId
    name: FileName


@asked(
    BUYER,
    about="order_id",
    refusals=[*order_is_none_of(SOLD), "unknown_order", "unknown_file", "cancelled", "downloads_used_up"],
)
class StartDownload(Command):
    """A link to the newest version of the file. While an earlier one works, nothing is counted again."""

    order_id: OrderId
    buyer_id: BuyerId
    name: FileName


@asked(MERCHANT, about="order_id", refusals=["unknown_order", "unknown_file", "bad_downloads"])
class AllowDownloads(Command):
    """The order may download each version of its files so many times, whatever its edition allows."""

    order_id: OrderId
    merchant_id: MerchantId
    downloads_max: DownloadsMax
