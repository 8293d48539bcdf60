// Money is an integer of minor units plus an ISO 4217 currency; the number of minor digits is the currency's own.

const formats = new Map();

function formatOf(currency, options) {
  const key = currency + JSON.stringify(options);
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(undefined, { style: "currency", currency, currencyDisplay: "narrowSymbol", ...options }));
  }
  return formats.get(key);
}

export function minorDigits(currency) {
  return formatOf(currency, {}).resolvedOptions().maximumFractionDigits;
}

/** 2400, "USD" -> "$24.00"; 4800, "JPY" -> "¥4,800". */
export function money(amountMinor, currency) {
  return formatOf(currency, {}).format(amountMinor / 10 ** minorDigits(currency));
}

/** Like `money`, without decimals when the amount is whole: "$24". */
export function shortMoney(amountMinor, currency) {
  const unit = 10 ** minorDigits(currency);
  if (amountMinor % unit) return money(amountMinor, currency);
  return formatOf(currency, { minimumFractionDigits: 0, maximumFractionDigits: 0 }).format(amountMinor / unit);
}

/** What a person typed ("12.50", "12,50", "1 000") in minor units, or null when it isn't an amount of this currency. */
export function parseMoney(text, currency) {
  const digits = minorDigits(currency);
  const match = /^(\d{1,9})(?:[.,](\d+))?$/.exec(text.replace(/[\s'’]/g, ""));
  if (!match || (match[2] ?? "").length > digits) return null;
  return Number(match[1]) * 10 ** digits + Number((match[2] ?? "").padEnd(digits, "0") || 0);
}
