// One of the buyer's orders: what it is, where its money is, and what can still be done about it.
import { moment } from "../buystream/campaign.js";
import { sure } from "../buystream/confirm.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { randomText } from "../buystream/order-id.js";
import { parcelList } from "../buystream/parcels.js";
import { proofButton } from "../buystream/proof.js";
import { projectList } from "../buystream/projects.js";
import { draftKey } from "../buystream/purchase.js";
import { remember } from "../buystream/storage.js";
import { asBuyer } from "../buystream/session.js";
import { costWords } from "../buystream/words.js";
import { askBackButton, requestLines } from "./ask-back.js";
import { askAddress } from "./new-address.js";

const CONTINUE = { authenticate: "Approve at your bank", another_card: "Use another card" };

/** `act(button, method, path, body)` sends the request, then everything is drawn again. */
export function row(order, act) {
  const placed = new Date(order.placed_at_ms);
  const when = placed.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h(
    "li",
    { class: "order", "data-id": order.order_id },
    h("strong", {}, order.title),
    h("span", { class: "total" }, costWords(order.total_minor, order.currency)),
    h(
      "span",
      { class: "detail" },
      order.merchant_name,
      h("br"),
      unitWords(order),
      h("time", { datetime: placed.toISOString() }, when),
      order.tracking && !order.fulfilment?.parcels.length && ` · ${order.tracking}`,
      h("br"),
      "Order ",
      h("code", {}, order.order_id.slice(-8)),
      ...refundLines(order),
    ),
    h("span", { class: `state state-${order.state}` }, order.state_name),
    h("p", { class: "detail" }, order.meaning),
    order.pledge && h("p", { class: "detail" }, whenCharged(order.pledge)),
    parcelList(order),
    ...requestLines(order),
    h("div", { class: "order-actions" }, ...actions(order, act)),
    order.alternatives.length > 0 &&
      h(
        "div",
        { class: "another" },
        h("p", {}, "Nothing was charged. Would you like to give to another project?"),
        projectList(order.alternatives),
      ),
  );
}

/** How many of what, where that isn't one. */
function unitWords({ quantity, lines, tickets_url: tickets }) {
  if (lines.length > 1) return `${lines.map((line) => `${line.quantity} × ${line.title}`).join(", ")}, `;
  return quantity > 1 ? `${quantity} ${tickets ? "tickets" : "units"}, ` : "";
}

function whenCharged({ charged, ends_at_ms: ends }) {
  return charged === "at_end"
    ? `Charged on ${moment(ends)}, if the target is reached.`
    : `Charged as soon as the target is reached; otherwise released on ${moment(ends)}.`;
}

function refundLines({ refunded_minor: refunded, refunding_minor: refunding, currency }) {
  return [
    refunded > 0 && [h("br"), `${money(refunded, currency)} refunded`],
    refunding > 0 && [h("br"), `Refund of ${money(refunding, currency)} in progress`],
  ].flat();
}

function actions(order, act) {
  const path = `/v1/orders/${order.order_id}`;
  return [
    (order.can_pay || order.buyer_action) &&
      h(
        "a",
        { class: "button small", href: `/e/${order.edition_id}`, onclick: () => keep(order) },
        CONTINUE[order.buyer_action?.action] ?? "Continue",
      ),
    order.pledge &&
      order.can_cancel &&
      h(
        "button",
        {
          type: "button",
          class: "button small",
          onclick: async ({ currentTarget }) => {
            if (
              await sure(
                `Withdraw your pledge of ${money(order.total_minor, order.currency)}? Nothing has been charged.`,
                "Withdraw",
              )
            )
              act(currentTarget, "POST", `${path}/cancel`);
          },
        },
        "Withdraw",
      ),
    order.can_return &&
      returnButton(order, (button, refundId) => act(button, "POST", `${path}/return`, { refund_id: refundId })),
    order.can_ask_back && !order.can_return && askBackButton(order, act),
    order.can_change_address &&
      h(
        "button",
        {
          type: "button",
          class: "button small",
          onclick: () => askAddress((address) => asBuyer("POST", `${path}/address`, { body: { address } })),
        },
        "Change address",
      ),
    order.tickets_url && h("a", { class: "button small primary", href: order.tickets_url }, "Tickets"),
    order.downloads_url && h("a", { class: "button small primary", href: order.downloads_url }, "Downloads"),
    order.receipt_url && h("a", { class: "button small", href: order.receipt_url }, "Receipt"),
    proofButton({ orderId: order.order_id, className: "button small", text: "Proof" }),
  ];
}

/** The edition's button picks the order up there, even if this browser had forgotten it. */
function keep({ order_id, edition_id, variant_id, quantity, price_minor }) {
  remember(draftKey(edition_id), { order_id, ...(variant_id && { variant_id }), quantity, price_minor });
}

/** The refund's id is generated once per row, so that a second tap is the same refund. */
function returnButton({ returnable: { amount_minor: amount }, paid_minor: total, currency, title }, send) {
  const refundId = randomText();
  const refund = !total
    ? ""
    : amount === total
      ? "You’ll get a full refund. "
      : `You’ll get ${money(amount, currency)} of ${money(total, currency)} back. `;
  return h(
    "button",
    {
      type: "button",
      class: "button small",
      onclick: async ({ currentTarget }) => {
        if (await sure(`Return “${title}”? ${refund}This can’t be undone.`, "Return")) send(currentTarget, refundId);
      },
    },
    "Return",
  );
}
