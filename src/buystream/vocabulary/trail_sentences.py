"""What the trail says that somebody did: one sentence for each command that a merchant's keys and members may ask for,
by the event that answers it. In braces stand fields of the event, `edition` for its title, `order` for its number,
`member` and `key` for names; a part in square brackets is left out where its field is empty."""

from collections.abc import Mapping
from typing import Final

from buystream.vocabulary import commands, events

SENTENCES: Final[Mapping[type[commands.Command], Mapping[type[events.Event], str]]] = {
    commands.ReleaseEdition: {events.EditionReleased: "released {edition}"},
    commands.DraftEdition: {events.EditionDrafted: "saved a draft of {edition}"},
    commands.DiscardDraft: {events.DraftDiscarded: "discarded the draft {edition_id}"},
    commands.DescribeEdition: {events.EditionDescribed: "changed the page of {edition}"},
    commands.ScheduleSale: {events.SaleScheduled: "scheduled the sale of {edition}"},
    commands.EndSale: {events.SaleScheduled: "ended the sale of {edition}"},
    commands.ArchiveEdition: {events.EditionArchived: "archived {edition}, or took it out of the archive"},
    commands.PauseSale: {events.SalePaused: "paused the sale of {edition}"},
    commands.ResumeSale: {events.SaleResumed: "resumed the sale of {edition}"},
    commands.MoveEvent: {events.EventMoved: "moved the event of {edition}"},
    commands.ChangeShipping: {events.ShippingChanged: "changed the delivery prices of {edition}"},
    commands.AddFile: {events.FileAdded: "added version {version} of the file {name} to {edition}"},
    commands.RemoveFile: {events.FileRemoved: "removed the file {name} from {edition}"},
    commands.ArrangeDoor: {events.DoorArranged: "arranged the door of {edition}"},
    commands.AnnounceToBuyers: {events.AnnouncementMade: "wrote to the buyers of {edition}: {headline}"},
    commands.CreateCode: {events.CodeCreated: "created a code for {edition}"},
    commands.DisableCode: {events.CodeDisabled: "disabled a code of {edition}, or enabled it again"},
    commands.SetPriceTiers: {events.PriceTiersSet: "set what {edition}[ ({variant_id})] costs for a while"},
    commands.AddStock: {events.StockAdded: "raised the stock of {edition}[ ({variant_id})] by {quantity}"},
    commands.WithdrawStock: {events.StockWithdrawn: "withdrew {quantity} of {edition}[ ({variant_id})] from the stock"},
    commands.CancelEdition: {events.EditionCancelled: "cancelled {edition}[: {reason}]"},
    commands.ShipOrder: {events.OrderShipped: "marked the order {order} as shipped[ by {carrier}]"},
    commands.RecordDelivery: {events.OrderDelivered: "marked the order {order} as delivered"},
    commands.CreateShipment: {events.ShipmentCreated: "packed a parcel of the order {order}"},
    commands.RecordFulfilment: {events.FulfilmentRecorded: "recorded about a parcel of the order {order}: {stage}"},
    commands.RecordReturn: {events.UnitsReturned: "took back goods of the order {order}"},
    commands.InspectReturn: {events.ReturnInspected: "inspected what came back of the order {order}"},
    commands.ExchangeUnits: {events.UnitsExchanged: "exchanged units of the order {order}"},
    commands.AnswerReturnRequest: {events.ReturnRequestAnswered: "answered a request about the order {order}"},
    commands.RefundOrder: {
        events.RefundRequested: "refunded {amount} of the order {order}",
        events.OrderRefunded: "called off the order {order}, which cost nothing",
    },
    commands.ChooseReturnedTickets: {events.ReturnedTicketsChosen: "chose which tickets of the order {order} end"},
    commands.WriteOrderNote: {events.OrderNoteWritten: "wrote a note about the order {order}"},
    commands.ResendConfirmation: {events.ConfirmationResent: "sent the confirmation of the order {order} again"},
    commands.BlockTicket: {events.TicketBlocked: "blocked the ticket {ticket_id}, or unblocked it[: {reason}]"},
    commands.AllowDownloads: {events.DownloadsAllowed: "allowed {downloads_max} downloads of the order {order}"},
    commands.DisableLicence: {events.LicenceDisabled: "disabled a licence of the order {order}, or enabled it again"},
    commands.ScanTicket: {
        events.TicketScanned: "scanned the ticket {ticket_id}: {direction}",
        events.ScanRefused: "scanned the ticket {ticket_id}, which was refused: {reason}",
    },
    commands.UndoScan: {events.ScanUndone: "undid a scan of the ticket {ticket_id}"},
    commands.AddApiKey: {events.ApiKeyAdded: "created the {role} key “{name}”"},
    commands.RevokeApiKey: {events.ApiKeyRevoked: "revoked the key {key}"},
    commands.InviteMember: {events.MemberInvited: "invited {member} as {role}"},
    commands.AcceptInvitation: {events.MemberJoined: "accepted the invitation as {role}"},
    commands.ChangeRole: {events.RoleChanged: "made {member} {role} instead of {old_role}"},
    commands.RemoveMember: {events.MemberRemoved: "removed {member}"},
    commands.AddPasskey: {events.PasskeyAdded: "added the passkey “{name}”"},
    commands.RemovePasskey: {events.PasskeyRemoved: "removed a passkey of {member}"},
    commands.DescribeMerchant: {events.MerchantDescribed: "changed the legal details"},
    commands.SetTimeZone: {events.TimeZoneSet: "set the time zone to {time_zone}"},
    commands.RotateTicketKey: {events.TicketKeyRotated: "rotated the key that signs tickets"},
}

OF_THE_PLATFORM: Final[Mapping[type[events.Event], str]] = {
    events.MerchantRegistered: "registered the merchant",
    events.AccountConnected: "changed the account that the money goes to",
    events.FeeTermsSet: "set the fee on sales in {currency}",
}
"""What only the operator of the platform does."""

WITHOUT: Final = frozenset({commands.NameEdition})
"""It is part of releasing an edition, which has its sentence."""

BY_EVENT: Final[Mapping[type[events.Event], str]] = {
    kind: sentence
    for answers in (OF_THE_PLATFORM, *reversed(list(SENTENCES.values())))
    for kind, sentence in answers.items()
}
"""By the event; of two commands with one answer, the first one's."""
