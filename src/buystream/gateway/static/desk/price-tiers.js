// Prices for a while as the desk asks for them: `20.00 first 100`, `25.00 until 2026-12-01T18:00`, or both.
import { minorDigits, parseMoney } from "../buystream/money.js";
import { currentZone, localText } from "./moments.js";

const plain = (minor, currency) => (minor / 10 ** minorDigits(currency)).toFixed(minorDigits(currency));

/** The tiers as text, times in the merchant's zone. */
export const tierLines = (tiers, currency) =>
  tiers
    .map(({ price_minor: minor, units, until_ms: until }) =>
      [plain(minor, currency), units && `first ${units}`, until && `until ${localText(until, currentZone())}`]
        .filter(Boolean)
        .join(" "),
    )
    .join("\n");

/** The tiers that the text says; the shop reads its times. */
export function tiersOf(text, currency, call) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Promise.all(lines.map((line) => tierOf(line.trim(), currency, call)));
}

async function tierOf(line, currency, call) {
  const [, price, units, until] = /^(\S+)(?:\s+first\s+(\d+))?(?:\s+until\s+(\S+))?$/.exec(line) ?? [];
  const minor = parseMoney(price ?? "", currency);
  if (minor === null || (!units && !until)) throw new Error(`“${line}” isn’t like this: 20.00 first 100`);
  const query = new URLSearchParams({ local: until, time_zone: currentZone() });
  const { moments } = until ? await call("GET", `/v1/merchant/moments?${query}`) : { moments: [] };
  return { price_minor: minor, units: units ? Number(units) : null, until_ms: moments[0]?.at_ms ?? null };
}
