// The states of one purchase, from the first tap to its end, and the edges between them: what the button says and
// what the sheet shows follow from the state alone.
import { AT_THE_BANK, SCREENS } from "./order-states.js";

/**
 * What the shop says of an order may lead from any of these states to any other: time passes, other tabs and the bank
 * act.
 */
const ORDER_EVENTS = {
  held: "held",
  paying: "paying",
  late: "late",
  bank: "bank",
  paid: "paid",
  pledged: "pledged",
  expired: "expired",
  cancelled: "cancelled",
  refunded: "refunded",
  rejected: "rejected",
};
const MOVED = { ...ORDER_EVENTS };
delete MOVED.held; // held already: what is typed stays
const ANSWERS = {
  ...ORDER_EVENTS,
  busy: "busy",
  offline: "offline",
  lost: "unreachable",
  refused: "refused",
  signed_out: "signed_out",
};
const NEW = { choose: "choosing", place: "placing", gone: "unavailable" };
const ENDED = { ...ORDER_EVENTS, ...NEW, reset: "idle" };

const TABLE = {
  idle: { ...NEW, ...ORDER_EVENTS, signed_out: "signed_out" },
  choosing: {
    place: "placing",
    plan: "planning",
    details: "plan_details",
    gone: "unavailable",
    reset: "idle",
    ...ORDER_EVENTS,
  },
  planning: { choose: "choosing", details: "plan_details", place: "placing", gone: "unavailable", reset: "idle" },
  plan_details: { choose: "choosing", plan: "planning", place: "placing", gone: "unavailable", reset: "idle" },
  unavailable: { open: "idle", reset: "idle" },
  placing: ANSWERS,
  busy: ANSWERS,
  offline: { ...ORDER_EVENTS, online: "placing" },
  unreachable: { place: "placing", reset: "idle", ...ORDER_EVENTS },
  refused: { ...NEW, reset: "idle" },
  signed_out: { reset: "idle" },

  held: {
    ...MOVED,
    free: "free",
    pay: "paying",
    known: "confirming",
    stranger: "filling",
    unknown: "unknown",
    signed_out: "signed_out",
    reset: "idle",
  },
  free: { ...MOVED, pay: "paying", signed_out: "signed_out", reset: "idle" },
  unknown: { ...MOVED, again: "held", reset: "idle" },
  confirming: {
    ...MOVED,
    other: "filling",
    pay: "paying",
    stranger: "filling",
    signed_out: "signed_out",
    reset: "idle",
  },
  filling: { ...MOVED, pay: "paying", signed_out: "signed_out", reset: "idle" },
  paying: { ...ORDER_EVENTS, offline: "paying_offline", signed_out: "signed_out", reset: "idle" },
  paying_offline: { ...ORDER_EVENTS, online: "paying", reset: "idle" },
  late: { ...ORDER_EVENTS, reset: "idle" },
  bank: { ...ORDER_EVENTS, signed_out: "signed_out", reset: "idle" },
  paid: ENDED,
  pledged: ENDED,
  expired: ENDED,
  cancelled: ENDED,
  refunded: ENDED,
  rejected: ENDED,
};

/** When the page names another person, the purchase starts over. */
const forget = ([state, edges]) => [state, { ...edges, person: "idle" }];

/** state -> event -> next state. An event without an edge changes nothing. */
export const EDGES = Object.fromEntries(Object.entries(TABLE).map(forget));

/** The state after the event. */
export const next = (state, event) => EDGES[state][event] ?? state;

/** An order is under way. */
export const RUNNING = new Set([
  "held",
  "free",
  "unknown",
  "confirming",
  "filling",
  "paying",
  "paying_offline",
  "late",
  "bank",
]);
/** A request of ours waits for its answer. */
export const WAITING = new Set(["placing", "busy", "offline"]);
/** The buyer's turn to pay. */
export const PAYABLE = new Set(["held", "free", "unknown", "confirming", "filling"]);
/** Over, without anything bought. */
export const OVER = new Set([
  "refused",
  "unreachable",
  "unavailable",
  "signed_out",
  "expired",
  "cancelled",
  "refunded",
  "rejected",
]);
export const DONE = new Set(["paid", "pledged"]);

/** The event that an order's state at the shop stands for. */
export function eventOf({ state, payment, can_pay: canPay }) {
  const event = SCREENS[state];
  if (event === "expired" && AT_THE_BANK.has(payment?.state)) return "late"; // late money may bring it back
  if (event !== "held") return event;
  if (payment?.state === "authentication_required") return "bank";
  return canPay ? "held" : "paying";
}
