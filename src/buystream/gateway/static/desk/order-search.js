// What is looked for among the orders: the form above the ledger.
import { h } from "../buystream/dom.js";
import { parseMoney } from "../buystream/money.js";
import { offerEditions } from "./edition-choice.js";

const TYPING_MS = 250;
const DAY_MS = 86_400_000;
const MANY_EVENTS = 1_000;

export class OrderSearch {
  #form = document.getElementById("order-search");
  #says = document.getElementById("order-search-says");
  #currency;

  /**
   * `currency()` is the merchant's; `onChange` runs a moment after what is looked for has changed; `save(path, name)`
   * downloads a file.
   */
  constructor({ currency, onChange, save }) {
    this.#currency = currency;
    for (const button of this.#form.querySelectorAll("[data-form]"))
      button.addEventListener("click", () => this.#save(button, save));
    let timer;
    const soon = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(onChange, ms);
    };
    this.#form.addEventListener("input", () => soon(TYPING_MS));
    this.#form.addEventListener("reset", () => soon(0)); // the fields are empty after the event
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      soon(0);
    });
  }

  /** What is looked for, or all orders. */
  async #save(button, save) {
    const { form } = button.dataset;
    button.disabled = true;
    try {
      await save(`/v1/merchant/exports/orders?${new URLSearchParams({ form, ...this.query() })}`, `orders.${form}`);
    } catch (problem) {
      this.#says.textContent = problem.message;
    } finally {
      button.disabled = false;
    }
  }

  /** Before another merchant signs in. */
  clear() {
    const { q, state, edition_id: edition, amount, from, to } = this.#form.elements;
    for (const control of [q, state, edition, amount, from, to]) control.value = "";
    this.#says.textContent = "";
  }

  offer(editions) {
    const choice = this.#form.elements.edition_id;
    const chosen = choice.value;
    if (!offerEditions(choice, editions)) return;
    choice.prepend(h("option", { value: "" }, "All"));
    choice.value = chosen;
  }

  /** As the API takes it; `{}` while nothing is looked for. Throws what is wrong with a field. */
  query() {
    const { q, state, edition_id: edition, amount, from, to } = this.#form.elements;
    const asked = {
      q: q.value.trim(),
      state: state.value,
      edition_id: edition.value,
      from: from.value,
      to: to.value && dayAfter(to.value),
    };
    if (amount.value.trim()) {
      asked.amount_minor = parseMoney(amount.value, this.#currency());
      if (asked.amount_minor === null) throw new Error("Type the amount as a number.");
    }
    if (from.value && to.value && from.value > to.value) throw new Error("The first day is after the last.");
    return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ""));
  }

  say({ found, more, unread }) {
    if (!Object.keys(this.query()).length) this.#says.textContent = "";
    else if (unread > MANY_EVENTS)
      this.#says.textContent = `The search index is being made: ${unread.toLocaleString()} events to go.`;
    else if (!found) this.#says.textContent = "No order matches.";
    else this.#says.textContent = `${found.toLocaleString()}${more ? " or more" : ""} found`;
  }
}

const dayAfter = (text) => new Date(Date.parse(`${text}T00:00Z`) + DAY_MS).toISOString().slice(0, 10);
