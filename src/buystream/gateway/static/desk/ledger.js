// The merchant's orders, newest first, all or those that are looked for, with what can be done with each: ship it, mark
// it as delivered, or refund it.
import { arrange, h } from "../buystream/dom.js";
import { money, parseMoney, whyNotMove } from "../buystream/money.js";
import { ask, field } from "./ask.js";
import { clockTime, fullTime } from "./moments.js";
import { showOrder } from "./order-page.js";

const PAGE = 50;
const REFRESH_MS_MIN = 2_500;

/** A row is drawn again when this changes: a cancelled edition changes what can be done, but not the order itself. */
const keyOf = ({ version, can_ship, can_deliver, can_refund }) => [version, can_ship, can_deliver, can_refund].join();

const choice = ({ number, name }) => [String(number), `Ticket ${number}${name ? `, ${name}` : ""}`];

function ticketWords(ticket) {
  const words = [choice(ticket)[1], ticket.variant_title, ticket.state, ticket.is_passed_on && "passed on"];
  return words.filter(Boolean).join(" · ");
}

export class Ledger {
  #call;
  #say;
  #search;
  #pages = 1;
  #asked = 0;
  #seen = "";
  #loading = false;
  #loadedAt = -Infinity;
  #rows = new Map();

  constructor({ call, say, search }) {
    this.#call = call;
    this.#say = say;
    this.#search = search;
    document.getElementById("more").addEventListener("click", () => {
      this.#pages += 1;
      this.#load();
    });
  }

  /** Before another merchant signs in. */
  clear() {
    this.#pages = 1;
    this.#seen = "";
    this.#loadedAt = -Infinity;
    this.#rows.clear();
    this.#search.clear();
    document.getElementById("ledger").replaceChildren();
  }

  /** What is looked for has changed. */
  lookFor() {
    this.#pages = 1;
    this.#load();
  }

  refreshIfChanged(totals) {
    const key = JSON.stringify([totals.held, totals.confirmed, totals.expired, totals.refused, totals.revenue_minor]);
    if (key === this.#seen || this.#loading || document.hidden || performance.now() - this.#loadedAt < REFRESH_MS_MIN)
      return;
    this.#seen = key;
    this.#load();
  }

  /** Reloads every page that is shown: during a rush, orders arrive and change anywhere. */
  async #load() {
    this.#loading = true;
    this.#asked += 1;
    const asked = this.#asked;
    try {
      const orders = [];
      const wanted = this.#search.query();
      let [next, unread] = ["", 0];
      for (let page = 0; page < this.#pages && next !== null; page += 1) {
        const answer = await this.#call(
          "GET",
          `/v1/merchant/orders?${new URLSearchParams({ limit: PAGE, ...wanted, ...(next && { after: next }) })}`,
        );
        if (asked !== this.#asked) return; // something else is looked for by now
        orders.push(...answer.orders);
        ({ next, unread_events: unread = 0 } = answer);
      }
      this.#search.say({ found: orders.length, more: next !== null, unread });
      this.#rows = new Map(orders.map((order) => [order.order_id, this.#known(order) ?? this.#row(order)]));
      arrange(document.getElementById("ledger"), [...this.#rows.values()]);
      document.getElementById("ledger-empty").hidden = orders.length > 0 || Object.keys(wanted).length > 0;
      document.getElementById("more").hidden = next === null;
    } catch (problem) {
      if (asked !== this.#asked) return;
      this.#seen = "";
      this.#say(`The orders could not be loaded. ${problem.message}`);
    } finally {
      if (asked === this.#asked) this.#loading = false;
      this.#loadedAt = performance.now();
    }
  }

  #known(order) {
    const row = this.#rows.get(order.order_id);
    return row?.dataset.key === keyOf(order) ? row : null;
  }

  #row(order) {
    const placed = new Date(order.placed_at_ms);
    return h(
      "tr",
      { "data-id": order.order_id, "data-key": keyOf(order) },
      h(
        "td",
        { "data-label": "Placed" },
        h(
          "time",
          { datetime: placed.toISOString(), title: fullTime(order.placed_at_ms) },
          clockTime(order.placed_at_ms),
        ),
        h(
          "button",
          { type: "button", class: "order-number", title: order.order_id, onclick: () => this.#show(order) },
          order.order_id.slice(-8),
        ),
        order.placement?.source && h("span", { class: "muted" }, `from ${order.placement.source}`),
      ),
      h("td", { "data-label": "Edition" }, ...ordered(order)),
      h(
        "td",
        { "data-label": "Buyer" },
        order.buyer
          ? [h("span", {}, order.buyer.name), h("span", { class: "muted" }, order.buyer.email)]
          : h("span", { class: "muted" }, order.is_erased ? "Erased on request" : "–"),
      ),
      h(
        "td",
        { "data-label": "Total", class: "number" },
        money(order.total_minor, order.currency),
        order.refunded_minor > 0 &&
          h("span", { class: "muted" }, `${money(order.refunded_minor, order.currency)} refunded`),
      ),
      h(
        "td",
        { "data-label": "State" },
        h(
          "span",
          { class: `state state-${order.state}`, title: order.reason?.replaceAll("_", " ") },
          order.state_name,
        ),
        order.tracking && h("span", { class: "muted" }, order.tracking),
      ),
      h(
        "td",
        { class: "actions" },
        order.can_ship &&
          h("button", { type: "button", class: "button small", onclick: () => this.#ship(order) }, "Ship"),
        order.can_deliver &&
          (order.is_sent || !order.can_ship) && // what waits to be shipped was not handed over
          h(
            "button",
            { type: "button", class: "button small", onclick: () => this.#deliver(order) },
            order.is_sent ? "Mark as delivered" : "Mark as used",
          ),
        order.tickets_url &&
          h("button", { type: "button", class: "button small", onclick: () => this.#tickets(order) }, "Tickets"),
        order.downloads_url &&
          h("button", { type: "button", class: "button small", onclick: () => this.#downloads(order) }, "Downloads"),
        order.can_refund &&
          h("button", { type: "button", class: "button small", onclick: () => this.#refund(order) }, "Refund"),
      ),
    );
  }

  #show(order) {
    showOrder(order, { call: this.#call, say: this.#say, changed: () => this.lookFor() });
  }

  /** Who comes, and which tickets a refund of some units ends first. */
  async #tickets(order) {
    const path = `/v1/merchant/orders/${order.order_id}`;
    try {
      const { guests } = await this.#call("GET", `${path}/tickets`);
      const alive = guests.filter(({ state }) => state === "valid" || state === "offered");
      ask({
        title: "Tickets of this order",
        text: guests.map(ticketWords).join("\n"),
        fields: alive.length > 1 ? [field("first", "A refund of one unit ends", { options: alive.map(choice) })] : [],
        confirm: alive.length > 1 ? "Choose this ticket" : "Done",
        dismiss: "Close",
        act: async ({ first }) => {
          if (!first) return;
          await this.#call("POST", `${path}/returned-tickets`, { numbers: [Number(first.value)] });
          this.#say("That ticket ends first.");
        },
      });
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  /** What the buyer has downloaded, and how often they may. */
  async #downloads(order) {
    const path = `/v1/merchant/orders/${order.order_id}/downloads`;
    try {
      const { files } = await this.#call("GET", path);
      const words = ({ name, downloads, downloads_max: most }) => `${name}: ${downloads} of ${most} times`;
      const most = files[0]?.downloads_max ?? 1;
      ask({
        title: "Downloads of this order",
        text: files.map(words).join("\n"),
        fields: [field("most", "Each file may be downloaded", { type: "number", min: 1, max: 1000, value: most })],
        confirm: "Save",
        act: async ({ most: wanted }) => {
          await this.#call("PUT", path, { downloads_max: Number(wanted.value) });
          this.#say(`This order may download each file ${wanted.value} times.`);
        },
      });
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  #ship(order) {
    ask({
      title: "Ship this order",
      confirm: "Mark as shipped",
      text: [order.title, ...(order.buyer?.address ? [order.buyer.name, ...order.buyer.address_lines] : [])].join("\n"),
      fields: [
        field("carrier", "Carrier", { required: true, maxlength: 60 }),
        field("tracking", "Tracking number", { required: true, maxlength: 100 }),
      ],
      act: async ({ carrier, tracking }) =>
        this.#changed(order, "ship", { carrier: carrier.value.trim(), tracking: tracking.value.trim() }, "Shipped."),
    });
  }

  #deliver(order) {
    const was = order.is_sent ? "delivered" : "used";
    ask({
      title: `Mark this order as ${was}`,
      confirm: `Mark as ${was}`,
      text: `${order.title}. The buyer can no longer return it; you can still refund it.`,
      act: async () => this.#changed(order, "deliver", {}, was === "used" ? "Used." : "Delivered."),
    });
  }

  #refund(order) {
    const { currency, quantity, returned, returning } = order;
    const left = money(order.refundable_minor, currency);
    const kept = quantity - returned - returning;
    const several = order.lines.length > 1 ? order.lines : [];
    const unitsOf = ({ elements }) => several.map((line, n) => [line, Number(elements[`units-${n}`].value)]);
    const requested = (form) => {
      const text = form.elements.amount.value.trim();
      if (text) return money(parseMoney(text, currency) ?? 0, currency);
      const named = unitsOf(form).filter(([, units]) => units);
      return named.length ? money(costOf(named, order), currency) : left;
    };
    const says = ({ currentTarget: { form } }) => {
      confirm.textContent = `Refund ${requested(form)}`;
    };
    const confirm = ask({
      title: "Refund this order",
      text: `${order.title}. Up to ${left} can be refunded. This can’t be undone.`,
      confirm: `Refund ${left}`,
      danger: true,
      fields: [
        field("amount", `Amount, in ${currency}`, {
          inputmode: "decimal",
          placeholder: left,
          hint: several.length
            ? `Leave empty to refund what the units cost, or without units all of it, ${left}`
            : `Leave empty to refund all of it, ${left}`,
          oninput: says,
        }),
        ...several.map((line, n) => {
          const max = line.quantity - line.returned - line.returning;
          return field(`units-${n}`, `Units returned: ${line.title}`, {
            type: "number", min: 0, max, step: 1, placeholder: `of ${max}`, oninput: says,
          });
        }),
        !several.length && field("units", "Units returned", {
          type: "number",
          min: 0,
          max: kept,
          step: 1,
          placeholder: "all",
          hint: "Leave empty: all with a full refund, none with a partial one",
        }),
        field("restock", "Put returned units back on sale", { type: "checkbox", checked: !order.is_sent }),
        field("reason", "Reason", { maxlength: 200, wide: true }),
      ],
      act: async (elements, key) => {
        const { amount, units, restock, reason } = elements;
        const body = { restock: restock.checked, reason: reason.value.trim() };
        const lines = unitsOf({ elements }).filter(([, quantity]) => quantity);
        if (amount.value.trim()) body.amount_minor = refundable(amount.value, order);
        if (lines.length) body.lines = lines.map(([{ variant_id }, quantity]) => ({ variant_id, quantity }));
        else if (amount.value.trim()) body.quantity = 0;
        if (units?.value) body.quantity = Number(units.value);
        await this.#changed(order, "refund", body, "The refund is in progress.", key);
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

/** What was ordered: of several lines, each. */
function ordered({ title, quantity, lines }) {
  if (lines.length === 1) return [quantity > 1 ? `${quantity} × ${title}` : title];
  return [title, ...lines.map((line) => h("span", { class: "muted" }, `${line.quantity} × ${line.title}`))];
}

/** What a refund of these units comes to, at most what is left. */
function costOf(named, { refundable_minor: left }) {
  return Math.min(
    named.reduce((sum, [{ price_minor: price }, units]) => sum + price * units, 0),
    left,
  );
}

function refundable(text, order) {
  const minor = parseMoney(text, order.currency);
  if (!minor || minor > order.refundable_minor)
    throw new Error(`Choose an amount up to ${money(order.refundable_minor, order.currency)}.`);
  const wrong = whyNotMove(minor, order.currency);
  if (wrong) throw new Error(wrong);
  return minor;
}
