// Money that buyers' banks want back: the open ones first, each with the day by which the provider must have an answer.
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";

const REFRESH_MS_MIN = 10_000;
const STATES = { open: ["disputed", "open"], won: ["confirmed", "won"], lost: ["refunded", "lost"] };
const element = (id) => document.getElementById(id);
const day = (at) => new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });

export class Disputes {
  #call;
  #say;
  #loadedAt = 0;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
  }

  /** Another merchant comes. */
  clear() {
    this.#loadedAt = 0;
    element("disputes-panel").hidden = true;
    element("disputes").replaceChildren();
  }

  /** A bank's doing shows in no sale's numbers: look every now and then. */
  async refresh() {
    if (document.hidden || Date.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    this.#loadedAt = Date.now();
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

function row({ dispute_id: id, order_id: order, amount_minor: minor, currency, reason, state, opened_at_ms: opened, respond_by_ms: until }) {
  const [colour, word] = STATES[state];
  return h("tr", { "data-id": id },
    h("td", { "data-label": "Placed" }, h("time", { datetime: new Date(opened).toISOString() }, day(opened)), h("code", { title: order }, order.slice(-8))),
    h("td", { "data-label": "Edition" }, reason.replaceAll("_", " ")),
    h("td", { "data-label": "Total", class: "number" }, money(minor, currency)),
    h("td", { "data-label": "State" }, h("span", { class: `state state-${colour}` }, word), state === "open" && until && h("span", { class: "muted" }, `answer by ${day(until)}`)));
}
