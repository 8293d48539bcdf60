// How many: what the edition's limit and stock allow this buyer, and what the button's attribute asks for.

/** The most that may be ordered now: at least 1, so that the shop says why when that is too many. */
export function limitOf({ limit_per_buyer: limit, available, left_at_price: cheap }, mine = null) {
  return Math.max(1, Math.min(mine?.left ?? limit ?? 1, limit ?? 1, available ?? limit ?? 1, cheap ?? limit ?? 1));
}

/** The `quantity` attribute as a whole number from 1 on, or null when it isn't one. */
export function quantityOf(attribute) {
  return /^\s*[1-9]\d{0,5}\s*$/.test(attribute ?? "") ? Number(attribute) : null;
}

/** The `lines` attribute, `s:2,m:1` or `:2`, as [{variant, quantity}]; what can't be read is left out. */
export function linesOf(attribute) {
  return (attribute ?? "").split(",").flatMap((line) => {
    const [, variant, quantity] = /^([a-z0-9-]*):([1-9]\d{0,5})$/.exec(line) ?? [];
    return quantity ? [{ variant, quantity: Number(quantity) }] : [];
  });
}
