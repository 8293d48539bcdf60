// Card and delivery details. A card number is mapped to the sandbox's token right here and goes nowhere else.
import { constant } from "./api.js";
import { h } from "./dom.js";

const digitsOf = (text) => text.replace(/\D/g, "");
const grouped = (text) => digitsOf(text).slice(0, 19).replace(/(\d{4})(?=\d)/g, "$1 ");

function expiry(text) {
  const digits = digitsOf(text).slice(0, 4);
  return digits.length > 2 ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : digits;
}

function isFuture(text) {
  const digits = digitsOf(text);
  const month = Number(digits.slice(0, 2));
  const now = new Date();
  return digits.length === 4 && month >= 1 && month <= 12 && new Date(2000 + Number(digits.slice(2)), month) > now;
}

/** The form; `onSubmit({payment_method, delivery, save})` only with valid details. */
export class PayForm {
  #fields = {};
  #cards = [];
  #needsAddress;
  #onSubmit;

  constructor({ needsAddress, delivery, onSubmit }) {
    this.#needsAddress = needsAddress;
    this.#onSubmit = onSubmit;
    this.submit = h("button", { type: "submit", class: "primary", part: "pay-button" });
    this.save = h("input", { type: "checkbox", name: "save" });
    this.testCards = h("div", { class: "test-cards", hidden: true });
    this.element = h("form", { novalidate: true, part: "form", onsubmit: (event) => this.#submitted(event) },
      h("fieldset", {}, h("legend", {}, "Card"),
        this.#field("number", "Card number", { inputmode: "numeric", autocomplete: "cc-number", placeholder: "1234 1234 1234 1234" }, grouped),
        h("div", { class: "pair" },
          this.#field("expiry", "Expires", { inputmode: "numeric", autocomplete: "cc-exp", placeholder: "MM / YY" }, expiry),
          this.#field("cvc", "Security code", { inputmode: "numeric", autocomplete: "cc-csc", placeholder: "CVC" }, (text) => digitsOf(text).slice(0, 4))),
        this.testCards),
      h("fieldset", {}, h("legend", {}, needsAddress ? "Delivery" : "Your details"),
        this.#field("name", "Name", { autocomplete: "name", value: delivery?.name, maxlength: 200 }),
        this.#field("email", "E-mail", { type: "email", inputmode: "email", autocomplete: "email", value: delivery?.email, maxlength: 254 }),
        needsAddress && this.#field("address", "Address", { autocomplete: "street-address", value: delivery?.address, maxlength: 500 }, null, "textarea")),
      h("label", { class: "choice" }, this.save, h("span", {}, "Save for one-tap ", h("small", {}, "Next time a single tap pays, in every post of this shop."))),
      this.submit);
    constant("/v1/config").then((config) => this.#offer(config.sandbox_cards ?? []), () => {});
  }

  set payLabel(text) {
    this.submit.textContent = text;
  }

  /** Another card, please: keeps the rest. */
  clearCard() {
    for (const name of ["number", "expiry", "cvc"]) this.#fields[name].input.value = "";
  }

  #field(name, label, attributes, format = null, tag = "input") {
    const hint = `${name}-error`;
    const input = h(tag, { id: name, name, "aria-describedby": hint, required: true, ...(tag === "textarea" && { rows: 3 }), ...attributes });
    if (tag === "textarea") input.value = attributes.value ?? "";
    const error = h("span", { id: hint, class: "error", role: "alert" });
    input.addEventListener("input", () => {
      if (format && input.selectionStart === input.value.length) input.value = format(input.value);
      this.#complain(name, "");
    });
    this.#fields[name] = { input, error };
    return h("div", { class: "field" }, h("label", { for: name }, label), input, error);
  }

  #offer(cards) {
    this.#cards = cards;
    this.testCards.hidden = cards.length === 0;
    this.testCards.replaceChildren(
      h("p", { class: "note" }, "Sandbox: no money moves. Test cards:"),
      ...cards.map((card) => h("button", { type: "button", class: "chip", onclick: () => this.#fill(card) }, card.label)),
    );
  }

  #fill(card) {
    this.#fields.number.input.value = grouped(card.number);
    this.#fields.expiry.input.value = expiry(`12${(new Date().getFullYear() + 2) % 100}`);
    this.#fields.cvc.input.value = "123";
    for (const name of ["number", "expiry", "cvc"]) this.#complain(name, "");
  }

  #complain(name, message) {
    const { input, error } = this.#fields[name];
    error.textContent = message;
    input.toggleAttribute("aria-invalid", Boolean(message));
    if (message) input.setAttribute("aria-invalid", "true");
    return message ? input : null;
  }

  #submitted(event) {
    event.preventDefault();
    const value = (name) => this.#fields[name]?.input.value.trim() ?? "";
    const card = this.#cards.find(({ number }) => digitsOf(number) === digitsOf(value("number")));
    const email = this.#fields.email.input;
    const wrong = [
      this.#complain("number", card ? "" : digitsOf(value("number")) ? "The sandbox only knows its test cards." : "Enter a card number."),
      this.#complain("expiry", isFuture(value("expiry")) ? "" : "Enter a date in the future, MM / YY."),
      this.#complain("cvc", value("cvc").length >= 3 ? "" : "3 or 4 digits."),
      this.#complain("name", value("name") ? "" : "Enter your name."),
      this.#complain("email", email.value && email.validity.valid ? "" : "Enter an e-mail address."),
      this.#needsAddress ? this.#complain("address", value("address") ? "" : "Where shall it go?") : null,
    ].find(Boolean);
    if (wrong) {
      wrong.focus();
      return;
    }
    const delivery = { name: value("name"), email: value("email"), address: value("address") };
    this.#onSubmit({ payment_method: card.token, delivery, save: this.save.checked });
  }
}
