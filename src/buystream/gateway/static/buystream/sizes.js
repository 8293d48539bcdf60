// How large a file is, in people's words.
const UNITS = ["kilobyte", "megabyte", "gigabyte", "terabyte"];

export function sizeWords(bytes) {
  let size = bytes / 1000;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const form = { style: "unit", unit: UNITS[unit], maximumSignificantDigits: 3 };
  return new Intl.NumberFormat(undefined, form).format(size);
}
