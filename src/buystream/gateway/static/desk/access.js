// Who is at the desk: by an API key, which this tab keeps, or as a member. A member's session is kept by a cookie that
// no page reads; it gives this page tokens that live for minutes, and only they may do anything.
import { request } from "../buystream/api.js";
import { serverNow } from "../buystream/clock.js";
import { signInByPasskey } from "./passkeys.js";

const KEY = "buystream.desk.key";
const RENEWED_BEFORE_MS = 60_000;

export class Access {
  #bearer = null;
  #expiresAt = Infinity;
  #renewing = null;

  get isMember() {
    return this.#expiresAt !== Infinity;
  }

  /** The API key, or a token that is still good. Null when nobody is here. Throws `Problem`. */
  async bearer() {
    if (this.#bearer && serverNow() > this.#expiresAt - RENEWED_BEFORE_MS) await this.#renew();
    return this.#bearer;
  }

  useKey(key) {
    this.#bearer = key;
    this.#expiresAt = Infinity;
  }

  /** By the code of a link. Throws `Problem`. */
  async useLink(code) {
    this.#take(await request("POST", "/v1/desk/session", { body: { link_code: code } }));
  }

  /** By a passkey. Throws `Problem`, or the browser's own error. */
  async usePasskey() {
    this.#take(await signInByPasskey());
  }

  /** By the session that this browser has, if it has one. Throws `Problem`. */
  async useSession() {
    this.#take(await request("POST", "/v1/desk/token"));
  }

  /** Nobody is here from now on. A member's session ends, unless it has ended. */
  leave() {
    const token = this.isMember ? this.#bearer : null;
    this.#bearer = null;
    this.#expiresAt = Infinity;
    keepKey(null);
    if (token) request("DELETE", "/v1/desk/session", { token }).catch(() => {});
  }

  async #renew() {
    this.#renewing ??= this.useSession().finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
  }

  #take({ token, expires_at_ms: expiresAt }) {
    this.#bearer = token;
    this.#expiresAt = expiresAt;
    keepKey(null);
  }
}

export function keptKey() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function keepKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is blocked: the key lives as long as this page.
  }
}
