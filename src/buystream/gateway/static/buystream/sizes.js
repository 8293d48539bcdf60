// How large a file is, in people's words.
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

export function sizeWords(bytes) {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const form = { style: "unit", unit: UNITS[unit], unitDisplay: unit ? "short" : "long", maximumSignificantDigits: 3 };
  return new Intl.NumberFormat(undefined, form).format(size);
}
