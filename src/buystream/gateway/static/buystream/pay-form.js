// Who pays, where the order goes, and with what: this form collects the details, the provider's card form the payment
// method.
import { AddressForm } from "./address-form.js";
import { h } from "./dom.js";
import { EMAIL, EMAIL_CHARS_MAX } from "./email-address.js";
import { Fields } from "./fields.js";
import { chosenWay } from "./delivery-choice.js";
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

const WHOLE_EMAIL = "Enter a whole e-mail address, such as anna@example.org.";
const SAVED = "Next time, one tap on the button opens your order and one more pays, in every post of this shop.";

/**
 * The form; `onSubmit({payment_method, delivery, save})` only with valid details, once per tap; it resolves to
 * whether the shop accepted it.
 */
export class PayForm {
  #fields = new Fields();
  #card;
  #address = null; // the form of it
  #choice = null; // how it is delivered, where that has prices
  #saved;
  #onSubmit;
  #label = () => "";
  #goods = null; // {amountMinor, currency, later}: what is paid beside delivery
  #isReady = true;
  #isBusy = false;
  #authorised = null; // a wallet's token that isn't used yet: details are missing, or the shop didn't accept it

  /**
   * config: what /v1/config says. isFree: there is nothing to pay, so no card is requested. delivery: what is
   * known of the buyer. choice: a function that makes the choice of delivery, where it has prices. usual: the seller's
   * country. paysWithSaved: the saved card pays, for the person who saved it, so only the address is requested.
   * pressed(button, press): how a button that pays with it is made, if it takes more than a tap. alwaysSaves: what is
   * paid repeats, so the card is saved in any case. onEscape(): close the sheet.
   */
  constructor({
    config,
    isFree = false,
    needsAddress,
    choice = null,
    usual = "",
    delivery,
    paysWithSaved = false,
    pressed = null,
    alwaysSaves = false,
    onSubmit,
    onEscape,
  }) {
    this.#choice = choice?.(() => this.#priced()) ?? null;
    this.#address = needsAddress
      ? new AddressForm({ known: delivery?.address, usual, onCountry: (country) => this.#choice?.show(country) })
      : null;
    this.#saved = paysWithSaved ? delivery : null;
    this.#onSubmit = onSubmit;
    this.#card =
      isFree || paysWithSaved
        ? new NoCard()
        : config.publishable_key
          ? new StripeCard({
              needsAddress,
              hasWallets: !choice, // they name a price before the sheet knows how it is delivered
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
        this.#address?.element,
      ),
      this.#choice?.element,
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

  /** What the form, which is on the page by now, is for: `label(totalMinor)` is the button's. `later`: the method is
   * only saved today. */
  show({ label, amountMinor, currency, later }) {
    this.#label = label;
    this.#goods = { amountMinor, currency, later };
    this.#priced();
  }

  /** What is to be paid is another amount now. */
  #priced() {
    if (!this.#goods) return;
    const { currency, later } = this.#goods;
    const amountMinor = this.#totalMinor;
    if (amountMinor || later) this.#card.show({ amountMinor, currency, later, save: this.save.checked });
    if (this.#card.element) this.#card.element.hidden = this.#isFree;
    if (this.#address) this.#address.place.hidden = !this.#isSent;
    this.#draw();
  }

  get #totalMinor() {
    return this.#choice?.chosen?.total_minor ?? this.#goods.amountMinor;
  }

  /** Nothing is paid for what was chosen. */
  get #isFree() {
    return Boolean(this.#choice?.chosen) && !this.#totalMinor;
  }

  /** Whether it goes to an address. */
  get #isSent() {
    return Boolean(this.#address) && (this.#choice?.chosen?.needs_address ?? true);
  }

  /** Clears the card and keeps the rest. */
  clearCard() {
    this.#authorised = null;
    this.#card.clear();
  }

  #draw() {
    const isPriced = !this.#choice || this.#choice.chosen;
    const words = isPriced ? this.#label(this.#totalMinor) : "Choose delivery";
    this.submit.textContent = this.#isBusy ? "One moment…" : words;
    this.submit.disabled = this.#isBusy || !(this.#isReady || this.#isFree) || !isPriced;
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
        maxlength: EMAIL_CHARS_MAX,
      }),
    ];
  }

  get #delivery() {
    return {
      name: this.#saved?.name ?? this.#fields.value("name"),
      email: this.#saved?.email ?? this.#fields.value("email"),
      ...(this.#isSent && { address: this.#address.value }),
    };
  }

  /** Marks what is wrong with the details. Resolves to the first control to correct, or null. */
  async #wrongDetail() {
    const wrongs = [...(this.#saved ? [] : this.#wrongPerson()), this.#isSent ? await this.#address.check() : null];
    return wrongs.find(Boolean) ?? null;
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
    if (this.#isBusy || this.submit.disabled) return;
    this.#working(async () => {
      const isAuthorised = Boolean(this.#authorised) || this.#isFree;
      const wrongCard = isAuthorised ? null : this.#card.check();
      const wrong = [wrongCard, await this.#wrongDetail()].find(Boolean);
      if (!wrong) return this.#send(isAuthorised ? this.#authorised : await this.#card.method(this.#delivery));
      wrong.focus();
      if (!wrongCard && !isAuthorised) await this.#card.method(null);
    });
  }

  /** A wallet's authorisation, completed by what is typed here. Returns whether it can be used. */
  async #authorisedBy({ payment_method: method, delivery }) {
    if (this.#isBusy) return false;
    for (const name of ["name", "email"]) this.#fields.fill(name, delivery[name]);
    if (delivery.address) await this.#address?.fill(delivery.address);
    this.#authorised = method;
    const wrong = await this.#wrongDetail();
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
      ...(this.#choice && chosenWay(this.#choice.chosen)),
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
