// How much to give, and how often: suggested amounts, one of the giver's own within the bounds, once or again and
// again.
import { isPledge } from "./campaign.js";
import { h } from "./dom.js";
import { minorDigits, parseMoney, shortMoney, whyNotCharge } from "./money.js";
import { everyWords, wordsOf } from "./words.js";

const OFTEN = { 1: "Monthly", 12: "Yearly" }; // of the months that the shop allows: more choice than this is none

export class AmountForm {
  #board;
  #onChosen;

  /** onChosen({amountMinor, months}): `months` 0 means once. */
  constructor({ board, onChosen }) {
    const { currency, suggested_minor: suggested } = board;
    this.#board = board;
    this.#onChosen = onChosen;
    this.own = h("input", {
      id: "own",
      name: "own",
      inputmode: minorDigits(currency) ? "decimal" : "numeric",
      autocomplete: "off",
      placeholder: "Other amount",
      "aria-label": "Other amount",
      "aria-describedby": "own-error",
      oninput: () => this.#ownTyped(),
    });
    this.error = h("span", { class: "error", id: "own-error", role: "alert" });
    this.give = h("button", { type: "submit", class: "primary", part: "amount-button" });
    this.often = h("div", { class: "how-often" });
    const choices = suggested.map((minor, index) =>
      h(
        "label",
        { class: "amount" },
        h("input", {
          type: "radio",
          name: "amount",
          value: minor,
          checked: index === Math.min(1, suggested.length - 1),
          onchange: () => {
            this.own.value = "";
            this.#draw();
          },
        }),
        h("span", {}, shortMoney(minor, currency)),
      ),
    );
    this.element = h(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submitted(event) },
      this.often,
      h(
        "div",
        { class: "amounts", role: "radiogroup", "aria-labelledby": "screen-title" },
        choices,
        h("div", { class: "field own" }, this.own),
      ),
      this.error,
      this.give,
    );
    const months = board.recurring_months.filter((each) => each in OFTEN);
    if (months.length) this.#offer(months);
    this.#draw();
  }

  #offer(months) {
    const choice = (value, text) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "often", value, checked: value === 0, onchange: () => this.#draw() }),
        h("span", {}, text),
      );
    this.often.append(
      h(
        "div",
        { class: "often", role: "radiogroup", "aria-label": "How often" },
        choice(0, "Once"),
        ...months.map((each) => choice(each, OFTEN[each])),
      ),
    );
  }

  get #amountMinor() {
    if (this.own.value.trim()) return parseMoney(this.own.value, this.#board.currency);
    const chosen = this.element.elements.amount?.value;
    return chosen ? Number(chosen) : null;
  }

  get #months() {
    return Number(this.element.elements.often?.value ?? 0);
  }

  #ownTyped() {
    for (const radio of this.element.querySelectorAll("[name=amount]")) radio.checked = false;
    this.#draw();
  }

  #draw() {
    const minor = this.#amountMinor;
    const words = [
      isPledge(this.#board) ? "Pledge" : wordsOf(this.#board.kind).act,
      minor && shortMoney(minor, this.#board.currency),
      this.#months && everyWords(this.#months).toLowerCase(),
    ];
    this.error.textContent = "";
    this.give.textContent = words.filter(Boolean).join(" ");
  }

  #submitted(event) {
    event.preventDefault();
    const { price_min_minor: min, price_max_minor: max, currency } = this.#board;
    const minor = this.#amountMinor;
    const isWithin = minor !== null && minor >= min && minor <= max;
    const wrong = isWithin
      ? whyNotCharge(minor, currency) || (this.#months && !minor && "A gift that repeats needs an amount.")
      : `Choose an amount from ${shortMoney(min, currency)} to ${shortMoney(max, currency)}.`;
    if (!wrong) return this.#onChosen({ amountMinor: minor, months: this.#months });
    this.error.textContent = wrong;
    this.own.focus();
  }
}
