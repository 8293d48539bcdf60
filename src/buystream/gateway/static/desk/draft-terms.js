// A draft's terms in the form that releases an edition: what the form shows of them, and what it leaves as it is.
import { decimal } from "../buystream/money.js";

const at = (name) => document.getElementById(`ask-${name}`);

/** Fills the form with the offer's terms. Several variants, and what delivery costs, aren't edited here. */
export function fillTerms(offer) {
  const [first] = offer.variants;
  const amount = (minor) => decimal(minor, offer.currency);
  const values = {
    title: offer.title,
    description: offer.description,
    kind: offer.kind,
    currency: offer.currency,
    price: amount(first.price_min_minor),
    least: amount(first.price_min_minor),
    most: amount(first.price_max_minor),
    suggested: offer.suggested_minor.map(amount).join(" "),
    target: offer.campaign ? amount(offer.campaign.target_minor) : "",
    missed: offer.campaign?.all_or_nothing ? offer.campaign.if_missed : "keep",
    stock: first.stock ?? "",
    limit: first.limit_per_buyer,
    hold: Math.max(1, Math.round(offer.hold_seconds / 60)),
    venue: offer.event?.venue ?? "",
    place: offer.event?.address ?? "",
    tax: offer.tax.bps ? String(offer.tax.bps / 100) : "",
    taxlabel: offer.tax.label,
    returns: offer.refund.by,
    share: offer.refund.share_bps / 100,
  };
  for (const [name, value] of Object.entries(values)) at(name).value = value;
  at("kind").dispatchEvent(new Event("change"));
  at("address").checked = offer.needs_address;
  at("names").checked = Boolean(offer.event?.asks_names);
  at("resell").checked = offer.refund.restock;
  const fixed = offer.variants.length > 1 ? ["price", "least", "most", "suggested", "stock", "limit"] : [];
  if (offer.shipping) fixed.push("rates", "weight", "from", "collect", "hours");
  for (const name of fixed) at(name).closest(".ask-field").hidden = true;
}

/** The terms that the form says, with everything of the offer that it doesn't ask. */
export function mergedTerms(terms, offer) {
  const [first] = offer.variants;
  const kept = {
    image: offer.image,
    receipts: offer.receipts,
    vouched_only: offer.vouched_only,
    downloads: offer.downloads,
    licences: offer.licences,
    story: offer.page.story,
    pictures: offer.page.pictures,
    notes: offer.page.notes,
  };
  const merged = { weight_grams: first.weight_grams, ...terms, ...kept };
  if (offer.shipping) merged.shipping = offer.shipping;
  if (merged.event && offer.event) merged.event = { ...merged.event, time_zone: offer.event.time_zone };
  if (offer.variants.length < 2) return merged;
  const { price_min_minor: _least, price_max_minor: _most, stock: _stock, ...others } = merged;
  return { ...others, suggested_minor: offer.suggested_minor, variants: offer.variants };
}
