// The scanner's calls to the shop: short, because people stand in front of it, and with the shop's time.
import { Problem } from "../buystream/api.js";

export const TIMEOUT_MS = 2500;

/** `key` is the scanner's; `onTime(nowMs)` hears the shop's clock from every answer that says it. Throws `Problem`. */
export function caller(key, onTime) {
  return async (method, path, body, timeoutMs = TIMEOUT_MS) => {
    const headers = { Authorization: `Bearer ${key}` };
    if (body) headers["Content-Type"] = "application/json";
    let response;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store" });
      const answer = response.status === 204 ? null : await response.json();
      if (response.ok) {
        if (answer?.now_ms) onTime(answer.now_ms);
        return answer;
      }
      throw new Problem({ status: response.status, body: answer });
    } catch (error) {
      throw error instanceof Problem ? error : new Problem({ status: 0 });
    }
  };
}
