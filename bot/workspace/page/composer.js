// Where one writes: a message, or a slash command with suggestions of the registered ones.

import { announce, freshId, h, icon } from "./dom.js";
import { menuButton } from "./menus.js";
import { store } from "./store.js";

function commands() {
  return store.apps.flatMap((app) => app.commands.map((command) => ({ ...command, app: app.name }))).sort((one, other) => one.name.localeCompare(other.name));
}

/**
 * `send(text)` resolves to true when the text was taken; `runShortcut(shortcut)` starts a global shortcut. Threads
 * take no commands (`commandsToo`), as in Slack.
 */
export function composer({ id, label, placeholder, send, runShortcut, commandsToo = true }) {
  const listId = freshId("commands");
  const text = h("textarea", {
    id, rows: "1", placeholder, "aria-label": label, role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId, autocomplete: "off", spellcheck: "true",
  });
  const list = h("ul", { class: "completions", role: "listbox", id: listId, "aria-label": "Commands", hidden: true });
  const sendButton = h("button", { type: "button", class: "send", "aria-label": "Send", "aria-disabled": "true", on: { click: () => submit() } }, icon("send"));
  const shortcuts = runShortcut && menuButton({ class: "square", "aria-label": "Shortcuts and commands", title: "Shortcuts and commands" }, "Shortcuts and commands", () => [
    {
      title: "Shortcuts", none: "No app has a shortcut.",
      items: store.apps.flatMap((app) => app.shortcuts.filter((each) => each.type === "global").map((each) => ({ label: each.name, note: each.description, run: () => runShortcut(each) }))),
    },
    {
      title: "Commands", none: "No app has registered its commands; type one anyway.",
      items: commands().map((command) => ({ label: command.name, note: command.description, run: () => fill(`${command.name} `) })),
    },
  ], icon("bolt"));
  let shown = [];
  let active = -1;
  let busy = false;

  const fill = (value) => {
    text.value = value;
    text.focus();
    changed();
  };
  const hide = () => {
    list.hidden = true;
    shown = [];
    active = -1;
    text.setAttribute("aria-expanded", "false");
    text.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    active = (index + shown.length) % shown.length;
    shown.forEach((each, at) => each.node.setAttribute("aria-selected", String(at === active)));
    text.setAttribute("aria-activedescendant", shown[active].node.id);
    shown[active].node.scrollIntoView({ block: "nearest" });
  };
  const complete = (command) => fill(`${command.name} `);
  const suggest = () => {
    if (!commandsToo) return;
    const word = text.value;
    const found = /^\/\S*$/.test(word) ? commands().filter((command) => command.name.startsWith(word)) : [];
    const exact = /^\/\S+\s/.test(word) && !word.includes("\n") ? commands().filter((command) => command.name === word.split(/\s/)[0] && command.usage_hint) : [];
    if (!found.length && !exact.length) return hide();
    shown = [];
    list.replaceChildren(...[...found, ...exact].map((command) => {
      const node = h("li", { role: "option", id: freshId("command"), "aria-selected": "false", on: { pointerdown: (event) => { event.preventDefault(); if (found.length) complete(command); } } },
        h("b", {}, command.name), h("span", { class: "usage" }, found.length ? command.description || command.usage_hint : command.usage_hint), h("span", { class: "from" }, command.app));
      if (found.length) shown.push({ command, node });
      return node;
    }));
    list.hidden = false;
    text.setAttribute("aria-expanded", String(shown.length > 0));
    active = -1;
    if (shown.length) {
      mark(0);
      announce(`${shown.length} ${shown.length === 1 ? "command" : "commands"}`);
    }
  };
  const changed = () => {
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 200)}px`;
    sendButton.setAttribute("aria-disabled", String(!text.value.trim()));
    suggest();
  };
  const submit = async () => {
    const value = text.value.trim();
    if (!value || busy) return;
    busy = true;
    hide();
    text.setAttribute("aria-busy", "true");
    if (await send(value)) {
      text.value = "";
      changed();
    }
    busy = false;
    text.removeAttribute("aria-busy");
  };

  text.addEventListener("input", changed);
  text.addEventListener("blur", hide);
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (!list.hidden && shown.length) {
      const exact = shown.length === 1 && shown[0].command.name === text.value;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        return void mark(active + (event.key === "ArrowDown" ? 1 : -1));
      }
      if (event.key === "Tab" && !event.shiftKey && !exact) {
        event.preventDefault();
        return void complete(shown[active].command);
      }
      if (event.key === "Enter" && !event.shiftKey && !exact) {
        event.preventDefault();
        return void complete(shown[active].command);
      }
    }
    if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      hide();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
  });
  return h("div", { class: "composer" }, h("div", { class: "box" }, text,
    h("div", { class: "row" }, shortcuts, h("span", { class: "hint" }, commandsToo && [h("kbd", {}, "/"), " for commands, "], h("kbd", {}, "Enter"), " sends"), sendButton)), list);
}
