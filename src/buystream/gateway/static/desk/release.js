// The form that releases a new edition: a fixed price, or for gifts a range with suggestions and perhaps a target.
import { h } from "../buystream/dom.js";
import { parseMoney } from "../buystream/money.js";
import { ask, field } from "./ask.js";

const CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK"];
const KINDS = [["ticket", "Tickets"], ["record", "Limited release"], ["gift", "Gift, any amount"], ["item", "Shop item"]];
const MISSED = [["keep", "Keep what was given"], ["void", "All or nothing: nobody pays"], ["choose", "All or nothing: givers may choose another project"]];
const RETURNS = [["merchant", "Only you can refund"], ["buyer", "The buyer too, before it is shipped"]];

export function askRelease({ call, say, currency }) {
  const currencies = [currency, ...CURRENCIES.filter((each) => each !== currency)];
  const priceFields = {
    fixed: [field("price", "Price", { inputmode: "decimal", required: true, placeholder: "24.00" })],
    range: [
      field("least", "Smallest gift", { inputmode: "decimal", required: true, placeholder: "1" }), field("most", "Largest gift", { inputmode: "decimal", required: true, placeholder: "5000" }),
      field("suggested", "Suggested amounts", { placeholder: "5 15 50", hint: "Up to six, with spaces between", wide: true }),
      field("target", "Target", { inputmode: "decimal", placeholder: "10000", hint: "Empty: no campaign" }),
      field("missed", "When the target is missed, at the closing time", { options: MISSED, wide: true }),
    ],
  };
  const fields = [
    field("title", "Title", { required: true, maxlength: 120, wide: true }),
    field("description", "Description", { rows: 3, maxlength: 1000, wide: true }),
    field("kind", "Kind", { options: KINDS }),
    field("currency", "Currency", { options: currencies.map((each) => [each, each]) }),
    ...priceFields.fixed, ...priceFields.range,
    field("stock", "Stock", { type: "number", min: 1, max: 1_000_000, step: 1, hint: "Empty: unlimited" }),
    field("limit", "Limit per buyer", { type: "number", min: 1, max: 100, step: 1, value: 4, required: true }),
    field("opens", "Opens", { type: "datetime-local", hint: "Empty: at once" }),
    field("closes", "Closes", { type: "datetime-local", hint: "Empty: never" }),
    field("hold", "Hold, in minutes", { type: "number", min: 1, max: 60, step: 1, value: 10, required: true }),
    field("address", "Needs a delivery address", { type: "checkbox" }),
    h("details", { class: "ask-more" }, h("summary", {}, "Tax and refunds"), h("div", { class: "ask-fields" },
      field("tax", "Included tax, in %", { inputmode: "decimal", placeholder: "19" }), field("taxlabel", "Name of the tax", { maxlength: 40, placeholder: "VAT" }),
      field("returns", "Who may give it back", { options: RETURNS }), field("share", "Share given back, in %", { type: "number", min: 1, max: 100, step: 1, value: 100 }),
      field("until", "Returns until", { type: "datetime-local", hint: "Empty: until it is shipped" }), field("resell", "What comes back goes on sale again", { type: "checkbox", checked: true }))),
  ];
  ask({
    title: "Release an edition", confirm: "Release", fields,
    act: async (form, key) => {
      const edition = await call("POST", "/v1/merchant/editions", terms(form), key);
      say(`${edition.title} is released.`);
    },
  });
  const kind = document.getElementById("ask-kind");
  const choose = () => {
    for (const [name, each] of Object.entries(priceFields)) {
      for (const wrapper of each) {
        wrapper.hidden = (name === "range") !== (kind.value === "gift");
        wrapper.querySelector("input, select").disabled = wrapper.hidden;
      }
    }
  };
  kind.addEventListener("change", choose);
  choose();
}

function amount(text, currency) {
  const minor = parseMoney(text, currency);
  if (minor === null || minor <= 0) throw new Error(`“${text}” isn’t an amount of ${currency}.`);
  return minor;
}

function basisPoints(text) {
  const percent = Number(text.replace(",", "."));
  if (!(percent >= 0 && percent <= 100)) throw new Error(`“${text}” isn’t a percentage.`);
  return Math.round(percent * 100);
}

/** A target, and what happens when it is missed; nothing for what is no campaign. */
function campaign(form, currency) {
  if (form.kind.value !== "gift" || !form.target.value.trim()) return {};
  const allOrNothing = form.missed.value !== "keep";
  if (allOrNothing && !form.closes.value) throw new Error("All or nothing needs a closing time: that is when it is decided.");
  return { target_minor: amount(form.target.value, currency), all_or_nothing: allOrNothing, if_missed: form.missed.value === "choose" ? "choose" : "void" };
}

function refundRule(form) {
  const restock = form.resell.checked;
  if (form.returns.value === "merchant") return { by: "merchant", restock };
  return { by: "buyer", until_ms: moment(form.until), share_bps: Number(form.share.value) * 100, restock };
}

const moment = (control) => (control.value ? new Date(control.value).getTime() : null);

function terms(form) {
  const currency = form.currency.value;
  const isGift = form.kind.value === "gift";
  const least = amount((isGift ? form.least : form.price).value, currency);
  const most = isGift ? amount(form.most.value, currency) : least;
  const opens = moment(form.opens);
  const closes = moment(form.closes);
  if (most < least) throw new Error("The largest gift is below the smallest.");
  if (opens && closes && closes <= opens) throw new Error("It would close before it opens.");
  return {
    title: form.title.value.trim(), description: form.description.value.trim(), kind: form.kind.value, image: form.kind.value, currency,
    price_min_minor: least, price_max_minor: most,
    suggested_minor: isGift ? form.suggested.value.split(/\s+/).filter(Boolean).slice(0, 6).map((text) => amount(text, currency)) : [],
    stock: form.stock.value ? Number(form.stock.value) : null, limit_per_buyer: Number(form.limit.value), hold_seconds: Number(form.hold.value) * 60,
    opens_at_ms: opens, closes_at_ms: closes, needs_address: form.address.checked,
    tax_bps: basisPoints(form.tax.value || "0"), tax_label: form.taxlabel.value.trim(), refund: refundRule(form), ...campaign(form, currency),
  };
}
