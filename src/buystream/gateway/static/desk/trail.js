// Who did what, the newest first: sentences that the shop makes from the log.
import { h } from "../buystream/dom.js";
import { fullTime } from "./moments.js";

const element = (id) => document.getElementById(id);
const STEPS = 20;

export class Trail {
  #call;
  #say;
  #next = null;
  #known = new Map();

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    element("trail-more").addEventListener("click", () => this.#more());
    element("trail-actor").addEventListener("change", () => this.load());
  }

  clear() {
    this.#next = null;
    this.#known.clear();
    element("trail").replaceChildren();
    element("trail-actor").replaceChildren(h("option", { value: "" }, "Everybody"));
  }

  async load() {
    this.#next = null;
    element("trail").replaceChildren();
    await this.#more();
  }

  async #more() {
    const query = new URLSearchParams({ limit: STEPS });
    if (element("trail-actor").value) query.set("by", element("trail-actor").value);
    if (this.#next) query.set("after", this.#next);
    try {
      const { steps, next } = await this.#call("GET", `/v1/merchant/trail?${query}`);
      this.#next = next;
      element("trail-more").hidden = !next;
      element("trail").append(...steps.map((step) => this.#item(step)));
    } catch (problem) {
      this.#say(`The trail could not be loaded. ${problem.message}`);
    }
  }

  #item({ actor, who, did, at_ms: at }) {
    if (!this.#known.has(actor)) {
      this.#known.set(actor, who);
      element("trail-actor").append(h("option", { value: actor }, who));
    }
    return h("li", {}, `${who} ${did}, `, h("span", { class: "muted" }, fullTime(at)));
  }
}
