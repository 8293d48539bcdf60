// The form that releases a new edition: a fixed price, or for gifts a range with suggestions and perhaps a target.
import { h } from "../buystream/dom.js";
import { CURRENCIES } from "../buystream/currencies.js";
import { money, parseMoney, whyNotCharge } from "../buystream/money.js";
import { ask, field } from "./ask.js";
import { fillTerms, mergedTerms } from "./draft-terms.js";
import { momentField, momentOf } from "./moments.js";
import { shipping, shippingFields } from "./shipping.js";

const MISSED = [
  ["keep", "Keep the gifts"],
  ["void", "All or nothing: nobody pays"],
  ["choose", "All or nothing: givers may choose another project"],
];
const RETURNS = [
  ["merchant", "Only you can refund"],
  ["buyer", "The buyer can return it before it ships"],
];

/** With a `draft`, the form has its terms and changes them. */
export function askRelease({ call, say, drafts, currency, draft = null }) {
  const { window, event, refund } = draft?.offer ?? {};
  const zone = event ? { zone: event.time_zone } : {};
  const kinds = JSON.parse(document.getElementById("desk").dataset.kinds); // by id: the name, and what is usual
  const currencies = [currency, ...Object.keys(CURRENCIES).filter((each) => each !== currency)];
  const priceFields = {
    fixed: [field("price", "Price", { inputmode: "decimal", required: true, placeholder: "24.00" })],
    range: [
      field("least", "Smallest gift", { inputmode: "decimal", required: true, placeholder: "1" }),
      field("most", "Largest gift", { inputmode: "decimal", required: true, placeholder: "5000" }),
      field("suggested", "Suggested amounts", {
        placeholder: "5 15 50",
        hint: "Up to six, separated by spaces",
        wide: true,
      }),
      field("target", "Target", { inputmode: "decimal", placeholder: "10000", hint: "Leave empty for no campaign" }),
      field("missed", "If the target is missed at closing time", { options: MISSED, wide: true }),
    ],
  };
  const fields = [
    field("title", "Title", { required: true, maxlength: 120, wide: true }),
    field("description", "Description", { rows: 3, maxlength: 1000, wide: true }),
    field("kind", "Kind", { options: Object.entries(kinds).map(([id, { name }]) => [id, name]) }),
    field("currency", "Currency", { options: currencies.map((each) => [each, each]) }),
    ...priceFields.fixed,
    ...priceFields.range,
    field("stock", "Stock", { type: "number", min: 1, max: 1_000_000, step: 1, hint: "Leave empty for unlimited" }),
    field("limit", "Limit per buyer", { type: "number", min: 1, max: 100, step: 1, value: 4, required: true }),
    momentField("opens", "Opens", { hint: "Leave empty to open now", call, atMs: window?.opens_at_ms }),
    momentField("closes", "Closes", { hint: "Leave empty to stay open", call, atMs: window?.closes_at_ms }),
    field("hold", "Hold, in minutes", { type: "number", min: 1, max: 60, step: 1, value: 10, required: true }),
    field("address", "Needs a delivery address", { type: "checkbox" }),
    h(
      "details",
      { class: "ask-more" },
      h("summary", {}, "Tickets for an event"),
      h(
        "div",
        { class: "ask-fields" },
        momentField("starts", "Starts", {
          hint: "With a start, each unit is a ticket",
          call,
          atMs: event?.starts_at_ms,
          ...zone,
        }),
        momentField("doors", "Doors open", {
          hint: "Leave empty for when it starts",
          call,
          atMs: event?.doors_at_ms,
          ...zone,
        }),
        momentField("ends", "Ends", {
          hint: "Leave empty for six hours later",
          call,
          atMs: event?.ends_at_ms,
          ...zone,
        }),
        field("venue", "Venue", { maxlength: 120, wide: true }),
        field("place", "Its address", { maxlength: 300, wide: true }),
        field("names", "Ask who will come with each ticket", { type: "checkbox" }),
      ),
    ),
    shippingFields(),
    h(
      "details",
      { class: "ask-more" },
      h("summary", {}, "Tax and refunds"),
      h(
        "div",
        { class: "ask-fields" },
        field("tax", "Included tax, in %", { inputmode: "decimal", placeholder: "19" }),
        field("taxlabel", "Tax name", { maxlength: 40, placeholder: "VAT" }),
        field("returns", "Who can start a refund", { options: RETURNS }),
        field("share", "Share refunded, in %", { type: "number", min: 1, max: 100, step: 1, value: 100 }),
        momentField("until", "Returns until", { hint: "Leave empty for until it ships", call, atMs: refund?.until_ms }),
        field("resell", "Put returned units back on sale", { type: "checkbox", checked: true }),
      ),
    ),
  ];
  const keep = async (form, key) => {
    const made = await call("POST", "/v1/merchant/drafts", await terms(form), key);
    await drafts.load();
    say(`${made.offer.title} is among your drafts.`);
  };
  const change = async (form) => {
    const body = mergedTerms(await terms(form), draft.offer);
    await call("PUT", `/v1/merchant/drafts/${draft.edition_id}`, body);
    await drafts.load();
    say(`The terms of ${body.title} are saved.`);
  };
  const release = async (form, key) => {
    const edition = await call("POST", "/v1/merchant/editions", await terms(form), key);
    say(`${edition.title} is released.`);
  };
  ask(
    draft
      ? { title: "The draft’s terms", confirm: "Save", fields, act: change }
      : {
          title: "Release an edition",
          confirm: "Release",
          fields,
          act: release,
          instead: { label: "Keep as a draft", act: keep },
        },
  );
  const kind = document.getElementById("ask-kind");
  const address = document.getElementById("ask-address");
  const choose = () => {
    address.checked = kinds[kind.value].needs_address;
    for (const [name, each] of Object.entries(priceFields)) {
      for (const wrapper of each) {
        wrapper.hidden = (name === "range") !== (kind.value === "gift");
        wrapper.querySelector("input, select").disabled = wrapper.hidden;
      }
    }
  };
  kind.addEventListener("change", choose);
  choose();
  if (draft) fillTerms(draft.offer);
}

function amount(text, currency) {
  const minor = parseMoney(text, currency);
  if (minor === null) throw new Error(`“${text}” isn’t an amount of ${currency}.`);
  return minor;
}

/** An amount that a buyer can be charged, or nothing. */
function price(text, currency) {
  const minor = amount(text, currency);
  const wrong = whyNotCharge(minor, currency);
  if (wrong) throw new Error(`${money(minor, currency)} can’t be charged. ${wrong}`);
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
  if (allOrNothing && !form.closes.value) throw new Error("An all-or-nothing campaign needs a closing time.");
  return {
    target_minor: amount(form.target.value, currency),
    all_or_nothing: allOrNothing,
    if_missed: form.missed.value === "choose" ? "choose" : "void",
  };
}

/** What its tickets are for; nothing for what is no event. */
async function event(form) {
  const starts = await momentOf(form.starts);
  const venue = form.venue.value.trim();
  if (!starts && !venue) return {};
  if (!starts || !venue) throw new Error("An event needs a start and a venue.");
  return {
    event: {
      starts_at_ms: starts,
      doors_at_ms: await momentOf(form.doors),
      ends_at_ms: await momentOf(form.ends),
      venue,
      address: form.place.value.trim(),
      asks_names: form.names.checked,
    },
  };
}

async function refundRule(form) {
  const restock = form.resell.checked;
  if (form.returns.value === "merchant") return { by: "merchant", restock };
  return { by: "buyer", until_ms: await momentOf(form.until), share_bps: Number(form.share.value) * 100, restock };
}

async function terms(form) {
  const currency = form.currency.value;
  const isGift = form.kind.value === "gift";
  const least = price((isGift ? form.least : form.price).value, currency);
  const most = isGift ? price(form.most.value, currency) : least;
  const opens = await momentOf(form.opens);
  const closes = await momentOf(form.closes);
  if (most < least) throw new Error("The largest gift must not be below the smallest.");
  if (opens && closes && closes <= opens) throw new Error("The closing time must be after the opening time.");
  return {
    title: form.title.value.trim(),
    description: form.description.value.trim(),
    kind: form.kind.value,
    image: form.kind.value,
    currency,
    price_min_minor: least,
    price_max_minor: most,
    suggested_minor: isGift
      ? form.suggested.value
          .split(/\s+/)
          .filter(Boolean)
          .slice(0, 6)
          .map((text) => price(text, currency))
      : [],
    stock: form.stock.value ? Number(form.stock.value) : null,
    limit_per_buyer: Number(form.limit.value),
    hold_seconds: Number(form.hold.value) * 60,
    opens_at_ms: opens,
    closes_at_ms: closes,
    needs_address: form.address.checked,
    tax_bps: basisPoints(form.tax.value || "0"),
    tax_label: form.taxlabel.value.trim(),
    refund: await refundRule(form),
    ...campaign(form, currency),
    ...(await event(form)),
    ...shipping(form, (text) => amount(text, currency)),
  };
}
