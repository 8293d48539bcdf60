// The edition page: what is sold out can be waited for, and the two lines that embed its button elsewhere.
import { stockAlert } from "./buystream/stock-alert.js";

for (const place of document.querySelectorAll("[data-alert]")) {
  const { alert: edition, variant, title } = place.dataset;
  place.replaceChildren(stockAlert({ edition_id: edition, variant_id: variant }, title));
}
const code = document.getElementById("embed-code");
const embed = document.getElementById("embed");
const copy = document.getElementById("embed-copy");
const loader = `<script src="${location.origin}/button.js"></script>`;
code.textContent = `${loader}\n<buy-button edition="${code.dataset.edition}"></buy-button>`;
embed.hidden = false;
copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    copy.textContent = "Selected: copy it now";
  }
});
