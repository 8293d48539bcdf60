// The sandbox's card fields. A test card's number is mapped to its token right here and goes nowhere else.
import { serverNow } from "./clock.js";
import { h } from "./dom.js";
import { Fields } from "./fields.js";

const NAMES = ["number", "expiry", "cvc"];

const digitsOf = (text) => text.replace(/\D/g, "");
const grouped = (text) =>
  digitsOf(text)
    .slice(0, 19)
    .replace(/(\d{4})(?=\d)/g, "$1 ");

function expiry(text) {
  const digits = digitsOf(text).slice(0, 4);
  return digits.length > 2 ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : digits;
}

function isFuture(text) {
  const digits = digitsOf(text);
  const month = Number(digits.slice(0, 2));
  return (
    digits.length === 4 && month >= 1 && month <= 12 && Date.UTC(2000 + Number(digits.slice(2)), month) > serverNow()
  );
}

export class SandboxCard {
  #fields = new Fields();
  #cards;

  constructor(cards) {
    this.#cards = cards;
    this.element = h(
      "fieldset",
      {},
      h("legend", {}, "Card"),
      this.#fields.field(
        "number",
        "Card number",
        { inputmode: "numeric", autocomplete: "cc-number", placeholder: "1234 1234 1234 1234" },
        grouped,
      ),
      h(
        "div",
        { class: "pair" },
        this.#fields.field(
          "expiry",
          "Expires",
          { inputmode: "numeric", autocomplete: "cc-exp", placeholder: "MM / YY" },
          expiry,
        ),
        this.#fields.field(
          "cvc",
          "Security code",
          { inputmode: "numeric", autocomplete: "cc-csc", placeholder: "CVC" },
          (text) => digitsOf(text).slice(0, 4),
        ),
      ),
      h(
        "details",
        { class: "test-cards", hidden: cards.length === 0 },
        h("summary", {}, "Sandbox: no money moves. Choose a test card"),
        h(
          "div",
          { class: "chips" },
          cards.map((card) =>
            h("button", { type: "button", class: "chip", onclick: () => this.#fill(card) }, card.label),
          ),
        ),
      ),
    );
  }

  /** Stripe's form needs the amount and the theme; these fields don't. */
  show() {}

  /** The first control to correct, or null. */
  check() {
    const number = digitsOf(this.#fields.value("number"));
    return (
      [
        this.#fields.complain(
          "number",
          this.#chosen ? "" : number ? "The sandbox only knows its test cards." : "Enter a card number.",
        ),
        this.#fields.complain(
          "expiry",
          isFuture(this.#fields.value("expiry")) ? "" : "Enter a date in the future, MM / YY.",
        ),
        this.#fields.complain("cvc", this.#fields.value("cvc").length >= 3 ? "" : "3 or 4 digits."),
      ].find(Boolean) ?? null
    );
  }

  /** The token of the card. */
  async method() {
    return this.#chosen.token;
  }

  /** Clears the card. */
  clear() {
    for (const name of NAMES) this.#fields.input(name).value = "";
  }

  get #chosen() {
    return this.#cards.find(({ number }) => digitsOf(number) === digitsOf(this.#fields.value("number")));
  }

  #fill(card) {
    this.#fields.input("number").value = grouped(card.number);
    this.#fields.input("expiry").value = expiry(`12${(new Date(serverNow()).getUTCFullYear() + 2) % 100}`);
    this.#fields.input("cvc").value = "123";
    for (const name of NAMES) this.#fields.complain(name, "");
    this.element.querySelector(".test-cards").open = false;
  }
}
