// The other open projects of a merchant, for givers whose campaign missed its target.
import { origin, request } from "./api.js";
import { progressWords } from "./campaign.js";
import { h } from "./dom.js";
import { shortMoney } from "./money.js";

/** The projects as links; null when there are none, or the shop doesn't answer. */
export async function otherProjects({ edition_id: missed, merchant_id: merchant }) {
  const { editions } = await request("GET", "/v1/editions").catch(() => ({ editions: [] }));
  const open = editions.filter((board) => board.merchant_id === merchant && board.kind === "gift" && board.state === "open" && board.edition_id !== missed);
  if (!open.length) return null;
  return h("ul", { class: "projects", "aria-label": "Other projects" }, open.map((board) => h("li", {},
    h("a", { href: `${origin}/e/${board.edition_id}` }, h("strong", {}, board.title), h("span", { class: "muted" }, board.campaign ? progressWords(board).text : `From ${shortMoney(board.price_min_minor, board.currency)}`)))));
}
