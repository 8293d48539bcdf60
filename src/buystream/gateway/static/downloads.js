// The files of an order: what there is, how often it may still be downloaded, and the link.
import { h } from "./buystream/dom.js";
import { REFUSALS } from "./buystream/refusals.js";
import { asBuyer } from "./buystream/session.js";
import { sizeWords } from "./buystream/sizes.js";

const list = document.getElementById("downloads");
const status = document.getElementById("downloads-status");
const { order } = document.getElementById("order").dataset;
const keys = document.getElementById("licences");
const path = `/v1/orders/${order}/downloads`;

const CLOSED = {
  downloads_used_up: "You have downloaded this as often as you may. Write to the seller if you need it again.",
  order_disputed: "Your bank is looking into the payment. Downloads open again if it decides for the seller.",
};

const LICENCES = {
  disabled: "The seller has disabled this key.",
  refunded: "Refunded: this key isn’t valid any more.",
  disputed: "Your bank is looking into the payment. The key is valid again if it decides for the seller.",
  cancelled: "This was called off: the key isn’t valid any more.",
};

function say(message) {
  status.textContent = message;
  status.hidden = !message;
}

async function load() {
  try {
    const [{ files }, { licences }] = await Promise.all([
      asBuyer("GET", path),
      asBuyer("GET", `/v1/orders/${order}/licences`),
    ]);
    list.replaceChildren(...files.map(row));
    keys.replaceChildren(...licences.map(licenceRow));
    document.getElementById("licences-title").hidden = !licences.length;
    say(files.length || licences.length ? "" : "There are no files.");
  } catch (problem) {
    say(`Your files could not be loaded. ${problem.message}`);
  }
}

function row(file) {
  const left = `${file.downloads_max - file.downloads} of ${file.downloads_max} downloads left`;
  const says = h("p", { class: "problem", role: "alert" });
  return h(
    "li",
    { class: "order" },
    h("strong", {}, file.name),
    h("span", { class: "total" }, sizeWords(file.size_bytes)),
    h(
      "span",
      { class: "detail" },
      `Version ${file.version} · `,
      file.url ? "your link works: an interrupted download continues" : left,
    ),
    !file.can_download && h("p", { class: "detail" }, CLOSED[file.reason] ?? "This order’s downloads are closed."),
    h(
      "div",
      { class: "order-actions" },
      file.can_download &&
        h(
          "button",
          {
            type: "button",
            class: "button small primary",
            "aria-label": `Download ${file.name}`,
            onclick: ({ currentTarget }) => start(file, currentTarget, says),
          },
          "Download",
        ),
    ),
    says,
  );
}

function licenceRow(licence) {
  const { key, status: state, activations, activations_max: most, variant_title: variant } = licence;
  return h(
    "li",
    { class: "order" },
    h("strong", {}, h("code", {}, key)),
    h("span", { class: "detail" }, variant && `${variant} · `, `used in ${activations} of ${most} places`),
    state !== "valid" && h("p", { class: "detail" }, LICENCES[state]),
  );
}

async function start({ name }, button, says) {
  button.disabled = true;
  says.textContent = "";
  try {
    const { url } = await asBuyer("POST", path, { body: { name } });
    location.assign(url); // an attachment: the page stays
    await load();
  } catch (problem) {
    button.disabled = false;
    says.textContent = CLOSED[problem.reason] ?? REFUSALS[problem.reason]?.[1] ?? problem.message;
  }
}

addEventListener("pageshow", load);
