// What the buyer reads: the words of an edition's kind, of its terms, and of each way an order can end.
import { moment } from "./campaign.js";
import { money, shortMoney } from "./money.js";
import { ENDINGS, SCREENS } from "./order-states.js";
import { REFUSALS } from "./refusals.js";

const KINDS = {
  ticket: { act: "Buy", again: "Buy more tickets", one: "ticket", many: "tickets", paid: "You’re going!" },
  record: { act: "Buy", again: "Buy another", one: "copy", many: "copies", paid: "It’s yours!" },
  gift: { act: "Give", again: "Give again", one: "gift", many: "gifts", paid: "Thank you!" },
  item: { act: "Buy", again: "Buy another", one: "item", many: "items", paid: "It’s yours!" },
};

export const wordsOf = (kind) => KINDS[kind] ?? KINDS.item;

/** What one costs, or the least that a buyer can choose to pay. */
export function priceWords({ price_minor: fixed, price_min_minor: least, currency }) {
  if (fixed != null) return costWords(fixed, currency);
  return least ? `From ${shortMoney(least, currency)}` : "Any amount";
}

/** How long the price of now lasts; nothing where it stays. */
export function tierWords({ left_at_price: left, price_until_ms: until }) {
  if (left == null && until == null) return "";
  const parts = [left != null && `${left.toLocaleString()} left at this price`, until && `until ${moment(until)}`];
  return parts.filter(Boolean).join(", ");
}

export const costWords = (amountMinor, currency) => (amountMinor ? money(amountMinor, currency) : "Free");

const EVERY = { 1: "Every month", 3: "Every three months", 6: "Every six months", 12: "Every year" };

export const everyWords = (months) => EVERY[months] ?? `Every ${months} months`;

const count = (number, board) =>
  `${number.toLocaleString()} ${number === 1 ? wordsOf(board.kind).one : wordsOf(board.kind).many}`;

/** What there is to say in these states of a sale; in others, what is left. */
const STOCK = {
  scheduled: (board) => (board.stock == null ? "Opens soon" : `${count(board.stock, board)} in this release`),
  sold_out: ({ held }) => (held ? `All gone. ${held} on hold may come back` : "All gone"),
  closed: (board) => (board.sold ? `${count(board.sold, board)} sold` : ""),
  cancelled: () => "",
};

/** What is left, in a few words, and whether it is nearly gone. */
export function stockWords(board) {
  const words = board.available === 0 ? (STOCK[board.state] ?? STOCK.sold_out) : STOCK[board.state];
  if (words) return { text: words(board) };
  if (board.stock == null) return { text: board.sold ? `${count(board.sold, board)} so far` : "Be the first" };
  const isLow = board.available <= Math.max(5, board.stock * 0.1);
  const outOf = board.available < board.stock ? ` of ${board.stock}` : "";
  return {
    text: isLow ? `Only ${board.available} left${outOf}` : `${board.available} of ${board.stock} left`,
    isLow,
  };
}

const percent = (bps) => `${(bps / 100).toLocaleString()}%`;

/** The part of a total that is tax at `bps` basis points, in minor units, rounded half up. */
const taxIn = (totalMinor, bps) => Math.floor((2 * totalMinor * bps + 10_000 + bps) / (2 * (10_000 + bps)));

/** The tax in the price, and whether the buyer can return the order; "" when there is nothing to say. */
export function termsWords({ tax_bps: tax, tax_label: label, refund, currency }, totalMinor) {
  const included = tax && `Includes ${money(taxIn(totalMinor, tax), currency)} ${label} (${percent(tax)}).`;
  const share = refund.share_bps < 10_000 ? ` for ${percent(refund.share_bps)} of the price` : "";
  const until = refund.until_ms ? `until ${moment(refund.until_ms)}` : "until it ships";
  return [included, refund.by === "buyer" && `You can return it ${until}${share}.`].filter(Boolean).join(" ");
}

/** `board`: what was ordered; of several lines, the problem names the variant that is short. */
export function refusalWords(problem, board = null) {
  if (problem.reason === "few_at_this_price" && problem.available) {
    const [heading] = REFUSALS.few_at_this_price;
    return [heading, `Only ${problem.available} left at this price. Choose fewer, then tap again.`];
  }
  if (problem.reason === "sold_out" && problem.available) {
    const short = problem.variant && board?.variants.find(({ variant_id: id }) => id === problem.variant);
    const left = short ? `Only ${problem.available} of ${short.title} left` : `Only ${problem.available} left`;
    return ["Not that many left", `${left}. Choose fewer, then tap again.`];
  }
  if (REFUSALS[problem.reason]) return REFUSALS[problem.reason];
  if (problem.status === 404) return REFUSALS.unknown_edition;
  return ["That didn’t work", problem.message];
}

export function endingWords(order) {
  if (SCREENS[order.state] === "rejected" && REFUSALS[order.reason]) return REFUSALS[order.reason];
  return ENDINGS[order.reason] ?? ENDINGS[order.state];
}

const DECLINES = {
  authentication_rejected: "Your bank didn’t approve this payment.",
  insufficient_funds: "There isn’t enough money on this card.",
  expired_card: "This card has expired.",
  payment_method_unusable: "This card can’t be used here. Please enter it again.",
  amount_too_small: "This amount is below what the shop’s payment provider can charge.",
  amount_too_large: "This amount is above what the shop’s payment provider can charge.",
};

export const declineWords = (reason) => DECLINES[reason] ?? "Your bank declined this card.";
