// An edition's variants, such as sizes or seat categories: a button shows and sells one of them at a time.

/** The board as if the chosen variant were all there is. Of a plain edition, which has one, it is the board itself. */
export function boardOf(board, chosen = null) {
  const variant = variantOf(board, chosen);
  const isPlain = board.variants.length === 1;
  return {
    ...board,
    ...variant,
    state: board.can_order && variant.is_sold_out ? "sold_out" : board.state,
    can_order: board.can_order && !variant.is_sold_out,
    title: isPlain ? board.title : `${board.title}: ${variant.title}`,
  };
}

/** The chosen variant; otherwise the first that can be had. */
function variantOf({ variants }, chosen) {
  return variants.find(({ variant_id: id }) => id === chosen) ?? variants.find((it) => !it.is_sold_out) ?? variants[0];
}

/** What the buyer has of the variant, and may still have. */
export const mineOf = (mine, chosen) => mine?.variants?.find(({ variant_id: id }) => id === chosen) ?? mine;
