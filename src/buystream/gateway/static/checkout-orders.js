// "My orders" in the sheet's frame: links to the shop's own pages take the session along through a single-use link.
import { openAtTheShop } from "./buystream/at-the-shop.js";

if (location.hash === "#light") document.documentElement.dataset.scheme = "light";

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (!link) return;
  event.preventDefault();
  openAtTheShop(link.getAttribute("href")).catch((problem) => {
    document.getElementById("orders-status").textContent = problem.message;
  });
});
