// What there is to know of an edition beside its terms: its notes, and its story for those who want to read it.
import { request } from "./api.js";
import { h } from "./dom.js";

/** Nothing where its page says nothing. */
export function about({ edition_id: id, notes = [], has_story: hasStory = false }) {
  if (!notes.length && !hasStory) return null;
  const words = h("p", { class: "about-story" });
  const read = async () => {
    if (words.textContent) return;
    try {
      words.textContent = (await request("GET", `/v1/editions/${id}/page`)).story_text;
    } catch (problem) {
      words.textContent = problem.message;
    }
  };
  return h(
    "div",
    { class: "about" },
    notes.map(({ title, text }) => h("p", {}, h("strong", {}, `${title}: `), text)),
    hasStory && h("details", { ontoggle: read }, h("summary", {}, "More about this"), words),
  );
}
