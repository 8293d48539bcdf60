// One order of the buyer's: what it is, what became of its money, and what can still be done about it.
import { moment } from "../buystream/campaign.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { randomText } from "../buystream/order-id.js";
import { projectList } from "../buystream/projects.js";
import { draftKey } from "../buystream/purchase.js";
import { remember } from "../buystream/storage.js";

const STATES = {
  held: "Held for you", pledged: "Pledged", authorised: "Paying", confirmed: "Paid", shipped: "On its way", delivered: "Delivered",
  refused: "Refused", expired: "Hold ended", cancelled: "Cancelled", refunded: "Refunded", disputed: "Disputed",
};
const CONTINUE = { authenticate: "Approve at your bank", another_card: "Use another card" };
const REASONS = { campaign_missed: "Target missed", edition_cancelled: "Won’t take place" };

/** `act(button, method, path, body)` asks the shop, then everything is drawn anew. */
export function row(order, act) {
  const placed = new Date(order.placed_at_ms);
  const when = placed.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("li", { class: "order" },
    h("strong", {}, order.title), h("span", { class: "total" }, money(order.total_minor, order.currency)),
    h("span", { class: "detail" }, `${order.quantity > 1 ? `${order.quantity} pieces, ` : ""}`, h("time", { datetime: placed.toISOString() }, when),
      order.tracking && ` · ${order.tracking}`, h("br"), "Order ", h("code", {}, order.order_id.slice(-8)), ...moneyBack(order)),
    h("span", { class: `state state-${order.state}` }, order.state === "cancelled" ? REASONS[order.reason] ?? STATES.cancelled : STATES[order.state] ?? order.state),
    order.pledge && h("p", { class: "detail" }, whenCharged(order.pledge)),
    h("div", { class: "order-actions" }, ...actions(order, act)),
    order.alternatives.length > 0 && h("div", { class: "another" }, h("p", {}, "Nothing was charged. Would you like to give to another project?"), projectList(order.alternatives)));
}

function whenCharged({ charged, ends_at_ms: ends }) {
  return charged === "at_end" ? `Charged on ${moment(ends)}, if the target is reached.` : `Charged as soon as the target is reached; otherwise released on ${moment(ends)}.`;
}

function moneyBack({ refunded_minor: back, refunding_minor: coming, currency }) {
  return [back > 0 && [h("br"), `${money(back, currency)} given back`], coming > 0 && [h("br"), `${money(coming, currency)} on its way back`]].flat();
}

function actions(order, act) {
  const path = `/v1/orders/${order.order_id}`;
  return [
    order.state === "held" && h("a", { class: "button small", href: `/e/${order.edition_id}`, onclick: () => goOnWith(order) }, CONTINUE[order.buyer_action?.action] ?? "Continue"),
    order.state === "pledged" && h("button", { type: "button", class: "button small", onclick: ({ currentTarget }) => {
      if (confirm(`Take back your pledge of ${money(order.total_minor, order.currency)}? Nothing was charged.`)) act(currentTarget, "POST", `${path}/cancel`);
    } }, "Take back"),
    order.returnable && giveBack(order, (button, refundId) => act(button, "POST", `${path}/return`, { refund_id: refundId })),
    order.receipt_url && h("a", { class: "button small", href: order.receipt_url }, "Receipt"),
  ];
}

/** The edition's button picks it up there, even if this browser had nothing more to do for it. */
function goOnWith({ order_id, edition_id, quantity, price_minor }) {
  remember(draftKey(edition_id), { order_id, quantity, price_minor });
}

/** The refund's id is made once per row, so that a second tap is the same refund. */
function giveBack({ returnable: { amount_minor: amount }, paid_minor: total, currency, title }, send) {
  const refundId = randomText();
  const what = amount === total ? "the whole amount" : `${money(amount, currency)} of ${money(total, currency)}`;
  return h("button", { type: "button", class: "button small", onclick: ({ currentTarget }) => {
    if (confirm(`Give back “${title}”? You get ${what} back. This can’t be undone.`)) send(currentTarget, refundId);
  } }, "Give back");
}
