// What delivery costs, as the desk asks for it: a line for each rate, and a place to collect.
import { h } from "../buystream/dom.js";
import { minorDigits, parseMoney } from "../buystream/money.js";
import { ask, field } from "./ask.js";

const EXAMPLE = "GB: Royal Mail 4.00\nFR DE IT: Airmail 500 g 9.00, 2000 g 15.00\n*: Airmail 15.00, free from 100";

export const shippingFields = () =>
  h(
    "details",
    { class: "ask-more" },
    h("summary", {}, "What delivery costs"),
    h(
      "div",
      { class: "ask-fields" },
      ratesField({ hint: `${RATES_HINT} Leave empty if delivery is in the price.` }),
      field("weight", "Weight of a unit, in grams", { type: "number", min: 0, max: 1_000_000, step: 1 }),
      ...placeFields(),
    ),
  );

const RATES_HINT = "Countries, what buyers read, prices; * is everywhere else.";

const ratesField = (more) =>
  field("rates", "Rates, one a line", { rows: 4, maxlength: 4000, wide: true, placeholder: EXAMPLE, ...more });

const placeFields = ({ ships_from: from = "", pickups: [place] = [] } = {}) => [
  field("from", "Sent from", { maxlength: 2, placeholder: "GB", hint: "Two letters of the country", value: from }),
  field("collect", "Collected at", { maxlength: 300, wide: true, value: place?.place ?? "" }),
  field("hours", "Open", {
    ...{ maxlength: 300, placeholder: "Tuesday to Saturday, 10–18", wide: true, value: place?.hours ?? "" },
  }),
];

/** Changes what delivery costs those who order from now on. */
export function changeShipping({ edition_id: id, title, currency, shipping: old }, { call, say }) {
  ask({
    title: "What delivery costs",
    text: `${title}. What was ordered before keeps its prices, paid or not.`,
    confirm: "Change it",
    dismiss: "Leave it",
    fields: [ratesField({ hint: RATES_HINT, value: ratesText(old, currency) }), ...placeFields(old)],
    act: async (form) => {
      const { shipping: wish } = shipping(form, (text) => minorOf(text, currency));
      const [first, ...others] = old.pickups;
      const pickups = wish?.pickups.map((one) => ({ ...first, ...one, ...kept(first) })) ?? [];
      await call("PUT", `/v1/merchant/editions/${id}/shipping`, { ...wish, pickups: [...pickups, ...others] });
      say(`Delivery of ${title} has its new prices.`);
    },
  });
}

/** The name of a place to collect stays. */
const kept = (place) => place && { method_id: place.method_id, title: place.title };

function minorOf(text, currency) {
  const minor = parseMoney(text, currency);
  if (minor === null) throw new Error(`“${text}” isn’t an amount of ${currency}.`);
  return minor;
}

/** The rates as they are typed. */
export function ratesText({ zones }, currency) {
  const digits = minorDigits(currency);
  const amount = (minor) => (minor / 10 ** digits).toFixed(digits);
  return zones
    .flatMap(({ countries, rates }) =>
      rates.map(({ title, prices, free_from_minor: free }) => {
        const steps = prices.map(({ up_to_grams: grams, price_minor: price }) =>
          [grams && `${grams} g`, amount(price)].filter(Boolean).join(" "),
        );
        if (free !== null) steps.push(`free from ${amount(free)}`);
        return `${countries.join(" ") || "*"}: ${title} ${steps.join(", ")}`;
      }),
    )
    .join("\n");
}

/** The edition's delivery; nothing where it is in the price. `minorOf(text)` reads an amount. */
export function shipping(form, minorOf) {
  const lines = form.rates.value.split("\n").filter((line) => line.trim());
  const collect = form.collect.value.trim();
  const weight = form.weight?.value ? { weight_grams: Number(form.weight.value) } : {};
  if (!lines.length && !collect) return weight;
  const zones = new Map();
  for (const [number, line] of lines.entries()) {
    const { countries, rate } = read(line.trim(), `way-${number + 1}`, minorOf);
    const key = countries.join(" ");
    const zone = zones.get(key) ?? { title: key || "Everywhere else", countries, rates: [] };
    zone.rates.push(rate);
    zones.set(key, zone);
  }
  return {
    ...weight,
    shipping: {
      ships_from: form.from.value.trim().toUpperCase(),
      zones: [...zones.values()],
      pickups: collect
        ? [{ method_id: "collect", title: "Collect", place: collect, hours: form.hours.value.trim() }]
        : [],
    },
  };
}

function read(line, methodId, minorOf) {
  const wrong = new Error(`“${line}” isn’t a rate. One looks like this: GB: Royal Mail 4.00`);
  const [where, what = ""] = line.split(/:(.*)/);
  const countries = where.trim() === "*" ? [] : where.toUpperCase().split(/[ ,]+/).filter(Boolean);
  const [, title, list = ""] = /^\s*(\D+?)\s+(\d.*)$/.exec(what) ?? [];
  const rate = { method_id: methodId, title, prices: [], free_from_minor: null };
  for (const step of list.split(",")) {
    const [, free] = /^\s*free from ([\d.]+)\s*$/.exec(step) ?? [];
    const [, grams, price] = /^\s*(?:(\d+)\s*g\s+)?([\d.]+)\s*$/.exec(step) ?? [];
    if (free) rate.free_from_minor = minorOf(free);
    else if (price) rate.prices.push({ up_to_grams: grams ? Number(grams) : null, price_minor: minorOf(price) });
    else throw wrong;
  }
  if (where.trim() !== "*" && !countries.every((code) => /^[A-Z]{2}$/.test(code))) throw wrong;
  return { countries, rate };
}
