// The merchant's API keys: the purpose and last use of each, and the buttons to create and revoke one.
import { serverNow } from "../buystream/clock.js";
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { day, fullTime } from "./moments.js";
import { ROLES } from "./people.js";

const element = (id) => document.getElementById(id);

export class Keys {
  #call;
  #say;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    element("key-add").addEventListener("click", () => this.#add());
  }

  clear() {
    element("keys").replaceChildren();
  }

  async load() {
    try {
      const { keys } = await this.#call("GET", "/v1/merchant/keys");
      element("keys").replaceChildren(...keys.map((key) => this.#row(key, keys.length > 1)));
    } catch (problem) {
      this.#say(`The API keys could not be loaded. ${problem.message}`);
    }
  }

  #row(key, mayRevoke) {
    const used = key.last_used_at_ms === null ? "Never" : fullTime(key.last_used_at_ms);
    return h(
      "tr",
      { "data-id": key.key_id },
      h(
        "td",
        { "data-label": "Name" },
        key.name,
        h("span", { class: "muted" }, key.role, key.expires_at_ms && `, until ${fullTime(key.expires_at_ms)}`),
        key.is_yours && h("span", { class: "muted" }, "The key you signed in with"),
      ),
      h("td", { "data-label": "Created" }, day(key.added_at_ms)),
      h("td", { "data-label": "Last used" }, used),
      h(
        "td",
        { class: "actions" },
        mayRevoke &&
          h(
            "button",
            {
              type: "button",
              class: "button small danger",
              "aria-label": `Revoke ${key.name}`,
              onclick: () => this.#revoke(key),
            },
            "Revoke",
          ),
      ),
    );
  }

  #add() {
    ask({
      title: "Create an API key",
      text: "Give each program or person a separate key, so that you can revoke one without the others.",
      confirm: "Create key",
      fields: [
        field("name", "What it is for", { required: true, maxlength: 80, placeholder: "Till 2", wide: true }),
        field("role", "What it may do", { options: ROLES, wide: true }),
        field("days", "Days until it ends", { type: "number", min: 1, max: 3650, hint: "Empty: until it is revoked" }),
      ],
      act: async (form, key) => {
        const body = { name: form.name.value.trim(), role: form.role.value };
        if (form.days.value) body.expires_at_ms = Math.round(serverNow() + form.days.value * 86_400_000);
        const created = await this.#call("POST", "/v1/merchant/keys", body, key);
        await this.load();
        setTimeout(() => this.#show(created)); // this dialog closes first
      },
    });
  }

  /** The only time that the key is shown. */
  #show({ name, api_key: apiKey }) {
    ask({
      title: `The key for ${name}`,
      text: "Copy it now: it is shown only once. Anyone with this key can do what its role may do.",
      confirm: "I have copied it",
      fields: [
        field("created", "The new key", {
          value: apiKey,
          readonly: true,
          wide: true,
          onfocus: ({ currentTarget }) => currentTarget.select(),
        }),
      ],
      act: async () => {},
    });
  }

  #revoke(key) {
    ask({
      title: `Revoke ${key.name}?`,
      text: `It stops working at once${key.is_yours ? ", and you’ll be signed out here" : ""}. This can’t be undone.`,
      confirm: "Revoke it",
      danger: true,
      act: async () => {
        await this.#call("DELETE", `/v1/merchant/keys/${key.key_id}`);
        this.#say(`${key.name} is revoked.`);
        if (!key.is_yours) await this.load();
      },
    });
  }
}
