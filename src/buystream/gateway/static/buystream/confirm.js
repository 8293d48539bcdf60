// "Are you sure?": the browser's own question on the shop's pages. Frames of another page may not ask it, so there it
// is a dialog of ours, whose answer counts once it was seen.
import { h } from "./dom.js";
import { canVouch, isInsideForeignPage, onceSeen } from "./guard.js";

/** Resolves to whether the person says yes to `text`. */
export function sure(text, yes = "Yes") {
  if (!isInsideForeignPage()) return Promise.resolve(confirm(text));
  return new Promise((resolve) => {
    const answer = (isSure) => {
      dialog.close();
      dialog.remove();
      resolve(isSure);
    };
    const agree = h("button", { type: "button", class: "button danger" }, yes);
    const dialog = h(
      "dialog",
      { class: "sure", "aria-label": text, oncancel: () => answer(false) },
      h("p", {}, text),
      h(
        "div",
        { class: "order-actions" },
        agree,
        h("button", { type: "button", class: "button", onclick: () => answer(false) }, "No"),
      ),
    );
    if (canVouch()) onceSeen(agree, () => answer(true));
    else agree.addEventListener("click", () => answer(true));
    document.body.append(dialog);
    dialog.showModal();
  });
}
