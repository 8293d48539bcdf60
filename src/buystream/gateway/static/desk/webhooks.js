// Where the merchant's events are sent: how each address does, what it was sent, and the buttons to test and to repeat.
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { day, fullTime } from "./moments.js";

const WHY = { gone: "it answered 410", failing: "it accepted nothing for days" };
const element = (id) => document.getElementById(id);

function stateOf(endpoint) {
  const { disabled_why: why, disabled_at_ms: disabledAt, failing_since_ms: since } = endpoint;
  if (why) return ["cancelled", "disabled", `Since ${day(disabledAt)}: ${WHY[why]}.`];
  if (endpoint.warned_at_ms)
    return ["disputed", "will be disabled", `It has accepted nothing since ${fullTime(since)}.`];
  if (endpoint.failures) return ["held", "failing", `Since ${fullTime(since)}.`];
  return ["confirmed", "works", ""];
}

const lastAnswer = ({ tries, status, words }) =>
  tries === 0 ? "" : `${status ? `Answered ${status}` : "No answer"}${words ? `: ${words}` : ""}`;

export class Webhooks {
  #call;
  #say;
  #opened = null;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    element("webhook-add").addEventListener("click", () => this.#add());
    element("deliveries-refresh").addEventListener("click", () => this.#open(this.#opened));
  }

  clear() {
    this.#opened = null;
    element("webhooks").replaceChildren();
    element("deliveries-panel").hidden = true;
    element("deliveries").replaceChildren();
  }

  async load() {
    try {
      const { endpoints } = await this.#call("GET", "/v1/merchant/webhooks");
      element("webhooks").replaceChildren(...endpoints.map((one) => this.#row(one)));
      if (!endpoints.some(({ endpoint_id: id }) => id === this.#opened)) element("deliveries-panel").hidden = true;
    } catch (problem) {
      this.#say(`The webhooks could not be loaded. ${problem.message}`);
    }
  }

  #row(endpoint) {
    const { endpoint_id: id, url, purpose, waiting, disabled_why: disabled } = endpoint;
    const [like, word, why] = stateOf(endpoint);
    const button = (text, onclick, danger = false) =>
      h("button", { type: "button", class: `button small${danger ? " danger" : ""}`, onclick }, text);
    return h(
      "tr",
      { "data-id": id },
      h("td", { "data-label": "Address" }, h("code", {}, url), purpose && h("span", { class: "muted" }, purpose)),
      h(
        "td",
        { "data-label": "State" },
        h("span", { class: `state state-${like}` }, word),
        why && h("span", { class: "muted" }, why),
      ),
      h("td", { "data-label": "Waiting", class: "number" }, waiting.toLocaleString()),
      h(
        "td",
        { class: "actions" },
        button("Sent", () => this.#open(id)),
        button("Test", () => this.#test(id)),
        disabled && button("Enable", () => this.#enable(id)),
        button("New secret", () => this.#replaceKeys(endpoint)),
        button("Delete", () => this.#delete(endpoint), true),
      ),
    );
  }

  #add() {
    ask({
      title: "Send events somewhere",
      text: "Every event of your editions, orders and payments is sent there from now on, without personal data.",
      confirm: "Add",
      fields: [
        field("url", "Address", {
          type: "url",
          required: true,
          placeholder: "https://warehouse.example/hooks",
          wide: true,
        }),
        field("purpose", "What it is for", { maxlength: 80, placeholder: "Warehouse", wide: true }),
      ],
      act: async (form, key) => {
        const asked = { url: form.url.value.trim(), purpose: form.purpose.value.trim() };
        const keys = await this.#call("POST", "/v1/merchant/webhooks", asked, key);
        await this.load();
        setTimeout(() => this.#show(keys)); // this dialog closes first
      },
    });
  }

  /** The only time that the secret is shown. */
  #show({ url, secret, public_key: publicKey }) {
    const shown = { readonly: true, wide: true, onfocus: ({ currentTarget }) => currentTarget.select() };
    ask({
      title: `The secret for ${url}`,
      text: "Copy it now: it is shown only once. Your receiver verifies each webhook with it, or with the public key.",
      confirm: "I have copied it",
      fields: [
        field("secret", "Secret", { value: secret, ...shown }),
        field("public", "Public key", { value: publicKey, ...shown }),
      ],
      act: async () => {},
    });
  }

  #replaceKeys({ endpoint_id: id, url }) {
    ask({
      title: `A new secret for ${url}?`,
      text: "For a day, webhooks are signed with the old secret and the new one. Older ones end at once.",
      confirm: "Create it",
      act: async (_, key) => {
        const keys = await this.#call("POST", `/v1/merchant/webhooks/${id}/keys`, undefined, key);
        setTimeout(() => this.#show(keys));
      },
    });
  }

  #delete({ endpoint_id: id, url }) {
    ask({
      title: `Send nothing to ${url} any more?`,
      text: "What it has not been sent yet is dropped. Your events stay in the feed.",
      confirm: "Delete it",
      danger: true,
      act: async () => {
        await this.#call("DELETE", `/v1/merchant/webhooks/${id}`);
        await this.load();
      },
    });
  }

  async #test(id) {
    await this.#done(() => this.#call("POST", `/v1/merchant/webhooks/${id}/test`), "A test is on its way.");
    await this.#open(id);
  }

  async #enable(id) {
    await this.#done(() => this.#call("POST", `/v1/merchant/webhooks/${id}/enable`), "Enabled.");
    await this.load();
  }

  async #done(act, words) {
    try {
      await act();
      this.#say(words);
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  async #open(id) {
    this.#opened = id;
    try {
      const { deliveries } = await this.#call("GET", `/v1/merchant/webhooks/${id}/deliveries`);
      element("deliveries-panel").hidden = false;
      element("deliveries-empty").hidden = deliveries.length > 0;
      element("deliveries").replaceChildren(...deliveries.map((one) => this.#delivery(id, one)));
    } catch (problem) {
      this.#say(`What was sent could not be loaded. ${problem.message}`);
    }
  }

  #delivery(id, one) {
    const like = { delivered: "confirmed", waiting: "held", failed: "cancelled" }[one.state];
    const next = one.state === "waiting" && one.tries > 0 ? `Next try ${fullTime(one.next_at_ms)}` : "";
    return h(
      "tr",
      { "data-id": one.webhook_id },
      h("td", { "data-label": "Number", class: "number" }, one.number.toLocaleString()),
      h("td", { "data-label": "Event" }, one.type.split(".")[1], h("code", { title: one.about }, one.about.slice(-8))),
      h(
        "td",
        { "data-label": "State" },
        h("span", { class: `state state-${like}` }, one.state),
        h("span", { class: "muted" }, [lastAnswer(one), next].filter(Boolean).join(". ")),
      ),
      h("td", { "data-label": "Tries", class: "number" }, one.tries),
      h(
        "td",
        { class: "actions" },
        one.state !== "waiting" &&
          h(
            "button",
            {
              type: "button",
              class: "button small",
              "aria-label": `Send number ${one.number} again`,
              onclick: async () => {
                const path = `/v1/merchant/webhooks/${id}/deliveries/${one.webhook_id}/replay`;
                await this.#done(() => this.#call("POST", path), "It is sent again.");
                await this.#open(id);
              },
            },
            "Send again",
          ),
      ),
    );
  }
}
