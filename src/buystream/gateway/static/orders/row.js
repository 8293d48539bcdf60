// One order of the buyer's: what it is, what became of its money, and what can still be done about it.
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { randomText } from "../buystream/order-id.js";
import { otherProjects } from "../buystream/projects.js";

const STATES = {
  held: "Held for you", pledged: "Pledged", authorised: "Paying", confirmed: "Paid", shipped: "On its way", delivered: "Delivered",
  refused: "Refused", expired: "Hold ended", cancelled: "Cancelled", refunded: "Refunded", disputed: "Disputed",
};
const REASONS = { campaign_missed: "Target missed", edition_cancelled: "Won’t take place" };
const PAID = ["confirmed", "shipped", "delivered", "disputed", "refunded"];

/** `act(button, method, path, body)` asks the shop, then everything is drawn anew. */
export function row(order, act) {
  const placed = new Date(order.placed_at_ms);
  const when = placed.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const element = h("li", { class: "order" },
    h("strong", {}, order.title), h("span", { class: "total" }, money(order.total_minor, order.currency)),
    h("span", { class: "detail" }, `${order.quantity > 1 ? `${order.quantity} pieces, ` : ""}`, h("time", { datetime: placed.toISOString() }, when),
      order.tracking && ` · ${order.tracking}`, h("br"), "Order ", h("code", {}, order.order_id.slice(-8)), ...moneyBack(order)),
    h("span", { class: `state state-${order.state}` }, order.state === "cancelled" ? REASONS[order.reason] ?? STATES.cancelled : STATES[order.state] ?? order.state),
    h("div", { class: "order-actions" }, ...actions(order, act)));
  if (order.may_choose_another) offerAnother(element, order);
  return element;
}

function moneyBack({ refunded_minor: back, refunding_minor: coming, currency }) {
  return [back > 0 && [h("br"), `${money(back, currency)} given back`], coming > 0 && [h("br"), `${money(coming, currency)} on its way back`]].flat();
}

function actions(order, act) {
  const path = `/v1/orders/${order.order_id}`;
  return [
    order.state === "held" && h("a", { class: "button small", href: `/e/${order.edition_id}` }, "Continue"),
    order.state === "pledged" && h("button", { type: "button", class: "button small", onclick: ({ currentTarget }) => {
      if (confirm(`Take back your pledge of ${money(order.total_minor, order.currency)}? Nothing was charged.`)) act(currentTarget, "POST", `${path}/cancel`);
    } }, "Take back"),
    order.returnable_minor != null && giveBack(order, (button, refundId) => act(button, "POST", `${path}/return`, { refund_id: refundId })),
    PAID.includes(order.state) && h("a", { class: "button small", href: `/orders/${order.order_id}/receipt` }, "Receipt"),
  ];
}

/** The refund's id is made once per row, so that a second tap is the same refund. */
function giveBack({ returnable_minor: amount, total_minor: total, currency, title }, send) {
  const refundId = randomText();
  const what = amount === total ? "the whole amount" : `${money(amount, currency)} of ${money(total, currency)}`;
  return h("button", { type: "button", class: "button small", onclick: ({ currentTarget }) => {
    if (confirm(`Give back “${title}”? You get ${what} back. This can’t be undone.`)) send(currentTarget, refundId);
  } }, "Give back");
}

async function offerAnother(element, order) {
  const projects = await otherProjects(order);
  if (projects) element.append(h("div", { class: "another" }, h("p", {}, "Nothing was charged. Would you like to give to another project?"), projects));
}
