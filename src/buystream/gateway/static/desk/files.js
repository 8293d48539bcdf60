// The files that buyers of an edition download: uploads with their progress, versions, and what is removed.
import { Problem, origin } from "../buystream/api.js";
import { h } from "../buystream/dom.js";
import { sizeWords } from "../buystream/sizes.js";
import { ask, field } from "./ask.js";
import { offerEditions } from "./edition-choice.js";
import { day } from "./moments.js";

const element = (id) => document.getElementById(id);

export class Files {
  #call;
  #say;
  #token;
  #upload = null;

  /** `token()` resolves to the bearer token, for what isn't JSON. */
  constructor({ call, say, token }) {
    this.#call = call;
    this.#say = say;
    this.#token = token;
    element("files-edition").addEventListener("change", () => this.#load());
    element("files-choose").addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.#send(file);
    });
    element("licence-find").addEventListener("click", () => this.#findLicence());
    element("files-stop").addEventListener("click", () => this.#upload?.abort());
  }

  /** Before another merchant signs in. */
  clear() {
    this.#upload?.abort();
    delete element("files-edition").dataset.ids;
    element("files-panel").hidden = true;
  }

  /** The dashboard has come. */
  refresh(editions) {
    element("files-panel").hidden = !editions.length;
    if (editions.length && offerEditions(element("files-edition"), editions)) this.#load();
  }

  get #path() {
    return `/v1/merchant/editions/${element("files-edition").value}/files`;
  }

  async #load() {
    try {
      this.#draw(await this.#call("GET", this.#path));
    } catch (problem) {
      this.#say(`The files could not be loaded. ${problem.message}`);
    }
  }

  #draw({ files }) {
    element("files").replaceChildren(
      ...files.map((file) =>
        h(
          "li",
          {},
          h("strong", {}, file.name),
          ` ${sizeWords(file.size_bytes)}, version ${file.version} of ${day(file.added_at_ms)} `,
          h(
            "button",
            {
              type: "button",
              class: "button small danger",
              "aria-label": `Remove ${file.name}`,
              onclick: () => this.#remove(file),
            },
            "Remove",
          ),
        ),
      ),
    );
  }

  async #send(file) {
    element("files-uploading").textContent = `Uploading ${file.name}`;
    element("files-upload").hidden = false;
    try {
      await this.#put(`${this.#path}/${encodeURIComponent(file.name)}`, file);
      this.#say(`${file.name} is uploaded.`);
    } catch (problem) {
      this.#say(problem.message);
    }
    element("files-upload").hidden = true;
    await this.#load();
  }

  /** fetch() doesn't say how far a body has come. */
  async #put(path, file) {
    const token = await this.#token();
    return new Promise((done, failed) => {
      const upload = (this.#upload = new XMLHttpRequest());
      upload.open("PUT", origin + path);
      upload.setRequestHeader("Authorization", `Bearer ${token}`);
      upload.setRequestHeader("Content-Type", file.type || "application/octet-stream");
      upload.upload.onprogress = ({ loaded, total }) => {
        element("files-progress").value = total ? loaded / total : 1;
      };
      upload.onload = () =>
        upload.status < 300
          ? done()
          : failed(new Problem({ status: upload.status, body: JSON.parse(upload.responseText) }));
      upload.onerror = () => failed(new Problem({ status: 0 }));
      upload.onabort = () => failed(new Error("The upload was stopped. Nothing of it is kept."));
      upload.send(file);
    });
  }

  #findLicence() {
    ask({
      title: "Look up a licence key",
      text: "A key that a buyer has sent you, or that you found where it shouldn’t be.",
      confirm: "Look it up",
      fields: [field("key", "Licence key", { required: true, maxlength: 80, autocomplete: "off", wide: true })],
      act: async ({ key }) => {
        const licence = await this.#call("POST", "/v1/merchant/licences/find", { key: key.value });
        setTimeout(() => this.#turnLicence(licence)); // this dialog closes first
      },
    });
  }

  #turnLicence(licence) {
    const { order_id: order, number, title, status, activations, activations_max: most } = licence;
    const isDisabled = status === "disabled";
    ask({
      title,
      text: `Order ${order.slice(-8)}, licence ${number}: ${status}, used in ${activations} of ${most} places.`,
      confirm: isDisabled ? "Enable it again" : "Disable it",
      dismiss: "Leave it",
      danger: !isDisabled,
      act: async () => {
        const path = `/v1/merchant/orders/${order}/licences/${number}`;
        await this.#call("PUT", path, { disabled: !isDisabled });
        this.#say(`Licence ${number} of order ${order.slice(-8)} is ${isDisabled ? "valid again" : "disabled"}.`);
      },
    });
  }

  #remove({ name }) {
    ask({
      title: `Remove ${name}?`,
      text: "Buyers can’t download it any more, and links to it end at once.",
      confirm: "Remove it",
      dismiss: "Keep it",
      danger: true,
      act: async () => {
        this.#draw(await this.#call("DELETE", `${this.#path}/${encodeURIComponent(name)}`));
        this.#say(`${name} is removed.`);
      },
    });
  }
}
