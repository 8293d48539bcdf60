// Stripe's elements, in a frame of the checkout sheet: Apple Pay, Google Pay and Link above the card form. What the
// buyer enters goes to Stripe; the sheet receives a payment method's token. This page knows neither the buyer nor the
// order.
import { STRIPE_MORE_DECIMALS } from "./buystream/currencies.js";
import { answer, ask } from "./buystream/ports.js";

const STRIPE_JS = "https://js.stripe.com/dahlia/stripe.js";
const TYPES = ["card", "link"];
const EXPRESS = {
  applePay: "auto",
  googlePay: "auto",
  link: "auto",
  amazonPay: "never",
  paypal: "never",
  klarna: "never",
};
const POST_FREE = [{ id: "included", displayName: "Delivery included", amount: 0 }];

const form = document.getElementById("payment-form");
const express = document.getElementById("express");
const or = document.getElementById("or");
const card = document.getElementById("card");
let sheet = null;
let stripe = null;
let groups = null;

addEventListener("message", ({ data, source, origin, ports: [port] }) => {
  if (source !== parent || origin !== location.origin) return; // the sheet is the shop's own, on whatever page
  if (data?.buystream !== "show" || !port || sheet) return;
  sheet = port;
  answer(sheet, { show, method });
  begin(data);
});

async function begin(wanted) {
  dress(wanted.theme);
  try {
    await load();
  } catch {
    return ask(sheet, { ask: "blocked" });
  }
  try {
    stripe = window.Stripe(form.dataset.key);
    const options = {
      ...terms(wanted),
      appearance: appearance(wanted.theme),
      paymentMethodTypes: TYPES,
      paymentMethodCreation: "manual",
    };
    groups = { express: stripe.elements(options), card: stripe.elements(options) };
    if (wanted.hasWallets) mountExpress(wanted);
    mountCard();
  } catch (error) {
    ask(sheet, { ask: "blocked", problem: `Stripe’s payment form could not start. ${error.message}` });
  }
  new ResizeObserver(() =>
    ask(sheet, { ask: "height", pixels: Math.ceil(form.getBoundingClientRect().height) }),
  ).observe(form);
}

function load() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = STRIPE_JS;
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}

/** The payment as it will be made; for what is charged later, only the saving of a method. */
function terms({ amountMinor, currency, save, later }) {
  const common = { currency: currency.toLowerCase() };
  if (later) return { mode: "setup", ...common };
  const amount = amountMinor * 10 ** (STRIPE_MORE_DECIMALS[currency] ?? 0);
  return { mode: "payment", amount, captureMethod: "manual", setupFutureUsage: save ? "off_session" : null, ...common };
}

function mountExpress({ needsAddress }) {
  const element = groups.express.create("expressCheckout", {
    paymentMethods: EXPRESS,
    emailRequired: true,
    billingAddressRequired: true,
    ...(needsAddress && { shippingAddressRequired: true, shippingRates: POST_FREE }),
  });
  element.on("ready", ({ availablePaymentMethods: some }) => {
    express.hidden = or.hidden = !some;
  });
  element.on("loaderror", () => {
    express.hidden = true;
  });
  element.on("click", (event) => event.resolve());
  element.on("shippingaddresschange", (event) => event.resolve());
  element.on("shippingratechange", (event) => event.resolve());
  element.on("escape", () => ask(sheet, { ask: "escape" }));
  element.on("confirm", authorised);
  element.mount("#express-buttons");
}

function mountCard() {
  const element = groups.card.create("payment", {
    layout: { type: "accordion", radios: "never", spacedAccordionItems: false },
    fields: { billingDetails: { name: "never", email: "never" } }, // the sheet asks for them
    wallets: { applePay: "never", googlePay: "never" }, // they are above
  });
  element.on("ready", () => ask(sheet, { ask: "ready" }));
  element.on("loaderror", ({ error }) => ask(sheet, { ask: "blocked", problem: error.message }));
  element.on("escape", () => ask(sheet, { ask: "escape" }));
  element.mount(card);
}

/** A wallet says yes: its token, and what it knows of its owner, go to the sheet. */
async function authorised(event) {
  const { payment_method, problem } = await token(groups.express, {});
  const isUsed = payment_method && (await ask(sheet, { ask: "express", payment_method, delivery: delivery(event) }));
  if (!isUsed) event.paymentFailed({ reason: "fail", ...(problem && { message: problem }) });
}

function delivery({ billingDetails, shippingAddress }) {
  const { line1, line2, postal_code: code, city, state, country } = shippingAddress?.address ?? {};
  return {
    name: shippingAddress?.name || billingDetails?.name || "",
    email: billingDetails?.email || "",
    address: country && { country, street: [line1, line2].filter(Boolean), city, region: state, postal_code: code },
  };
}

/** The sheet's questions. */
function show(wanted) {
  dress(wanted.theme);
  for (const group of Object.values(groups)) group.update({ ...terms(wanted), appearance: appearance(wanted.theme) });
}

async function method({ delivery: to }) {
  return token(groups.card, to && { billing_details: { name: to.name, email: to.email } });
}

/** {payment_method} or {problem}; without `params` only a look at whether everything is there. */
async function token(elements, params) {
  try {
    const { error: incomplete } = await elements.submit();
    if (incomplete) return { problem: incomplete.message };
    if (!params) return {};
    const { error, paymentMethod } = await stripe.createPaymentMethod({ elements, params });
    return error ? { problem: error.message } : { payment_method: paymentMethod.id };
  } catch (error) {
    return { problem: `Stripe’s form didn’t answer. ${error.message}` };
  }
}

function dress({ surface, soft, line, font, isDark }) {
  const root = document.documentElement.style;
  root.colorScheme = isDark ? "dark" : "light"; // the frame's own, or a browser puts a white sheet behind it
  for (const [name, value] of Object.entries({ surface, soft, line, font })) root.setProperty(`--${name}`, value);
}

function appearance({ accent, surface, ink, soft, line, fill, bad, good, font, isDark }) {
  return {
    theme: isDark ? "night" : "stripe",
    variables: {
      colorPrimary: accent,
      colorBackground: surface,
      colorText: ink,
      colorTextSecondary: soft,
      colorTextPlaceholder: soft,
      colorDanger: bad,
      colorSuccess: good,
      fontFamily: font,
      fontSizeBase: "16px",
      borderRadius: "12px",
      spacingUnit: "4px",
    },
    rules: {
      ".Input": { borderColor: soft, boxShadow: "none" },
      ".AccordionItem": { borderColor: line, boxShadow: "none" },
      ".AccordionItem:hover": { backgroundColor: fill },
    },
  };
}

addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && sheet) ask(sheet, { ask: "escape" });
});
