"""Carriers that buyers know, and where each shows a parcel: one table. A merchant writes the carrier as it likes; one
that isn't here has no link, unless the tracking number is a link itself."""

import re
from typing import Final, NamedTuple
from urllib.parse import quote


class Carrier(NamedTuple):
    """`link` is the page of a parcel: `{}` is its number."""

    name: str
    link: str


CARRIERS: Final = (
    Carrier("DHL", "https://www.dhl.com/en/home/tracking.html?tracking-id={}"),
    Carrier("DHL Paket", "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={}"),
    Carrier("UPS", "https://www.ups.com/track?tracknum={}"),
    Carrier("FedEx", "https://www.fedex.com/fedextrack/?trknbr={}"),
    Carrier("USPS", "https://tools.usps.com/go/TrackConfirmAction?tLabels={}"),
    Carrier("Royal Mail", "https://www.royalmail.com/portal/rm/track?trackNumber={}"),
    Carrier("Parcelforce", "https://www.royalmail.com/portal/rm/track?trackNumber={}"),
    Carrier("La Poste", "https://www.laposte.fr/outils/suivre-vos-envois?code={}"),
    Carrier("Colissimo", "https://www.laposte.fr/outils/suivre-vos-envois?code={}"),
    Carrier("Chronopost", "https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={}"),
    Carrier("DPD", "https://tracking.dpd.de/status/en_US/parcel/{}"),
    Carrier("GLS", "https://gls-group.eu/EU/en/parcel-tracking?match={}"),
    Carrier("Hermes", "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{}"),
    Carrier("Evri", "https://www.evri.com/track/parcel/{}"),
    Carrier("PostNL", "https://jouw.postnl.nl/track-and-trace/{}"),
    Carrier("bpost", "https://track.bpost.cloud/btr/web/#/search?itemCode={}&lang=en"),
    Carrier("Swiss Post", "https://service.post.ch/ekp-web/ui/entry/search/{}"),
    Carrier("Austrian Post", "https://www.post.at/sv/sendungsdetails?snr={}"),
    Carrier("An Post", "https://www.anpost.com/Post-Parcels/Track/History?item={}"),
    Carrier("PostNord", "https://tracking.postnord.com/en/tracking?id={}"),
    Carrier("Canada Post", "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={}"),
    Carrier("Australia Post", "https://auspost.com.au/mypost/track/details/{}"),
)

_LINK: Final = re.compile(r"https://[^\s<>\"]+")
_NOT_WORDS: Final = re.compile(r"[\W_]+")


def tracking_link(carrier: str, number: str) -> str | None:
    """Where the buyer follows the parcel: the carrier's page, or the number itself, if it is a link."""
    if _LINK.fullmatch(number):
        return number
    known = _BY_NAME.get(_plain(carrier))
    return known.link.format(quote(number.replace(" ", ""), safe="")) if known is not None and number else None


def _plain(name: str) -> str:
    return _NOT_WORDS.sub("", name).casefold()


_BY_NAME: Final = {_plain(carrier.name): carrier for carrier in CARRIERS}
