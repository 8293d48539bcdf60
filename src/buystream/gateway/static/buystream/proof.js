// The proof of a decision, as a file that anyone checks offline (docs/proof.md).
import { download } from "./api.js";
import { h } from "./dom.js";
import { sessionToken } from "./session.js";

const LATER = "No proof yet. Try again";

/**
 * A button that downloads the proof of the decision on an order. An order that was refused because all was gone may
 * have no event of its own; then, and without an order, it is the proof that the edition was sold out.
 */
export function proofButton({ orderId = "", editionId = "", className = "quiet", text = "Download the proof" }) {
  const files = [
    orderId && [`/v1/orders/${orderId}/receipt.tlog-proof`, `${orderId}.tlog-proof`],
    editionId && [`/v1/editions/${editionId}/sold-out.tlog-proof`, `${editionId}-sold-out.tlog-proof`],
  ].filter(Boolean);
  const onclick = async ({ currentTarget: button }) => {
    button.disabled = true;
    button.textContent = (await saved(files)) ? text : LATER;
    button.disabled = false;
  };
  return h("button", { type: "button", class: className, onclick }, text);
}

/** Whether one of the files could be had; the first that can is saved. */
async function saved(files) {
  for (const [path, name] of files) {
    try {
      await download(path, await sessionToken(), name);
      return true;
    } catch (problem) {
      if (problem.status !== 404) return false;
    }
  }
  return false;
}
