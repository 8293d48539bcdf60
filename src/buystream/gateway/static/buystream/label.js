// The button's label, and whether it can be pressed: by the state of the purchase first, then of the sale.
import { isPledge } from "./campaign.js";
import { serverNow } from "./clock.js";
import { ICONS, duration } from "./dom.js";
import { SALES } from "./order-states.js";
import { DONE, RUNNING, WAITING } from "./states.js";
import { costWords, wordsOf } from "./words.js";

const LOADING = {
  "": "Loading…",
  offline: "You’re offline. Waiting…",
  away: "No answer yet. Trying again…",
};

/**
 * {text, disabled, glyph}. facts: a till's; quantity: what a tap would order, with {quantity, totalMinor} of `others`;
 * trouble: why no board comes.
 */
export function labelOf({ board, isMissing, facts: { state, order, mine }, quantity, others, trouble }) {
  if (isMissing) return { text: "Not on sale", disabled: true };
  if (!board) return { text: LOADING[trouble], disabled: true };
  if (state === "offline") return { text: "Waiting for the network…", disabled: false };
  if (WAITING.has(state)) return { text: "Getting it for you…", disabled: false };
  if (RUNNING.has(state)) return { text: continuing(order), disabled: false };
  if (DONE.has(state)) return { text: state === "paid" ? "Paid" : "Pledged", disabled: false, glyph: ICONS.check };
  if (state === "signed_out") return { text: "Signed out: tap to continue", disabled: false };
  return selling(board, mine, quantity, others);
}

function continuing({ quantity, total_minor: total, currency, hold_expires_at_ms: until }) {
  const what = quantity > 1 ? `: ${quantity} for ${forWords(total, currency)}` : "";
  const left = until ? ` · ${duration(until - serverNow())}` : "";
  return `Continue your order${what}${left}`;
}

function selling(board, mine, quantity, others) {
  if (!board.can_order) return { text: SALES[board.state].button || opening(board), disabled: true };
  if (mine?.left === 0) return { text: `You have ${mine.taken} of ${mine.taken}: the limit`, disabled: true };
  const units = quantity + others.quantity;
  const total =
    board.price_minor == null || units < 2
      ? ""
      : ` ${units} for ${forWords(board.price_minor * quantity + others.totalMinor, board.currency)}`;
  return { text: actOf(board) + total, disabled: false };
}

/** What a tap does. */
function actOf(board) {
  if (isPledge(board)) return "Pledge";
  return board.price_minor === 0 ? "Get" : wordsOf(board.kind).act;
}

const forWords = (totalMinor, currency) => costWords(totalMinor, currency).replace(/^Free$/, "free");

function opening({ reason, opens_at_ms: opensAtMs }) {
  if (reason === "awaits_terms" || !opensAtMs) return "Opens soon";
  const left = opensAtMs - serverNow();
  return left > 0 ? `Opens in ${duration(left)}` : "Opening…";
}
