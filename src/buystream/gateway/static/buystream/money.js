// Money is an integer of minor units plus an ISO 4217 currency. The number of digits comes from the shop's own table:
// browsers disagree with it, and with each other, about some currencies.
import { CURRENCIES } from "./currencies.js";

const formats = new Map();

function limitsOf(currency) {
  const limits = CURRENCIES[currency];
  if (!limits) throw new RangeError(`This page doesn’t know the currency ${currency}. Load it again.`);
  return limits;
}

/** Shown as where the reader lives: "$" is one currency only, the others are "CA$", "A$", "MX$". */
function formatted(amount, currency, digits) {
  const key = `${currency}/${digits}`;
  if (!formats.has(key)) {
    formats.set(
      key,
      new Intl.NumberFormat(undefined, {
        style: "currency",
        currency,
        currencyDisplay: "symbol",
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      }),
    );
  }
  return formats.get(key).format(amount);
}

export function minorDigits(currency) {
  return limitsOf(currency).digits;
}

/** 2400, "USD" -> "$24.00"; 4800, "JPY" -> "¥4,800". */
export function money(amountMinor, currency) {
  const digits = minorDigits(currency);
  return formatted(amountMinor / 10 ** digits, currency, digits);
}

/** 2400, "USD" -> "24.00": as `parseMoney` reads it. */
export function decimal(amountMinor, currency) {
  const digits = minorDigits(currency);
  return (amountMinor / 10 ** digits).toFixed(digits);
}

/** Like `money`, without decimals when the amount is whole: "$24". */
export function shortMoney(amountMinor, currency) {
  const unit = 10 ** minorDigits(currency);
  return amountMinor % unit ? money(amountMinor, currency) : formatted(amountMinor / unit, currency, 0);
}

/** What a person typed ("12.50", "12,50", "1 000") in minor units, or null when it isn't an amount of this currency. */
export function parseMoney(text, currency) {
  const digits = minorDigits(currency);
  const match = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.replace(/[\s'’]/g, ""));
  if (!match || (match[2] ?? "").length > digits) return null;
  return Number(match[1]) * 10 ** digits + Number((match[2] ?? "").padEnd(digits, "0") || 0);
}

/** "" when money of that size can move, otherwise why not, for people. */
export function whyNotMove(amountMinor, currency) {
  const { step } = limitsOf(currency);
  return amountMinor % step ? `Amounts in ${currency} are multiples of ${money(step, currency)}.` : "";
}

/** "" when the amount can be charged, or is nothing; otherwise why not, for people. */
export function whyNotCharge(amountMinor, currency) {
  const { least, most } = limitsOf(currency);
  const offStep = whyNotMove(amountMinor, currency);
  if (offStep) return offStep;
  if (amountMinor > 0 && amountMinor < least)
    return `The smallest amount that can be charged is ${money(least, currency)}.`;
  return amountMinor > most ? `The largest amount that can be charged is ${money(most, currency)}.` : "";
}
