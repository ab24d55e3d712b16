// What a report does beyond standing still: it tells what was at one moment, writes times in the reader's zone, and
// opens the incident that a link leads to. Without it the page says the same, in UTC. Texts are set as text, never as HTML.
"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const element = (name, text, className) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // Times. A form is `s` or `m` (to the second or the minute), `d` before it adds the day.
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let zone = own;
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const parts = (at) => Object.fromEntries(new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hourCycle: "h23", day: "numeric", month: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).formatToParts(at).map((part) => [part.type, part.value]));
  const written = (at, form) => {
    const { day, month, hour, minute, second } = parts(at);
    const date = form.startsWith("d") ? `${Number(day)} ${months[month - 1]} ` : "";
    return `${date}${hour}:${minute}${form.endsWith("s") ? `:${second}` : ""}`;
  };
  const offset = (at) => {
    const name = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(at)
      .find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC").replace(/\+00:00$/, "");
    return name;
  };
  const writeTimes = () => {
    for (const time of all("time[data-form]")) time.textContent = written(new Date(time.dateTime), time.dataset.form);
    for (const tick of all("text[data-at]")) tick.textContent = written(new Date(tick.dataset.at), tick.dataset.form);
    const first = one("header time");
    if (!first) return;
    const at = new Date(first.dateTime);
    one("#zone").textContent = offset(at) === "UTC" ? "times are UTC" : `times are ${zone} (${offset(at)})`;
  };
  const header = one("header time");
  if (header && offset(new Date(header.dateTime)) !== "UTC") {
    one("#zones").hidden = false;
    one("#own-zone").textContent = own;
    for (const radio of all("#zones input")) {
      radio.addEventListener("change", () => {
        zone = radio.value === "utc" ? "UTC" : own;
        writeTimes();
        tell();
      });
    }
  }

  // One moment: a column of the axis, chosen with the pointer or with the keys of the slider.
  const holder = one("#day");
  const day = holder ? JSON.parse(holder.textContent) : null;
  const slider = one("#moment");
  const readout = one("#readout");
  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const some = (texts, most) => texts.slice(0, most).join(", ") + (texts.length > most ? ` and ${texts.length - most} more` : "");
  let told = null;

  function tell() {
    if (!day) return;
    const at = Number(slider.value);
    const from = day.since + at * day.width;
    const to = from + day.width;
    const sum = (name) => day.lanes.reduce((total, lane) => total + lane[name][at], 0);
    const time = `${written(new Date(from * 1000), day.form)} to ${written(new Date(to * 1000), "m")}`;
    const open = day.incidents.filter(([, , begun, last]) => begun < to && last >= from).map(([id, level]) => `${id} SEV${level}`);
    const marks = day.marks.filter(([bucket]) => bucket === at)
      .map(([, kind, service, times, incident]) => `${kind}${times > 1 ? ` × ${times}` : ""} in ${service}${incident ? ` (${incident})` : ""}`);
    const changes = day.changes.filter(([bucket]) => bucket === at).map(([, text]) => text);
    const lines = `${count(sum("lines"), "line")}, ${count(sum("errors"), "error")}`;
    const news = [];
    if (changes.length) news.push(some(changes, 2));
    if (open.length) news.push(some(open, 3));
    if (marks.length) news.push(some(marks, 2));
    readout.replaceChildren(element("p", `${time}: ${lines}`, "moment-time"), element("p", news.join("; ") || "nothing noticed"));
    slider.setAttribute("aria-valuetext", [time, lines, ...news].join("; "));
    for (const label of all(".at[data-lane]")) {
      const lane = day.lanes[Number(label.dataset.lane)];
      label.textContent = `${written(new Date(from * 1000), "m")}: ${lane.lines[at].toLocaleString("en")}, ${count(lane.errors[at], "error")}`;
    }
    const place = `${(100 * (at + 0.5)) / day.buckets}%`;
    for (const line of all("line.cursor")) {
      line.setAttribute("x1", place);
      line.setAttribute("x2", place);
      line.removeAttribute("visibility");
    }
    told = at;
  }

  if (day) {
    slider.disabled = false;
    const first = day.incidents.length ? Math.floor((day.incidents[0][2] - day.since) / day.width) : 0;
    slider.value = String(Math.min(day.buckets - 1, Math.max(0, first)));
    slider.addEventListener("input", tell);
    const axis = one(".ticks");
    one("#chart").addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch" || !event.target.closest(".plot") || event.target === slider) return;
      const box = axis.getBoundingClientRect();
      const at = Math.floor(((event.clientX - box.left) / box.width) * day.buckets);
      const kept = String(Math.min(day.buckets - 1, Math.max(0, at)));
      if (Number(kept) === told) return;
      slider.value = kept;
      tell();
    });
  }
  writeTimes();
  tell();

  // A link to an incident opens it.
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target || !target.classList.contains("incident")) return;
    target.querySelector("details").open = true;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", follow);
  for (const link of all('a[href^="#INC-"]')) {
    link.addEventListener("click", () => {
      if (location.hash === link.getAttribute("href")) follow();
    });
  }
  follow();
  addEventListener("beforeprint", () => all("details").forEach((details) => { details.open = true; }));
})();
