// The select of a panel that is about one of the merchant's editions.
import { h } from "../buystream/dom.js";

/** Offers these editions and keeps what was chosen; whether they are others than before. */
export function offerEditions(choice, editions) {
  const ids = editions.map(({ edition_id: id }) => id);
  if (choice.dataset.ids === ids.join()) return false;
  const chosen = choice.value;
  choice.dataset.ids = ids.join();
  choice.replaceChildren(...editions.map((one) => h("option", { value: one.edition_id }, one.title)));
  if (ids.includes(chosen)) choice.value = chosen;
  return true;
}
