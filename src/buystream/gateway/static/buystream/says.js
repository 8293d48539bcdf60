// What each state says, in one table: for tickets, for goods (records and other things) and for gifts. A line is
// [heading, text]; a function of {purchase, board} where it depends on them. `every` says the same for all.
import { isPledge } from "./campaign.js";
import { money } from "./money.js";
import { declineWords, endingWords, everyWords, refusalWords, wordsOf } from "./words.js";

const FAMILIES = { ticket: "ticket", record: "goods", item: "goods", gift: "gift" };
const every = (line) => ({ ticket: line, goods: line, gift: line });

const total = ({ order }) => money(order.total_minor, order.currency);

const bought = ({ purchase, board }) => {
  const { quantity, total_minor: amount } = purchase.order;
  const units = quantity > 1 ? `${quantity} ${wordsOf(board.kind).many}, ` : "";
  if (amount) return `${units}${total(purchase)}, paid.`;
  return units ? `${units}free.` : "Free.";
};

/** Why nothing is for sale now: the board's state, in a family's words. */
const GONE = {
  sold_out: {
    ticket: ["Sold out", "All tickets are gone. If one becomes available, you can buy it here right away."],
    goods: ["Sold out", "Everything has been sold. If one becomes available, you can buy it here right away."],
    gift: ["Not accepting gifts now", "Every gift has been taken. If one becomes available, it shows up here."],
  },
  paused: every(["Paused for a moment", "The shop has paused this sale. The button reopens automatically."]),
  scheduled: every(["Not open yet", "The button opens automatically when it starts."]),
  closed: {
    ticket: ["The sale is over", "Tickets are no longer on sale."],
    goods: ["The sale is over", "This is no longer on sale."],
    gift: ["This has ended", "Gifts are no longer accepted."],
  },
  cancelled: every(["It won’t take place", "This was cancelled. Everyone who paid gets a refund."]),
};

const held = ({ purchase }) =>
  purchase.isDeclined
    ? ["Try another card", `${declineWords(purchase.order.payment.reason)} Nothing was charged and your hold is safe.`]
    : ["It’s held for you", ""];

/** Nothing is held for a giver: what waits is the gift. */
const begun = ({ purchase, board }) =>
  purchase.isDeclined
    ? ["Try another card", `${declineWords(purchase.order.payment.reason)} Nothing was charged.`]
    : [isPledge(board) ? "Complete your pledge" : "Complete your gift", ""];

const beforePaying = { ticket: held, goods: held, gift: begun };

const offlineText = ({ purchase }) => {
  const { hold_expires_at_ms: until } = purchase.order;
  const time = until
    ? ` Your hold runs until ${new Date(until).toLocaleTimeString(undefined, { timeStyle: "short" })}.`
    : "";
  return `The payment continues automatically once you’re back online. You’ll pay only once.${time}`;
};

const planned = ({ plan, board, nextAtMs }) => {
  const amount = money(plan.amountMinor, board.currency);
  const often = everyWords(plan.months).toLowerCase();
  const next = new Date(nextAtMs).toLocaleDateString(undefined, { dateStyle: "long" });
  return [
    `${amount} ${often}`,
    `The first gift is charged today, the next one on ${next}, and so on until you stop it. ` +
      "You can stop at any time under “My orders”.",
  ];
};

export const SAYS = {
  idle: every(["", ""]),
  choosing: {
    ticket: ["How much would you like to pay?", ""],
    goods: ["How much would you like to pay?", ""],
    gift: ["How much would you like to give?", ""],
  },
  planning: every(planned),
  plan_details: every(planned),
  unavailable: {
    ticket: ({ board }) => GONE[board.state]?.ticket ?? ["You can buy again", "Tickets are back on sale."],
    goods: ({ board }) => GONE[board.state]?.goods ?? ["You can buy again", "It’s back on sale."],
    gift: ({ board }) => GONE[board.state]?.gift ?? ["You can give again", "Gifts are accepted again."],
  },
  placing: {
    ticket: ["Getting it for you…", "First come, first served. This only takes a moment."],
    goods: ["Getting it for you…", "First come, first served. This only takes a moment."],
    gift: ["One moment…", "We’re preparing your gift."],
  },
  busy: every([
    "It’s very busy",
    "We’re retrying your order for you. It can’t be placed twice, so there’s no need to tap again.",
  ]),
  offline: every([
    "You’re offline",
    "Your order is sent automatically once you’re back online. It can’t be placed twice.",
  ]),
  unreachable: every([
    "No answer from the shop",
    "Your order keeps its number, so trying again can’t place a second one.",
  ]),
  refused: every(({ purchase, board }) => refusalWords(purchase.problem ?? { reason: null }, board)),
  signed_out: every([
    "You’ve been signed out",
    "Nothing was charged. Sign in again where you came from, or continue as a new buyer.",
  ]),
  held: beforePaying,
  free: beforePaying,
  unknown: {
    ...every(["No answer from the shop", "It’s still held for you, and nothing was charged."]),
    gift: ["No answer from the shop", "Nothing was charged."],
  },
  confirming: beforePaying,
  filling: beforePaying,
  paying: every(["Paying…", "Your hold doesn’t expire while the bank answers."]),
  paying_offline: every((shown) => ["You’re offline", offlineText(shown)]),
  late: every([
    "Paying…",
    "Your hold expired before the bank answered. If the bank approves and some are left, it’s still yours; " +
      "otherwise nothing is charged.",
  ]),
  bank: every([
    "Your bank wants to be sure it’s you",
    "Approve the payment on your bank’s page, then come back. This page continues automatically.",
  ]),
  paid: {
    ticket: (shown) => ["You’re going!", bought(shown)],
    goods: (shown) => ["It’s yours!", bought(shown)],
    gift: (shown) => ["Thank you!", bought(shown)],
  },
  pledged: every(({ purchase }) => ["Your pledge counts!", `${total(purchase)}, pledged.`]),
  expired: every(({ purchase }) => endingWords(purchase.order)),
  cancelled: every(({ purchase }) => endingWords(purchase.order)),
  refunded: every(({ purchase }) => endingWords(purchase.order)),
  rejected: every(({ purchase }) => endingWords(purchase.order)),
};

/** [heading, text] of a state. */
export function says(state, shown) {
  const line = SAYS[state][FAMILIES[shown.board.kind] ?? "goods"];
  return typeof line === "function" ? line(shown) : line;
}

/** The label of the next step that an ending offers, given the state of the sale, or null. */
export function nextStep(state, { purchase, board }) {
  if (state === "unreachable") return "Try again";
  if (state === "signed_out") return purchase.mayStartAgain ? "Continue as a new buyer" : null;
  if (!board.can_order || purchase.mine?.left === 0) return null;
  if (state === "unavailable") return wordsOf(board.kind).act;
  if (state === "refused") return purchase.problem?.reason === "over_limit" ? null : "Try again";
  return state === "expired" ? "Try again" : "Order again";
}

/**
 * About another quantity, requested while an order is already in progress; "" when there is nothing to say.
 */
export function otherWords({ requested, order }, board) {
  if (!requested || !order) return "";
  const isGift = board.price_minor == null;
  const one = isGift ? `a gift of ${money(order.total_minor, order.currency)}` : `an order of ${order.quantity}`;
  const wanted = isGift ? money(requested.priceMinor, order.currency) : requested.quantity;
  return `You already have ${one} in progress, perhaps in another tab. Cancel it to order ${wanted} instead.`;
}
