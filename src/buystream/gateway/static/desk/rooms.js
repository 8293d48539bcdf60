// Links to the desk's rooms: to each panel with a title that is shown now.
import { h } from "../buystream/dom.js";

/** Keeps the links in step with what `board` shows. */
export function linkRooms(nav, board) {
  let linked = "";
  const link = () => {
    const titles = [...board.querySelectorAll(":scope > .panel > h2, :scope > .panel > .panel-head > h2")];
    const shown = titles.filter((title) => title.checkVisibility({ visibilityProperty: true }));
    const now = shown.map((title) => title.id).join(" ");
    if (now === linked) return;
    linked = now;
    nav.replaceChildren(...shown.map((title) => h("a", { href: `#${title.id}` }, title.textContent)));
  };
  const panels = [document.body, board, ...board.querySelectorAll(":scope > .panel")];
  const watch = new MutationObserver(link);
  for (const one of panels) watch.observe(one, { attributes: true, attributeFilter: ["hidden", "class"] });
  link();
}
