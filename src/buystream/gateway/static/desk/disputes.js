// Disputes, the open ones first, each with the date by which the provider needs a response.
import { day } from "./moments.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { DISPUTES } from "../buystream/order-states.js";

const REFRESH_MS_MIN = 10_000;
const element = (id) => document.getElementById(id);

export class Disputes {
  #call;
  #say;
  #loadedAt = -Infinity;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
  }

  /** Before another merchant signs in. */
  clear() {
    this.#loadedAt = -Infinity;
    element("disputes-panel").hidden = true;
    element("disputes").replaceChildren();
  }

  /** A dispute changes no sales figure, so this polls at intervals. */
  async refresh() {
    if (document.hidden || performance.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    this.#loadedAt = performance.now();
    try {
      const { disputes } = await this.#call("GET", "/v1/merchant/disputes");
      const open = disputes.filter(({ state }) => state === "open");
      const over = disputes.filter(({ state }) => state !== "open");
      element("disputes-panel").hidden = disputes.length === 0;
      element("disputes-hint").hidden = open.length === 0;
      element("disputes").replaceChildren(...[...open, ...over].map(row));
    } catch (problem) {
      this.#say(`The disputes could not be loaded. ${problem.message}`);
    }
  }
}

function row({
  dispute_id: id,
  order_id: order,
  amount_minor: minor,
  currency,
  reason,
  state,
  opened_at_ms: opened,
  respond_by_ms: until,
}) {
  const { like, desk: word } = DISPUTES[state];
  return h(
    "tr",
    { "data-id": id },
    h(
      "td",
      { "data-label": "Placed" },
      h("time", { datetime: new Date(opened).toISOString() }, day(opened)),
      h("code", { title: order }, order.slice(-8)),
    ),
    h("td", { "data-label": "Edition" }, reason.replaceAll("_", " ")),
    h("td", { "data-label": "Total", class: "number" }, money(minor, currency)),
    h(
      "td",
      { "data-label": "State" },
      h("span", { class: `state state-${like}` }, word),
      state === "open" && until && h("span", { class: "muted" }, `respond by ${day(until)}`),
    ),
  );
}
