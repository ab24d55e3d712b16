// The settings of an app: its keys to copy, and what somebody could have set up wrongly, to try out.

import { announce, freshId, h, toast } from "./dom.js";

async function change(path, body) {
  const answer = await fetch(`/_control/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) toast([said.detail, said.hint].filter(Boolean).join(". ") || "That failed.");
  return answer.ok;
}

function key(label, note, value) {
  const id = freshId("key");
  const field = h("input", { id, class: "field", type: "text", readonly: true, value, spellcheck: "false", "data-action": `key ${label}`, on: { focus: () => field.select() } });
  const copy = async () => {
    field.focus();
    try {
      await navigator.clipboard.writeText(value);
      announce(`${label} copied`);
    } catch {
      announce(`${label} is selected: copy it with Ctrl-C`);
    }
  };
  return h("div", { class: "key" }, h("label", { class: "input-label", for: id }, label), h("p", { class: "input-hint" }, note),
    h("div", { class: "key-row" }, field, h("button", { type: "button", class: "button", "aria-label": `Copy ${label}`, "data-action": `copy ${label}`, on: { click: copy } }, "Copy")));
}

/** A tick that changes the app at once; `redo` draws what became of it. */
function tick(name, label, checked, set, redo) {
  const box = h("input", { type: "checkbox", "data-action": name, checked });
  box.addEventListener("change", async () => {
    if (!(await set(box.checked))) box.checked = !box.checked;
    await redo();
  });
  return h("label", { class: "choice" }, box, h("span", {}, label));
}

function group(title, note, ...parts) {
  return h("fieldset", { class: "input-block" }, h("legend", { class: "input-label" }, title), note && h("p", { class: "input-hint" }, note), parts);
}

function manifestForm(app, redo) {
  const id = freshId("manifest");
  const text = h("textarea", { id, class: "field manifest", rows: "12", spellcheck: "false", "data-action": "manifest" }, app.manifest);
  const save = async () => {
    if (await change("app", { app: app.id, manifest_text: text.value })) {
      text.value = text.defaultValue; // nothing of it has to be kept when the page is drawn anew
      announce("Saved, and the app was installed again");
      await redo();
    }
  };
  return h("div", { class: "input-block" }, h("label", { class: "input-label", for: id }, "App manifest"),
    h("p", { class: "input-hint" }, "Paste what `mayday slack manifest` prints. The app gets the scopes and commands that stand in it."),
    text, h("button", { type: "button", class: "button primary", "data-action": "save manifest", on: { click: save } }, "Save and install again"));
}

/** What somebody has typed into the manifest and not saved yet, or null. */
export function unsaved(node) {
  const text = node.querySelector(".manifest");
  return text && text.value !== text.defaultValue ? text.value : null;
}

/** Return the settings `app`; `redo()` is called after each change. */
export function drawSettings(app, redo) {
  const scopes = Object.entries(app.scopes);
  const granted = () => scopes.filter(([, has]) => has).map(([scope]) => scope);
  const grant = (scope, has) => change("app", { app: app.id, scopes: has ? [...granted(), scope] : granted().filter((each) => each !== scope) });
  return h("div", { class: "settings" },
    h("h3", {}, "Keys"),
    h("p", { class: "input-hint" }, "They open this workspace alone and are gone when it ends."),
    key("Address", "slack.base_url in mayday.toml", app.api_url),
    key("Bot token", "Bot User OAuth Token, under OAuth & Permissions in Slack", app.tokens.bot),
    key("App-level token", "For Socket Mode, under Basic Information in Slack", app.tokens.app),
    key("Signing secret", "For signed HTTP, under Basic Information in Slack", app.tokens.signing_secret),
    key("Configuration token", "For apps.manifest.*", app.tokens.config),
    h("h3", {}, "What can be set up wrongly"),
    h("p", { class: "input-hint" }, "Take something away, then run `mayday slack check` and see what it says."),
    group("Scopes that the bot token has", "", scopes.map(([scope, has]) => tick(`scope ${scope}`, scope, has, (on) => grant(scope, on), redo))),
    group("Scopes that the app-level token has", "", Object.entries(app.app_scopes).map(([scope, has]) => tick(`scope ${scope}`, scope, has, (on) => change("app", { app: app.id, app_scopes: on ? [scope] : [] }), redo))),
    group("Channels that the bot is in", "As with /invite and /remove in the channel.", app.channels.map((channel) => tick(`channel ${channel.id}`, `#${channel.name}`, channel.member, (on) => change("membership", { channel: channel.id, user: app.bot_user, member: on }), redo))),
    app.commands.length ? group("Commands that another app has taken", "", app.commands.map((command) => tick(`command ${command.name}`, command.name, command.taken, (on) => change("commands", { command: command.name, owner: on ? "Another app" : "" }), redo))) : null,
    group("Installed", "", tick("installed", "The app is installed in this workspace", app.installed, (on) => change("app", { app: app.id, installed: on }), redo)),
    manifestForm(app, redo));
}
