// Mails to the merchant's buyers: how many went out, and those that didn't simply arrive.
import { day } from "./moments.js";
import { h } from "../buystream/dom.js";

const REFRESH_MS_MIN = 15_000;
const STATES = {
  waiting: "waits to be tried again",
  taken: "is being sent",
  sending: "is being sent",
  sent: "was sent again, and may have arrived twice",
  left_out: "wasn’t needed any more",
  suppressed: "wasn’t sent: the address doesn’t exist",
  refused: "was rejected",
  given_up: "couldn’t be delivered in three days",
};
const element = (id) => document.getElementById(id);

export class Mails {
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
    element("mails-panel").hidden = true;
    element("mails").replaceChildren();
  }

  async refresh() {
    if (document.hidden || performance.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    this.#loadedAt = performance.now();
    try {
      const { states, trouble } = await this.#call("GET", "/v1/merchant/mails");
      const { sent = 0 } = states;
      element("mails-panel").hidden = !sent && trouble.length === 0;
      element("mails-sent").textContent = `${sent.toLocaleString()} sent in the last 90 days.`;
      element("mails").replaceChildren(...trouble.map(row));
    } catch (problem) {
      this.#say(`The mails could not be loaded. ${problem.message}`);
    }
  }
}

function row({ kind, about, state, error, changed_at_ms: changed }) {
  return h(
    "li",
    {},
    h("code", { title: about }, about.slice(-8)),
    ` ${day(changed)}: “${kind.replaceAll("_", " ")}” ${STATES[state]}.`,
    error && h("small", { class: "muted" }, ` ${error}`),
  );
}
