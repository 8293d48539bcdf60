// What the buyer reads: the words of an edition's kind, of its terms, and of each way an order can end.
import { moment } from "./campaign.js";
import { money } from "./money.js";

const KINDS = {
  ticket: { act: "Buy", again: "Buy more tickets", one: "ticket", many: "tickets", paid: "You’re going!" },
  record: { act: "Buy", again: "Buy another", one: "copy", many: "copies", paid: "It’s yours!" },
  gift: { act: "Give", again: "Give again", one: "gift", many: "gifts", paid: "Thank you!" },
  item: { act: "Buy", again: "Buy another", one: "piece", many: "pieces", paid: "It’s yours!" },
};

export const wordsOf = (kind) => KINDS[kind] ?? KINDS.item;

const EVERY = { 1: "Every month", 3: "Every three months", 6: "Every six months", 12: "Every year" };

export const everyWords = (months) => EVERY[months] ?? `Every ${months} months`;

const count = (number, board) => `${number.toLocaleString()} ${number === 1 ? wordsOf(board.kind).one : wordsOf(board.kind).many}`;

/** What is left, in a few words, and whether it is nearly gone. */
export function stockWords(board) {
  if (board.state === "cancelled") return { text: "" };
  if (board.state === "scheduled") return { text: board.stock == null ? "Opens soon" : `${count(board.stock, board)} in this release` };
  if (board.state === "closed") return { text: board.sold ? `${count(board.sold, board)} sold` : "" };
  if (board.stock == null) return { text: board.sold ? `${count(board.sold, board)} so far` : "Be the first" };
  if (board.state === "sold_out" || board.available === 0) {
    return { text: board.held ? `All gone. ${board.held} at the till may come back` : "All gone" };
  }
  const isLow = board.available <= Math.max(5, board.stock * 0.1);
  return { text: isLow ? `Only ${board.available} left of ${board.stock}` : `${board.available} of ${board.stock} left`, isLow };
}

const percent = (bps) => `${(bps / 100).toLocaleString()} %`;

/** What is in the price, and whether the buyer may give it back; "" when there is nothing to say. */
export function termsWords({ tax_bps: tax, tax_label: label, refund, currency }, totalMinor) {
  const included = tax && `Includes ${money(Math.floor((2 * totalMinor * tax + 10_000 + tax) / (2 * (10_000 + tax))), currency)} ${label} (${percent(tax)}).`;
  const share = refund.share_bps < 10_000 ? ` for ${percent(refund.share_bps)} of the price` : "";
  const until = refund.until_ms ? `until ${moment(refund.until_ms)}` : "until it is shipped";
  return [included, refund.by === "buyer" && `You can give it back ${until}${share}.`].filter(Boolean).join(" ");
}

const REFUSALS = {
  sold_out: ["Sold out", "Someone was a moment faster. What other buyers give back appears here at once."],
  over_limit: ["That’s over the limit", "It’s more than one buyer may have, counting what you already hold or own."],
  not_open: ["Not open yet", "The sale hasn’t started. The button opens by itself when it does."],
  closed: ["The sale is over", "This sale has closed."],
  wrong_price: ["The price has changed", "Have a look at the new price, then tap again."],
  paused: ["Paused for a moment", "The shop has paused this sale. The button comes back by itself."],
  too_fast: ["A bit too fast", "There were a lot of taps in a short time. Wait a minute, then tap again."],
  cancelled: ["It won’t take place", "This was cancelled. Whoever paid gets the money back."],
  order_id_conflict: ["Let’s start afresh", "That order belongs to another session. Tap again for a new one."],
  not_registered: ["Save your card first", "Give once, and tick “Save for one-tap”. From then on you can give every month."],
  not_found: ["No longer on sale", "The shop doesn’t know this edition any more."],
};

export function refusalWords(problem) {
  if (REFUSALS[problem.reason]) return REFUSALS[problem.reason];
  if (problem.status === 404) return REFUSALS.not_found;
  return ["That didn’t work", problem.message];
}

const ENDINGS = {
  campaign_missed: ["The target was missed", "Nothing was charged. Thank you for being there."],
  edition_cancelled: ["It won’t take place", "This was cancelled. Nothing was charged, or it is on its way back to you."],
  expired: ["Your hold ended", "Nothing was charged. Tap to try again while there are some left."],
  cancelled: ["Order cancelled", "Nothing was charged, and what you held went back on sale."],
  payment_declined: ["No card worked", "Three payments were declined, so what you held went back on sale. Nothing was charged."],
  refunded: ["Refunded", "The money is on its way back to you."],
  refused: ["That didn’t work", "The order was refused. Nothing was charged."],
};

export function endingWords(order) {
  if (order.state === "refused" && REFUSALS[order.reason]) return REFUSALS[order.reason];
  return ENDINGS[order.reason] ?? ENDINGS[order.state];
}

const DECLINES = {
  authentication_rejected: "Your bank didn’t approve this payment.",
  insufficient_funds: "There isn’t enough money on this card.",
  expired_card: "This card has expired.",
};

export const declineWords = (reason) => DECLINES[reason] ?? "Your bank declined this card.";
