// Who pays, where it goes, and with what: the details are asked for here, the payment method by the provider's card form.
import { h } from "./dom.js";
import { Fields } from "./fields.js";
import { SandboxCard } from "./sandbox-card.js";
import { StripeCard } from "./stripe-card.js";

/** The form; `onSubmit({payment_method, delivery, save})` only with valid details, once per tap; it resolves to whether the shop took it. */
export class PayForm {
  #fields = new Fields();
  #card;
  #needsAddress;
  #onSubmit;
  #label = "";
  #isReady = true;
  #isBusy = false;
  #authorised = null; // a wallet's token that isn't used yet: details are missing, or the shop didn't take it

  /** config: what /v1/config says. delivery: what is known of the buyer. onEscape(): the sheet is to close. */
  constructor({ config, needsAddress, delivery, onSubmit, onEscape }) {
    this.#needsAddress = needsAddress;
    this.#onSubmit = onSubmit;
    this.#card = config.publishable_key
      ? new StripeCard({ needsAddress, onEscape, onExpress: (wallet) => this.#authorisedBy(wallet), onChange: (isReady) => { this.#isReady = isReady; this.#draw(); } })
      : new SandboxCard(config.sandbox_cards);
    this.submit = h("button", { type: "submit", class: "primary", part: "pay-button" });
    this.save = h("input", { type: "checkbox", name: "save", onchange: () => this.#card.show({ save: this.save.checked }) });
    this.problem = h("p", { class: "error", role: "alert" });
    this.element = h("form", { novalidate: true, part: "form", onsubmit: (event) => this.#submitted(event) },
      this.#card.element,
      h("fieldset", {}, h("legend", {}, needsAddress ? "Delivery" : "Your details"),
        this.#fields.field("name", "Name", { autocomplete: "name", value: delivery?.name, maxlength: 200 }),
        this.#fields.field("email", "E-mail", { type: "email", inputmode: "email", autocomplete: "email", value: delivery?.email, maxlength: 254 }),
        needsAddress && this.#fields.field("address", "Address", { autocomplete: "street-address", value: delivery?.address, maxlength: 500 }, null, "textarea")),
      h("label", { class: "choice" }, this.save, h("span", {}, "Save for one-tap ", h("small", {}, "Next time a single tap pays, in every post of this shop."))),
      this.problem, this.submit);
  }

  /** What the form, which is on the page by now, is for. `later`: the method is only saved today. */
  show({ label, amountMinor, currency, later }) {
    this.#label = label;
    this.#card.show({ amountMinor, currency, later, save: this.save.checked });
    this.#draw();
  }

  /** Another card, please: keeps the rest. */
  clearCard() {
    this.#authorised = null;
    this.#card.clear();
  }

  #draw() {
    this.submit.textContent = this.#isBusy ? "One moment…" : this.#label;
    this.submit.disabled = this.#isBusy || !this.#isReady;
  }

  get #delivery() {
    return { name: this.#fields.value("name"), email: this.#fields.value("email"), address: this.#fields.value("address") };
  }

  /** Points at what is wrong with the details; the first control to correct, or null. */
  #wrongDetail() {
    const email = this.#fields.input("email");
    return [
      this.#fields.complain("name", this.#fields.value("name") ? "" : "Enter your name."),
      this.#fields.complain("email", email.value && email.validity.valid ? "" : "Enter an e-mail address."),
      this.#needsAddress ? this.#fields.complain("address", this.#fields.value("address") ? "" : "Where shall it go?") : null,
    ].find(Boolean) ?? null;
  }

  #submitted(event) {
    event.preventDefault();
    if (this.#isBusy || !this.#isReady) return;
    this.#working(async () => {
      const wrongCard = this.#authorised ? null : this.#card.check();
      const wrong = [wrongCard, this.#wrongDetail()].find(Boolean);
      if (!wrong) return this.#send(this.#authorised ?? await this.#card.method(this.#delivery));
      wrong.focus();
      if (!wrongCard && !this.#authorised) await this.#card.method(null);
    });
  }

  /** What a wallet was authorised for, completed by what is typed here; true when it can be used. */
  async #authorisedBy({ payment_method: method, delivery }) {
    if (this.#isBusy) return false;
    for (const [name, value] of Object.entries(delivery)) this.#fields.fill(name, value);
    this.#authorised = method;
    const wrong = this.#wrongDetail();
    if (wrong) {
      this.problem.textContent = "Your wallet didn’t tell everything. Complete your details, then pay.";
      wrong.focus();
    } else this.#working(() => this.#send(method));
    return true;
  }

  async #send(method) {
    const isTaken = await this.#onSubmit({ payment_method: method, delivery: this.#delivery, save: this.save.checked });
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
