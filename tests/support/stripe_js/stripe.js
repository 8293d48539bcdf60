// A stand-in for Stripe.js, held to what docs.stripe.com/js documents for the deferred flow (names and rules as in the types of
// stripe-js 9.13): an option or an order of calls that isn't documented is an error here too. It records what it was asked.
(() => {
  const WALLET = /* the test's wallet */ null;
  const GROUP_OPTIONS = ["mode", "amount", "currency", "captureMethod", "setupFutureUsage", "paymentMethodTypes", "paymentMethodCreation", "appearance", "locale"];
  const UPDATES = GROUP_OPTIONS.filter((name) => name !== "paymentMethodCreation");
  const ELEMENT_OPTIONS = {
    payment: ["layout", "fields", "wallets", "terms", "defaultValues", "paymentMethodOrder", "business", "readOnly"],
    expressCheckout: ["paymentMethods", "emailRequired", "billingAddressRequired", "phoneNumberRequired", "shippingAddressRequired", "shippingRates", "buttonHeight", "buttonTheme", "buttonType", "layout", "business", "lineItems"],
  };
  const EVENTS = {
    payment: ["ready", "change", "focus", "blur", "escape", "loaderror", "loaderstart"],
    expressCheckout: ["ready", "click", "confirm", "cancel", "escape", "loaderror", "shippingaddresschange", "shippingratechange"],
  };
  const METHODS = { 4242424242424242: "pm_card_visa", 4000000000000002: "pm_card_chargeDeclined", 4000002760003184: "pm_card_authenticationRequired" };

  const calls = (window.stripeCalls = []);
  const record = (call, options) => calls.push({ call, ...structuredClone(options) });
  class IntegrationError extends Error { name = "IntegrationError"; }
  const insist = (holds, message) => { if (!holds) throw new IntegrationError(message); };
  const onlyKnown = (options, known) => Object.keys(options).forEach((name) => insist(known.includes(name), `Unrecognized option: ${name}`));

  function checkTerms({ mode, amount, currency, captureMethod, setupFutureUsage }) {
    insist(["payment", "setup", "subscription"].includes(mode), `Invalid mode: ${mode}`);
    insist(mode === "setup" || (Number.isInteger(amount) && amount > 0), `Invalid amount: ${amount}`);
    insist(/^[a-z]{3}$/.test(currency), `Invalid currency: ${currency}`);
    insist([undefined, "manual", "automatic", "automatic_async"].includes(captureMethod), `Invalid captureMethod: ${captureMethod}`);
    insist([undefined, null, "off_session", "on_session"].includes(setupFutureUsage), `Invalid setupFutureUsage: ${setupFutureUsage}`);
  }

  class Element {
    handlers = {};
    entered = {};
    constructor(type, options, group) { Object.assign(this, { type, options, group }); }
    on(name, handler) {
      insist(EVENTS[this.type].includes(name), `Unknown event: ${name}`);
      (this.handlers[name] ??= []).push(handler);
      return this;
    }
    emit(name, event = {}) { for (const handler of this.handlers[name] ?? []) handler({ elementType: this.type, ...event }); }
    mount(place) {
      const node = typeof place === "string" ? document.querySelector(place) : place;
      insist(document.contains(node), "The element can't be mounted: there is no such node in the document.");
      record("mount", { type: this.type });
      this.frame = document.createElement("iframe");
      Object.assign(this.frame, { src: `https://js.stripe.com/stand-in/${this.type}.html`, title: this.type, allow: "payment *" });
      Object.assign(this.frame.style, { display: "block", width: "100%", border: "0", height: this.type === "payment" ? "176px" : "50px" });
      addEventListener("message", (message) => message.source === this.frame.contentWindow && this.heard(message.data));
      this.frame.addEventListener("load", () => { this.tell(); this.emit("ready", this.type === "payment" ? {} : { availablePaymentMethods: WALLET ? { applePay: true, googlePay: false, link: false } : undefined }); });
      node.append(this.frame);
    }
    tell(problem = "") { this.frame.contentWindow.postMessage({ appearance: this.group.options.appearance, problem }, "https://js.stripe.com"); }
    heard(data) {
      if (data.escape) this.emit("escape");
      else if (data.entered) Object.assign(this.entered, data.entered);
      else if (data.tapped) this.tapped();
    }
    tapped() {
      let resolved = false;
      this.emit("click", { expressPaymentType: "apple_pay", resolve: () => { resolved = true; }, reject: () => {} });
      setTimeout(() => {
        if (!resolved) return record("the wallet closes: click wasn't resolved in a second", {});
        this.confirming = true;
        const { shippingAddress, ...rest } = WALLET;
        const event = { expressPaymentType: "apple_pay", ...rest, ...(this.options.shippingAddressRequired && { shippingAddress }) };
        this.emit("confirm", { ...event, paymentFailed: (payload = {}) => record("paymentFailed", payload) });
      }, 50);
    }
  }

  class Elements {
    elements = {};
    submitted = false;
    constructor(options) {
      onlyKnown(options, GROUP_OPTIONS);
      checkTerms(options);
      this.options = options;
      record("elements", options);
    }
    create(type, options = {}) {
      insist(ELEMENT_OPTIONS[type] && !this.elements[type], `Can't create an Element of type ${type}`);
      onlyKnown(options, ELEMENT_OPTIONS[type]);
      insist(!options.shippingAddressRequired || options.shippingRates?.length, "shippingAddressRequired needs shippingRates");
      record("create", { type, options });
      return (this.elements[type] = new Element(type, options, this));
    }
    update(options) {
      onlyKnown(options, UPDATES);
      Object.assign(this.options, options);
      checkTerms(this.options);
      record("update", options);
      for (const element of Object.values(this.elements)) element.tell();
    }
    async submit() {
      record("submit", {});
      const { payment } = this.elements;
      if (payment && !METHODS[payment.entered.number]) {
        const error = { type: "validation_error", message: "Your card number is incomplete." };
        payment.tell(error.message);
        return { error };
      }
      this.submitted = true;
      return { selectedPaymentMethod: payment ? "card" : "apple_pay" };
    }
  }

  window.Stripe = (key) => {
    insist(/^pk_(test|live)_/.test(key), "Not a publishable key.");
    record("Stripe", { key });
    return {
      elements: (options) => new Elements(options),
      async createPaymentMethod({ elements, params = {} }) {
        insist(elements.options.paymentMethodCreation === "manual", "createPaymentMethod needs paymentMethodCreation: 'manual'");
        insist(elements.submitted, "elements.submit() must be called before createPaymentMethod()");
        elements.submitted = false;
        const { payment, expressCheckout } = elements.elements;
        insist(payment || expressCheckout?.confirming, "createPaymentMethod must be called in the confirm event");
        const hidden = Object.entries(payment?.options.fields?.billingDetails ?? {}).filter(([, shown]) => shown === "never");
        for (const [name] of hidden) insist(params.billing_details?.[name], `You specified never for ${name}, but gave no billing_details.${name}`);
        const answer = await fetch("https://api.stripe.com/v1/payment_methods", { method: "POST", body: payment ? METHODS[payment.entered.number] : "pm_card_applePay" });
        record("createPaymentMethod", { params });
        return { paymentMethod: { id: (await answer.json()).id, type: "card" } };
      },
    };
  };
})();
