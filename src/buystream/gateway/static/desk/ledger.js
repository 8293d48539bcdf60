// The orders of the merchant, newest first, with the two things one does to an order: ship it, refund it or a part of it.
import { arrange, h } from "../buystream/dom.js";
import { money, parseMoney } from "../buystream/money.js";
import { ask, field } from "./ask.js";

const PAGE = 50;
const REFRESH_MS_MIN = 2_500;
const STATES = { held: "held", pledged: "pledged", authorised: "paying", confirmed: "paid", shipped: "shipped", delivered: "delivered", refused: "refused", expired: "hold ended", cancelled: "cancelled", refunded: "refunded", disputed: "disputed" };

export class Ledger {
  #call;
  #say;
  #pages = 1;
  #seen = "";
  #loading = false;
  #loadedAt = 0;
  #rows = new Map();

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    document.getElementById("more").addEventListener("click", () => {
      this.#pages += 1;
      this.#load();
    });
  }

  /** Another merchant comes. */
  clear() {
    this.#pages = 1;
    this.#seen = "";
    this.#loadedAt = 0;
    this.#rows.clear();
    document.getElementById("ledger").replaceChildren();
  }

  refreshIfChanged(totals) {
    const key = JSON.stringify([totals.held, totals.confirmed, totals.expired, totals.refused, totals.revenue_minor]);
    if (key === this.#seen || this.#loading || document.hidden || Date.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    this.#seen = key;
    this.#load();
  }

  /** Every page that is shown, anew: during a rush orders come and change anywhere. */
  async #load() {
    this.#loading = true;
    try {
      const orders = [];
      let next = "";
      for (let page = 0; page < this.#pages && next !== null; page += 1) {
        const answer = await this.#call("GET", `/v1/merchant/orders?limit=${PAGE}${next && `&after=${encodeURIComponent(next)}`}`);
        orders.push(...answer.orders);
        next = answer.next;
      }
      this.#rows = new Map(orders.map((order) => [order.order_id, this.#known(order) ?? this.#row(order)]));
      arrange(document.getElementById("ledger"), [...this.#rows.values()]);
      document.getElementById("ledger-empty").hidden = orders.length > 0;
      document.getElementById("more").hidden = next === null;
    } catch (problem) {
      this.#seen = "";
      this.#say(`The orders could not be loaded. ${problem.message}`);
    } finally {
      this.#loading = false;
      this.#loadedAt = Date.now();
    }
  }

  #known({ order_id: id, version }) {
    const row = this.#rows.get(id);
    return row?.dataset.version === String(version) ? row : null;
  }

  #row(order) {
    const placed = new Date(order.placed_at_ms);
    const isRefunding = order.refunding_minor > 0 || order.payment?.state === "refund_requested";
    const canShip = order.state === "confirmed" && !isRefunding;
    const canRefund = ["confirmed", "shipped", "delivered"].includes(order.state) && rest(order) > 0;
    return h("tr", { "data-id": order.order_id, "data-version": order.version },
      h("td", { "data-label": "Placed" }, h("time", { datetime: placed.toISOString(), title: placed.toLocaleString() }, placed.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" })), h("code", { title: order.order_id }, order.order_id.slice(-8))),
      h("td", { "data-label": "Edition" }, order.quantity > 1 ? `${order.quantity} × ${order.title}` : order.title),
      h("td", { "data-label": "Buyer" }, order.buyer ? [h("span", {}, order.buyer.name), h("span", { class: "muted" }, order.buyer.email)] : h("span", { class: "muted" }, "–")),
      h("td", { "data-label": "Total", class: "number" }, money(order.total_minor, order.currency), order.refunded_minor > 0 && h("span", { class: "muted" }, `${money(-order.refunded_minor, order.currency)} back`)),
      h("td", { "data-label": "State" }, h("span", { class: `state state-${order.state}`, title: order.reason?.replaceAll("_", " ") }, isRefunding ? "refunding" : STATES[order.state] ?? order.state), order.tracking && h("span", { class: "muted" }, order.tracking)),
      h("td", { class: "actions" },
        canShip && h("button", { type: "button", class: "button small", onclick: () => this.#ship(order) }, "Ship"),
        canRefund && h("button", { type: "button", class: "button small", onclick: () => this.#refund(order) }, "Refund")));
  }

  #ship(order) {
    ask({
      title: "Ship this order", confirm: "Mark as shipped",
      text: order.buyer?.address ? `To ${order.buyer.name}, ${order.buyer.address}` : order.title,
      fields: [field("carrier", "Carrier", { required: true, maxlength: 60 }), field("tracking", "Tracking number", { required: true, maxlength: 100 })],
      act: async ({ carrier, tracking }) => this.#changed(order, "ship", { carrier: carrier.value.trim(), tracking: tracking.value.trim() }, "Shipped."),
    });
  }

  #refund(order) {
    const { currency, quantity, returned } = order;
    const left = money(rest(order), currency);
    const kept = quantity - returned;
    const asked = (text) => (text.trim() ? money(parseMoney(text, currency) ?? 0, currency) : left);
    const confirm = ask({
      title: "Refund this order", text: `${order.title}. Up to ${left} can be given back. This can’t be undone.`, confirm: `Refund ${left}`, danger: true,
      fields: [
        field("amount", `Amount, in ${currency}`, { inputmode: "decimal", placeholder: left, hint: `Empty: all of it, ${left}`, oninput: ({ currentTarget }) => { confirm.textContent = `Refund ${asked(currentTarget.value)}`; } }),
        field("pieces", "Pieces that come back", { type: "number", min: 0, max: kept, step: 1, placeholder: "all", hint: `Empty: all ${kept} with the whole amount, none with a part` }),
        field("restock", "Put what comes back on sale again", { type: "checkbox", checked: order.state === "confirmed" }),
        field("reason", "Reason", { maxlength: 200, wide: true }),
      ],
      act: async ({ amount, pieces, restock, reason }, key) => {
        const body = { restock: restock.checked, reason: reason.value.trim() };
        if (amount.value.trim()) Object.assign(body, { amount_minor: refundable(amount.value, order), quantity: 0 });
        if (pieces.value) body.quantity = Number(pieces.value);
        await this.#changed(order, "refund", body, "The refund is under way.", key);
      },
    });
  }

  async #changed(order, verb, body, message, key) {
    await this.#call("POST", `/v1/merchant/orders/${order.order_id}/${verb}`, body, key);
    this.#say(message);
    this.#seen = "";
    await this.#load();
  }
}

/** What was paid and is neither back nor on its way. */
const rest = (order) => order.paid_minor - order.refunded_minor - order.refunding_minor;

function refundable(text, order) {
  const minor = parseMoney(text, order.currency);
  if (!minor || minor > rest(order)) throw new Error(`Choose an amount up to ${money(rest(order), order.currency)}.`);
  return minor;
}
