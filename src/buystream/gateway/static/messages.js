// The list of messages: shows those with all of the words while they are typed. Without this script, the form does.
const form = document.getElementById("filter");
const wanted = document.getElementById("wanted");
const found = document.getElementById("found");

function show() {
  const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const item of document.querySelectorAll(".kind li")) {
    const text = `${item.querySelector("code").textContent} ${item.querySelector("p").textContent}`.toLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
    shown += item.hidden ? 0 : 1;
  }
  for (const group of document.querySelectorAll(".capability, .kind")) {
    group.hidden = !group.querySelector("li:not([hidden])");
  }
  found.textContent = `${shown} message${shown === 1 ? "" : "s"}`;
}

// A page for some words has only their messages: then the next words go to the shop.
if (!wanted.value) {
  wanted.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
}
