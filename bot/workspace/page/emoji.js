// The short names of emoji that operations people use. Others are shown as :name:.

export const EMOJI = {
  rotating_light: "🚨", fire: "🔥", warning: "⚠️", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", no_entry: "⛔",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠", red_circle: "🔴", large_blue_circle: "🔵",
  white_circle: "⚪", black_circle: "⚫", eyes: "👀", pushpin: "📌", bell: "🔔", no_bell: "🔕", mag: "🔍", wrench: "🔧",
  hammer_and_wrench: "🛠️", gear: "⚙️", package: "📦", rocket: "🚀", rewind: "⏪", back: "🔙", lock: "🔒", unlock: "🔓",
  key: "🔑", shield: "🛡️", clipboard: "📋", memo: "📝", page_facing_up: "📄", chart_with_upwards_trend: "📈",
  chart_with_downwards_trend: "📉", bar_chart: "📊", clock1: "🕐", hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️",
  calendar: "📅", date: "📅", speech_balloon: "💬", bulb: "💡", question: "❓", exclamation: "❗", information_source: "ℹ️",
  "+1": "👍", thumbsup: "👍", "-1": "👎", thumbsdown: "👎", raised_hands: "🙌", pray: "🙏", tada: "🎉", heart: "❤️",
  wave: "👋", thinking_face: "🤔", hospital: "🏥", pill: "💊", computer: "💻", link: "🔗", star: "⭐", zap: "⚡", bug: "🐛",
  construction: "🚧", sos: "🆘", siren: "🚨", busts_in_silhouette: "👥", bust_in_silhouette: "👤", telephone_receiver: "📞",
  octagonal_sign: "🛑", small_red_triangle: "🔺", large_orange_diamond: "🔶", small_blue_diamond: "🔹",
  arrow_up: "⬆️", arrow_down: "⬇️", arrow_right: "➡️", repeat: "🔁", hand: "✋", lifebuoy: "🛟", ring_buoy: "🛟",
};

// On a machine without a colour font for emoji the usual ones are drawn here: [path, fill, stroke] each.
const ring = (fill) => [["M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", fill]];
const DRAWN = {
  red_circle: ring("#d92d20"), large_orange_circle: ring("#e8710a"), large_yellow_circle: ring("#eab308"),
  large_green_circle: ring("#16a34a"), large_blue_circle: ring("#2563eb"), black_circle: ring("#27303a"),
  white_circle: [["M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z", "#fff", "#6b7683"]],
  white_check_mark: [["M4 2h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z", "#16a34a"], ["M5.5 10.5l3 3 6-7", "none", "#fff"]],
  x: [["M4 4l12 12M16 4 4 16", "none", "#d92d20"]],
  warning: [["M10 2 19 18H1z", "#f5b70a", "#a86b00"], ["M10 7.5v5M10 15v.3", "none", "#27303a"]],
  rotating_light: [["M5 13V9a5 5 0 0 1 10 0v4z", "#e5352b"], ["M3 13h14v4H3z", "#5c6773"], ["M10 1v1.6M2.5 4.5l1.3 1.2M17.5 4.5l-1.3 1.2", "none", "#e5352b"]],
  eyes: [["M6 4c2 0 3.6 2.7 3.6 6S8 16 6 16s-3.6-2.7-3.6-6S4 4 6 4zM14 4c2 0 3.6 2.7 3.6 6S16 16 14 16s-3.6-2.7-3.6-6S12 4 14 4z", "#fff", "#27303a"], ["M6.6 8a1.7 2 0 1 0 0 4 1.7 2 0 0 0 0-4zM14.6 8a1.7 2 0 1 0 0 4 1.7 2 0 0 0 0-4z", "#27303a"]],
  pushpin: [["M11 9 4 18", "none", "#6b7683"], ["M12 2l6 6-2.5.7-3.3 3.3-.7 3L5 8.5l3-.7L11.3 4.5z", "#d92d20"]],
  bell: [["M10 2a5.5 5.5 0 0 0-5.5 5.5V12L3 15h14l-1.5-3V7.5A5.5 5.5 0 0 0 10 2z", "#eab308"], ["M8 16h4a2 2 0 0 1-4 0z", "#a86b00"]],
  fire: [["M10 1c1 4 6 5.5 6 11a6 6 0 0 1-12 0c0-2 1-3.5 2.3-4.5C6.5 9 7.5 9.5 8 9c1-1.5.3-5 2-8z", "#e8710a"], ["M10 10c.7 2 2.7 2.5 2.7 5a2.7 2.7 0 0 1-5.4 0c0-2 2-2.5 2.7-5z", "#f8d03a"]],
  lock: [["M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9", "none", "#6b7683"], ["M4.5 9h11v9h-11z", "#eab308"]],
  memo: [["M4 2h9l3 3v13H4z", "#fff", "#6b7683"], ["M7 8h6M7 11h6M7 14h4", "none", "#6b7683"]],
  clipboard: [["M4 3h12v15H4z", "#c08a4d"], ["M6 6h8v10H6z", "#fff"], ["M7.5 1.5h5v3h-5z", "#6b7683"]],
  octagonal_sign: [["M6.2 1.5h7.6l4.7 4.7v7.6l-4.7 4.7H6.2l-4.7-4.7V6.2z", "#d92d20"], ["M6 10h8", "none", "#fff"]],
  small_red_triangle: [["M10 3 18.5 17h-17z", "#d92d20"]],
  large_orange_diamond: [["M10 1.5 18.5 10 10 18.5 1.5 10z", "#e8710a"]],
  small_blue_diamond: [["M10 4.5 15.5 10 10 15.5 4.5 10z", "#2563eb"]],
  stopwatch: [["M10 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z", "#fff", "#5c6773"], ["M10 7.5V11l2.5 1.5M8 1.5h4", "none", "#5c6773"]],
  "+1": [["M3 9h3v8H3zM7 9l3-7c2 0 2 1.5 1.7 3L11.3 8H16c1.5 0 2 1 1.7 2.3l-1.3 5.4c-.3 1-.9 1.3-1.800 1.3H7z", "#f2b134", "#a86b00"]],
};
const bare = (char) => char.replace("\uFE0F", ""); // with or without the mark that asks for colour
const NAMES = new Map(Object.entries(EMOJI).map(([name, char]) => [bare(char), name]).reverse());
const CHARS = [...NAMES.keys()].sort((one, other) => other.length - one.length).join("|");
const FOUND = new RegExp(`:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):|((?:${CHARS})\uFE0F?)`, "g");
let coloured = null;

/** Whether this machine shows emoji in colour: one is painted and its pixels are looked at. */
function hasFont() {
  if (coloured !== null) return coloured;
  const brush = Object.assign(document.createElement("canvas"), { width: 24, height: 24 }).getContext("2d", { willReadFrequently: true });
  brush.font = "16px sans-serif";
  brush.fillText("🔥", 2, 18);
  const pixels = brush.getImageData(0, 0, 24, 24).data;
  let vivid = 0;
  for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] > 200 && Math.abs(pixels[at] - pixels[at + 2]) > 80) vivid += 1;
  coloured = vivid > 10;
  return coloured;
}

function drawn(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "emoji");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", name.replaceAll("_", " "));
  for (const [d, fill, stroke] of DRAWN[name]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ d, fill, stroke: stroke ?? "none", "stroke-width": fill === "none" ? "2.2" : "1.2", "stroke-linecap": "round", "stroke-linejoin": "round" })) path.setAttribute(key, value);
    svg.append(path);
  }
  return svg;
}

/** One emoji by its short name: a character, a drawing, or the name in colons. */
export function emoji(name) {
  const base = name.split("::")[0];
  if (EMOJI[base] && hasFont()) return EMOJI[base];
  const same = DRAWN[base] ? base : NAMES.get(bare(EMOJI[base] ?? ""));
  return DRAWN[same] ? drawn(same) : `:${base}:`;
}

function character(char) {
  const name = NAMES.get(bare(char));
  return DRAWN[name] && !hasFont() ? drawn(name) : char;
}

/** Text with its emoji, as strings and nodes. */
export function withEmoji(text) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(FOUND)) {
    const [, name, char] = match;
    if (name && !EMOJI[name.split("::")[0]]) continue;
    parts.push(text.slice(at, match.index), name ? emoji(name) : character(char));
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** Text with its emoji as characters, for where nodes cannot go; without them where no font has them. */
export function emojiText(text) {
  if (hasFont()) return text.replace(FOUND, (whole, name, char) => char ?? EMOJI[name] ?? whole);
  const left = (char) => (DRAWN[NAMES.get(bare(char))] ? "" : char);
  return text.replace(FOUND, (whole, name, char) => (char ? left(char) : EMOJI[name] ? "" : whole)).trim();
}
