// How people and apps look.

import { h } from "./dom.js";
import { personas, person, store } from "./store.js";

function initials(name) {
  const words = name.split(/[\s-]+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words[1][0] : name.slice(0, 2)).toUpperCase();
}

/** A square with a picture or initials; decorative, the name always stands beside it. */
export function avatar(id, size = "") {
  const who = person(id);
  const app = store.apps.find((each) => each.bot_user === id);
  if (app?.name === "Mayday" || id === store.slackbot) {
    return h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, h("img", { src: "/static/icon.svg", alt: "" }));
  }
  const tone = personas().findIndex((each) => each.id === id);
  return h("span", { class: `avatar ${size} ${tone >= 0 ? `tone-${tone % 5}` : ""}`, "aria-hidden": "true" }, initials(who.real_name));
}
