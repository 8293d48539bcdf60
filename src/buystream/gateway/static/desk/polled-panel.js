// A panel of the desk that asks for its content at intervals: nothing that the dashboard watches changes with it.
const element = (id) => document.getElementById(id);

export class PolledPanel {
  #call;
  #say;
  #about;
  #loadedAt = -Infinity;

  /**
   * `about`: the panel's `id`, the `path` it asks, at most every `everyMs`; `name` in an error message; and
   * `show(answer)`, which returns the rows, and whether the panel is `hidden`.
   */
  constructor({ call, say }, about) {
    this.#call = call;
    this.#say = say;
    this.#about = about;
  }

  /** Before another merchant signs in. */
  clear() {
    this.#loadedAt = -Infinity;
    this.#fill([], true);
  }

  async refresh() {
    const { path, everyMs, name, show } = this.#about;
    if (document.hidden || performance.now() - this.#loadedAt < everyMs) return;
    this.#loadedAt = performance.now();
    try {
      const { rows, hidden } = show(await this.#call("GET", path));
      this.#fill(rows, hidden);
    } catch (problem) {
      this.#say(`The ${name} could not be loaded. ${problem.message}`);
    }
  }

  #fill(rows, hidden) {
    const { id } = this.#about;
    element(`${id}-panel`).hidden = hidden;
    element(id).replaceChildren(...rows);
  }
}
