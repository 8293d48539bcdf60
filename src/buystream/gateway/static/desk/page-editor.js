// The room in which an edition's page, or a draft's, is written: title, pictures, story and notes, with a preview.
import { origin, Problem } from "../buystream/api.js";
import { arrange, h } from "../buystream/dom.js";

const PICTURES_MAX = 20;
const NOTES_MAX = 20;
const KINDS = "image/jpeg,image/png,image/webp";

function labelled(label, control, hint) {
  control.id = `editor-${control.name}`;
  control.setAttribute("aria-describedby", `${control.id}-hint`);
  return h(
    "div",
    { class: "ask-field is-wide" },
    h("label", { for: control.id }, label),
    control,
    h("small", { class: "muted", id: `${control.id}-hint` }, hint),
  );
}

export class PageEditor {
  #call;
  #say;
  #token;
  #path = "";
  #pictures = []; // {picture_id, url, alt, row}
  #notes = []; // {title, text, row}
  #onSaved = () => {};

  constructor({ call, say, token }) {
    this.#call = call;
    this.#say = say;
    this.#token = token;
  }

  /** `said` has title, story, pictures and notes; `path` is where they are put. */
  open({ path, said, onSaved }) {
    this.#path = path;
    this.#onSaved = onSaved;
    const title = h("input", { name: "title", maxlength: 200, required: true, value: said.title });
    const story = h("textarea", { name: "story", rows: 12, maxlength: 10_000 });
    story.value = said.story;
    const pictures = h("ul", { class: "editor-pictures" });
    const notes = h("ul", { class: "editor-notes" });
    const problem = h("p", { class: "problem", role: "alert" });
    const chosen = h("input", {
      type: "file",
      id: "editor-file",
      class: "visually-hidden",
      accept: KINDS,
      multiple: true,
    });
    const uploading = h("p", { class: "muted", role: "status" });
    const shown = h("div", { class: "story", hidden: true, role: "region", "aria-label": "How it looks" });
    const toggle = h(
      "button",
      { type: "button", class: "button small", "aria-expanded": "false" },
      "Show how it looks",
    );
    const save = h("button", { class: "button primary" }, "Save the page");
    const addNote = h("button", { type: "button", class: "button small" }, "Add a note");
    const dialog = document.getElementById("page-editor");
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: "page-editor-heading" }, "The page"),
      h(
        "div",
        { class: "ask-body" },
        labelled("Title", title, "Orders keep the title that they were placed by."),
        h(
          "fieldset",
          {},
          h("legend", {}, "Pictures"),
          pictures,
          h("label", { class: "button small", for: "editor-file" }, "Add pictures"),
          chosen,
          uploading,
          h("small", { class: "muted" }, "The first one is shown where the link is posted. JPEG, PNG or WebP."),
        ),
        labelled("Story", story, "In Markdown: **bold**, *italic*, ## heading, - list, [words](https://address)"),
        toggle,
        shown,
        h("fieldset", {}, h("legend", {}, "Notes, such as a minimum age"), notes, addNote),
      ),
      problem,
      h(
        "div",
        { class: "ask-actions" },
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close"),
        save,
      ),
    );
    this.#pictures = said.pictures.map((one) => ({ ...one }));
    this.#notes = said.notes.map((one) => ({ ...one }));
    const draw = () => {
      arrange(pictures, this.#pictures.map((one, place) => this.#pictureRow(one, place, draw)));
      arrange(notes, this.#notes.map((one) => this.#noteRow(one, draw)));
      addNote.hidden = this.#notes.length >= NOTES_MAX;
    };
    addNote.addEventListener("click", () => {
      this.#notes.push({ title: "", text: "" });
      draw();
      this.#notes.at(-1).row.querySelector("input").focus();
    });
    chosen.addEventListener("change", async () => {
      problem.textContent = "";
      for (const file of [...chosen.files]) {
        uploading.textContent = `Uploading ${file.name}…`;
        try {
          if (this.#pictures.length >= PICTURES_MAX) throw new Error(`A page has ${PICTURES_MAX} pictures at most.`);
          const made = await this.#upload(file);
          if (!this.#pictures.some((one) => one.picture_id === made.picture_id)) {
            this.#pictures.push({ ...made, alt: "" });
          }
        } catch (error) {
          problem.textContent = `${file.name}: ${error.message}`;
        }
        draw();
      }
      uploading.textContent = "";
      chosen.value = "";
    });
    toggle.addEventListener("click", async () => {
      const opens = shown.hidden;
      if (opens) {
        try {
          const { html } = await this.#call("POST", "/v1/merchant/story", { story: story.value });
          // The shop has cleaned it: elements of text and links only, and scripts don't run in what is parsed.
          shown.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
          if (!html) shown.textContent = "There is no story yet.";
        } catch (error) {
          problem.textContent = error.message;
          return;
        }
      }
      shown.hidden = !opens;
      toggle.textContent = opens ? "Hide the preview" : "Show how it looks";
      toggle.setAttribute("aria-expanded", String(opens));
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      save.disabled = true;
      problem.textContent = "";
      try {
        await this.#save(title.value.trim(), story.value);
        dialog.close();
      } catch (error) {
        problem.textContent = error.message;
      } finally {
        save.disabled = false;
      }
    });
    draw();
    dialog.replaceChildren(form);
    dialog.showModal();
  }

  async #save(title, story) {
    const said = await this.#call("PUT", this.#path, {
      title,
      story,
      pictures: this.#pictures.map(({ picture_id: id, alt }) => ({ picture_id: id, alt: alt.trim() })),
      notes: this.#notes
        .map((one) => ({ title: one.title.trim(), text: one.text.trim() }))
        .filter((one) => one.title && one.text),
    });
    this.#say(`The page of ${title} is saved.`);
    this.#onSaved(said);
  }

  async #upload(file) {
    const token = await this.#token();
    const response = await fetch(`${origin}/v1/merchant/pictures`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": file.type || "application/octet-stream" },
      body: file,
    }).catch(() => {
      throw new Problem({ status: 0 });
    });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem({ status: response.status, body });
    return body;
  }

  /** A row stays the same element wherever its picture moves, so that what is typed there stays. */
  #pictureRow(one, place, draw) {
    const move = (by) => {
      const [taken] = this.#pictures.splice(place, 1);
      this.#pictures.splice(place + by, 0, taken);
      draw();
    };
    one.row ??= h("li", {});
    const known = one.row.querySelector("input");
    const alt =
      known ??
      h("input", {
        maxlength: 500,
        value: one.alt,
        "aria-label": "What the picture shows",
        placeholder: "What it shows, for those who can’t see it",
        oninput: ({ currentTarget }) => {
          one.alt = currentTarget.value;
        },
      });
    const button = (label, text, isUseless, act) =>
      h(
        "button",
        {
          type: "button",
          class: "button small",
          "aria-label": `${label} ${place + 1}`,
          disabled: isUseless,
          onclick: act,
        },
        text,
      );
    const actions = h(
      "div",
      { class: "editor-moves" },
      button("Move up picture", "↑", place === 0, () => move(-1)),
      button("Move down picture", "↓", place === this.#pictures.length - 1, () => move(1)),
      button("Remove picture", "Remove", false, () => {
        this.#pictures.splice(place, 1);
        draw();
      }),
    );
    if (known) one.row.lastElementChild.replaceWith(actions);
    else {
      const image = h("img", { src: origin + one.url, alt: "", width: 96, height: 96, loading: "lazy" });
      one.row.append(image, alt, actions);
    }
    return one.row;
  }

  #noteRow(one, draw) {
    one.row ??= h(
      "li",
      {},
      h("input", {
        maxlength: 80,
        value: one.title,
        "aria-label": "Note",
        placeholder: "Minimum age",
        oninput: ({ currentTarget }) => {
          one.title = currentTarget.value;
        },
      }),
      h("input", {
        maxlength: 500,
        value: one.text,
        "aria-label": "What there is to know",
        placeholder: "16, or with an adult",
        oninput: ({ currentTarget }) => {
          one.text = currentTarget.value;
        },
      }),
      h(
        "button",
        {
          type: "button",
          class: "button small",
          "aria-label": "Remove the note",
          onclick: () => {
            this.#notes.splice(this.#notes.indexOf(one), 1);
            draw();
          },
        },
        "Remove",
      ),
    );
    return one.row;
  }
}
