// Projects to give to, as links.
import { origin } from "./api.js";
import { progressWords } from "./campaign.js";
import { h } from "./dom.js";
import { priceWords } from "./words.js";

export function projectList(boards) {
  return h(
    "ul",
    { class: "projects", "aria-label": "Other projects" },
    boards.map((board) =>
      h(
        "li",
        {},
        h(
          "a",
          { href: `${origin}/e/${board.edition_id}` },
          h("strong", {}, board.title),
          h("span", { class: "muted" }, board.campaign ? progressWords(board).text : priceWords(board)),
        ),
      ),
    ),
  );
}
