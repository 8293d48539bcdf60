// The people who work for the merchant: invited by mail, given a role, removed; and who is signed in.
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { day, fullTime } from "./moments.js";

const element = (id) => document.getElementById(id);

export const ROLES = [
  ["owner", "Owner: everything"],
  ["sales", "Sales: editions, stock and the door"],
  ["support", "Support: orders, parcels, refunds and stock"],
  ["door", "Door: admits people"],
  ["analyst", "Analyst: figures, without buyers’ names"],
  ["read-only", "Read-only: sees everything, changes nothing"],
];

const STATES = { invited: "Invited", joined: "Member", removed: "Removed" };
const WAYS = { invitation: "invitation", link: "mailed link", passkey: "passkey" };

export class People {
  #call;
  #say;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    element("member-invite").addEventListener("click", () => this.#invite());
  }

  clear() {
    element("members").replaceChildren();
    element("sessions").replaceChildren();
  }

  /** `isOwner` also sees the members; everybody their own sessions. */
  async load(isOwner) {
    try {
      if (isOwner) {
        const { members } = await this.#call("GET", "/v1/merchant/members");
        const present = members.filter((one) => one.state !== "removed");
        element("members").replaceChildren(...present.map((one) => this.#row(one)));
      }
      const { sessions } = await this.#call("GET", "/v1/merchant/sessions");
      element("sessions").replaceChildren(...sessions.map((one) => this.#session(one, isOwner)));
      element("sessions-empty").hidden = sessions.length > 0;
    } catch (problem) {
      this.#say(`The members could not be loaded. ${problem.message}`);
    }
  }

  #row(member) {
    const name = member.name ?? "Erased";
    const button = (text, does, danger) =>
      h(
        "button",
        {
          type: "button",
          class: `button small${danger ? " danger" : ""}`,
          "aria-label": `${text} ${name}`,
          onclick: () => does(member),
        },
        text,
      );
    return h(
      "tr",
      { "data-id": member.member_id },
      h("td", { "data-label": "Name" }, name, h("span", { class: "muted" }, member.email ?? "")),
      h("td", { "data-label": "Role" }, member.role),
      h(
        "td",
        { "data-label": "State" },
        STATES[member.state],
        member.state === "invited" && h("span", { class: "muted" }, `Until ${day(member.until_ms)}`),
      ),
      h(
        "td",
        { class: "actions" },
        button("Change role of", (one) => this.#change(one)),
        button("Remove", (one) => this.#remove(one), true),
      ),
    );
  }

  #session(session, isOwner) {
    const about = [isOwner && session.name, `by ${WAYS[session.way]}`, session.is_yours && "this one"];
    const end = () => this.#end(session, isOwner);
    return h(
      "tr",
      { "data-id": session.session_id },
      h(
        "td",
        { "data-label": "Browser" },
        browserOf(session.browser),
        h("span", { class: "muted" }, about.filter(Boolean).join(", ")),
      ),
      h("td", { "data-label": "Last used" }, fullTime(session.seen_at_ms)),
      h(
        "td",
        { class: "actions" },
        !session.is_yours &&
          h("button", { type: "button", class: "button small danger", onclick: end }, "End"),
      ),
    );
  }

  #invite() {
    ask({
      title: "Invite a colleague",
      text: "A mail with a link goes to this address. It works once, within seven days.",
      confirm: "Send the invitation",
      fields: [
        field("name", "Name", { required: true, maxlength: 80, wide: true, autocomplete: "off" }),
        field("email", "E-mail", { type: "email", required: true, wide: true, autocomplete: "off" }),
        field("role", "Role", { options: ROLES, wide: true }),
      ],
      act: async ({ name, email, role }, key) => {
        const body = { name: name.value.trim(), email: email.value.trim(), role: role.value };
        await this.#call("POST", "/v1/merchant/members", body, key);
        this.#say(`${body.name} is invited.`);
        await this.load(true);
      },
    });
  }

  #change(member) {
    const dialog = ask({
      title: `What ${member.name} may do`,
      text: "They sign in again with the new role.",
      confirm: "Change the role",
      fields: [field("role", "Role", { options: ROLES, wide: true })],
      act: async ({ role }) => {
        await this.#call("PUT", `/v1/merchant/members/${member.member_id}/role`, { role: role.value });
        this.#say(`${member.name} has another role.`);
        if (!member.is_you) await this.load(true);
      },
    });
    dialog.form.elements.role.value = member.role;
  }

  #remove(member) {
    ask({
      title: `Remove ${member.name}?`,
      text: "Their access ends at once. They can be invited again.",
      confirm: "Remove",
      danger: true,
      act: async () => {
        await this.#call("DELETE", `/v1/merchant/members/${member.member_id}`);
        this.#say(`${member.name} is removed.`);
        if (!member.is_you) await this.load(true);
      },
    });
  }

  async #end(session, isOwner) {
    try {
      await this.#call("DELETE", `/v1/merchant/sessions/${session.session_id}`);
      this.#say("The session has ended.");
      await this.load(isOwner);
    } catch (problem) {
      this.#say(problem.message);
    }
  }
}

/** `Firefox on Linux`, as far as a browser says. */
function browserOf(said) {
  const name = ["Edg", "Firefox", "Chrome", "Safari"].find((one) => said.includes(`${one}/`));
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((one) => said.includes(one));
  return [name === "Edg" ? "Edge" : (name ?? "Program"), system].filter(Boolean).join(" on ");
}
