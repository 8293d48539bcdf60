// Who pays, where the order goes, and with what: this form collects the details, the provider's card form the payment
// method.
import { h } from "./dom.js";
import { Fields } from "./fields.js";
import { savedLines } from "./parts.js";
import { SandboxCard } from "./sandbox-card.js";
import { StripeCard } from "./stripe-card.js";

/** Stands in for the card form when there is nothing to pay, or a saved card pays. */
class NoCard {
  element = null;
  show() {}
  check() {
    return null;
  }
  async method() {
    return null;
  }
  clear() {}
}

// The shop's own rule (bodies.py): a domain has a dot.
const EMAIL = "[^@\\s]+@[^@\\s.]+(\\.[^@\\s.]+)+";
const WHOLE_EMAIL = "Enter a whole e-mail address, such as anna@example.org.";
const SAVED = "Next time, one tap on the button opens your order and one more pays, in every post of this shop.";

/**
 * The form; `onSubmit({payment_method, delivery, save})` only with valid details, once per tap; it resolves to
 * whether the shop accepted it.
 */
export class PayForm {
  #fields = new Fields();
  #card;
  #needsAddress;
  #saved;
  #onSubmit;
  #label = "";
  #isReady = true;
  #isBusy = false;
  #authorised = null; // a wallet's token that isn't used yet: details are missing, or the shop didn't accept it

  /**
   * config: what /v1/config says. isFree: there is nothing to pay, so no card is requested. delivery: what is known
   * of the buyer. paysWithSaved: the saved card pays, for the person who saved it, so only the address is requested.
   * pressed(button, press): how a button that pays with it is made, if it takes more than a tap. alwaysSaves: what is
   * paid repeats, so the card is saved in any case. onEscape(): close the sheet.
   */
  constructor({
    config,
    isFree = false,
    needsAddress,
    delivery,
    paysWithSaved = false,
    pressed = null,
    alwaysSaves = false,
    onSubmit,
    onEscape,
  }) {
    this.#needsAddress = needsAddress;
    this.#saved = paysWithSaved ? delivery : null;
    this.#onSubmit = onSubmit;
    this.#card =
      isFree || paysWithSaved
        ? new NoCard()
        : config.publishable_key
          ? new StripeCard({
              needsAddress,
              onEscape,
              onExpress: (wallet) => this.#authorisedBy(wallet),
              onChange: (isReady) => {
                this.#isReady = isReady;
                this.#draw();
              },
            })
          : new SandboxCard(config.sandbox_cards);
    this.submit = h("button", { type: pressed ? "button" : "submit", class: "primary", part: "pay-button" });
    pressed?.(this.submit, () => this.element.requestSubmit());
    this.save = h("input", {
      type: "checkbox",
      name: "save",
      checked: alwaysSaves || paysWithSaved,
      onchange: () => this.#card.show({ save: this.save.checked }),
    });
    this.problem = h("p", { class: "error", role: "alert" });
    this.element = h(
      "form",
      { novalidate: true, part: "form", onsubmit: (event) => this.#submitted(event) },
      this.#card.element,
      h(
        "fieldset",
        {},
        h("legend", {}, needsAddress ? "Delivery address" : "Your details"),
        ...(paysWithSaved ? [savedLines(delivery)] : this.#person(delivery)),
        needsAddress &&
          this.#fields.field(
            "address",
            "Address",
            { autocomplete: "street-address", value: delivery?.address, maxlength: 500 },
            null,
            "textarea",
          ),
      ),
      !isFree &&
        (alwaysSaves
          ? h("p", { class: "muted small" }, "Your card is saved for the gifts that follow.")
          : h(
              "label",
              { class: "choice" },
              this.save,
              paysWithSaved
                ? h("span", {}, "Save this address for next time")
                : h("span", {}, "Save for one-tap payment ", h("small", {}, SAVED)),
            )),
      this.problem,
      this.submit,
    );
  }

  /** What the form, which is on the page by now, is for. `later`: the method is only saved today. */
  show({ label, amountMinor, currency, later }) {
    this.#label = label;
    this.#card.show({ amountMinor, currency, later, save: this.save.checked });
    this.#draw();
  }

  /** Clears the card and keeps the rest. */
  clearCard() {
    this.#authorised = null;
    this.#card.clear();
  }

  #draw() {
    this.submit.textContent = this.#isBusy ? "One moment…" : this.#label;
    this.submit.disabled = this.#isBusy || !this.#isReady;
  }

  #person(delivery) {
    return [
      this.#fields.field("name", "Name", { autocomplete: "name", value: delivery?.name, maxlength: 200 }),
      this.#fields.field("email", "E-mail", {
        type: "email",
        pattern: EMAIL,
        inputmode: "email",
        autocomplete: "email",
        value: delivery?.email,
        maxlength: 254,
      }),
    ];
  }

  get #delivery() {
    return {
      name: this.#saved?.name ?? this.#fields.value("name"),
      email: this.#saved?.email ?? this.#fields.value("email"),
      address: this.#fields.value("address"),
    };
  }

  /** Marks what is wrong with the details. Returns the first control to correct, or null. */
  #wrongDetail() {
    return (
      [
        ...(this.#saved ? [] : this.#wrongPerson()),
        this.#needsAddress
          ? this.#fields.complain("address", this.#fields.value("address") ? "" : "Enter a delivery address.")
          : null,
      ].find(Boolean) ?? null
    );
  }

  #wrongPerson() {
    const { value, validity } = this.#fields.input("email");
    return [
      this.#fields.complain("name", this.#fields.value("name") ? "" : "Enter your name."),
      this.#fields.complain("email", value ? (validity.valid ? "" : WHOLE_EMAIL) : "Enter an e-mail address."),
    ];
  }

  #submitted(event) {
    event.preventDefault();
    if (this.#isBusy || !this.#isReady) return;
    this.#working(async () => {
      const wrongCard = this.#authorised ? null : this.#card.check();
      const wrong = [wrongCard, this.#wrongDetail()].find(Boolean);
      if (!wrong) return this.#send(this.#authorised ?? (await this.#card.method(this.#delivery)));
      wrong.focus();
      if (!wrongCard && !this.#authorised) await this.#card.method(null);
    });
  }

  /** A wallet's authorisation, completed by what is typed here. Returns whether it can be used. */
  async #authorisedBy({ payment_method: method, delivery }) {
    if (this.#isBusy) return false;
    for (const [name, value] of Object.entries(delivery)) this.#fields.fill(name, value);
    this.#authorised = method;
    const wrong = this.#wrongDetail();
    if (wrong) {
      this.problem.textContent = "Your wallet didn’t share everything. Complete your details, then pay.";
      wrong.focus();
    } else this.#working(() => this.#send(method));
    return true;
  }

  async #send(method) {
    const isTaken = await this.#onSubmit({
      ...(method && { payment_method: method }),
      delivery: this.#delivery,
      save: this.save.checked,
    });
    if (isTaken) this.#authorised = null;
  }

  async #working(work) {
    this.#isBusy = true;
    this.problem.textContent = "";
    this.#draw();
    try {
      await work();
    } catch (error) {
      this.problem.textContent = error.message;
    } finally {
      this.#isBusy = false;
      this.#draw();
    }
  }
}
