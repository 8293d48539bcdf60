// A member's passkeys: made and used by the browser, which asks for a finger, a face or a PIN.
import { request } from "../buystream/api.js";
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { day } from "./moments.js";

const element = (id) => document.getElementById(id);

/** Browsers make passkeys in a secure context, for an address that is a name. */
export const arePossible = () => Boolean(globalThis.PublicKeyCredential) && !/^[\d.]+$|:/.test(location.hostname);

const bytes = (said) =>
  Uint8Array.from(atob(said.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** Signs in by a passkey; resolves to the session. Throws `Problem`, or the browser's own error. */
export async function signInByPasskey() {
  const { public_key: asked, ticket } = await request("POST", "/v1/desk/passkey/options");
  const { id, response } = await navigator.credentials.get({
    publicKey: { ...asked, challenge: bytes(asked.challenge), allowCredentials: [] },
  });
  const credential = {
    id,
    client_data_json: text(response.clientDataJSON),
    authenticator_data: text(response.authenticatorData),
    signature: text(response.signature),
    user_handle: text(response.userHandle),
  };
  return request("POST", "/v1/desk/passkey", { body: { ticket, credential } });
}

export class Passkeys {
  #call;
  #say;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    element("passkey-add").addEventListener("click", () => this.#add());
  }

  clear() {
    element("passkeys-panel").hidden = true;
    element("passkeys").replaceChildren();
  }

  async load() {
    element("passkeys-panel").hidden = !arePossible();
    if (!arePossible()) return;
    try {
      const { passkeys } = await this.#call("GET", "/v1/desk/passkeys");
      element("passkeys").replaceChildren(...passkeys.map((one) => this.#item(one)));
      element("passkeys-empty").hidden = passkeys.length > 0;
    } catch (problem) {
      this.#say(`The passkeys could not be loaded. ${problem.message}`);
    }
  }

  #item({ passkey_id: id, name, added_at_ms: at }) {
    const remove = async () => {
      try {
        await this.#call("DELETE", `/v1/desk/passkeys/${id}`);
        this.#say(`${name} is removed.`);
        await this.load();
      } catch (problem) {
        this.#say(problem.message);
      }
    };
    return h(
      "li",
      {},
      `${name}, added ${day(at)} `,
      h(
        "button",
        { type: "button", class: "button small danger", "aria-label": `Remove ${name}`, onclick: remove },
        "Remove",
      ),
    );
  }

  #add() {
    ask({
      title: "Add a passkey",
      text: "Your browser asks for a finger, a face or a PIN, and keeps the passkey. You then sign in with it.",
      confirm: "Add it",
      fields: [field("name", "Name", { required: true, maxlength: 80, placeholder: "This laptop", wide: true })],
      act: async ({ name }, key) => {
        const { public_key: asked, ticket } = await this.#call("POST", "/v1/desk/passkeys/options");
        const known = asked.excludeCredentials.map((one) => ({ ...one, id: bytes(one.id) }));
        const { id, response } = await navigator.credentials.create({
          publicKey: {
            ...asked,
            challenge: bytes(asked.challenge),
            user: { ...asked.user, id: bytes(asked.user.id) },
            excludeCredentials: known,
          },
        });
        const credential = {
          id,
          client_data_json: text(response.clientDataJSON),
          attestation_object: text(response.attestationObject),
        };
        await this.#call("POST", "/v1/desk/passkeys", { name: name.value.trim(), ticket, credential }, key);
        this.#say("The passkey is added.");
        await this.load();
      },
    });
  }
}
