// "My orders" in the sheet's frame: links to the shop's own pages take the session along through a single-use link.
import { asBuyer } from "./buystream/session.js";

if (location.hash === "#light") document.documentElement.dataset.scheme = "light";

async function openAtTheShop(path) {
  const tab = window.open("about:blank", "_blank"); // before the answer, or the browser takes it for an unasked window
  try {
    const { url } = await asBuyer("POST", "/v1/session/link");
    const address = new URL(url);
    address.search = new URLSearchParams({ to: path });
    if (tab) tab.location = address.href;
  } catch (problem) {
    tab?.close();
    document.getElementById("orders-status").textContent = problem.message;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (!link) return;
  event.preventDefault();
  openAtTheShop(link.getAttribute("href"));
});
