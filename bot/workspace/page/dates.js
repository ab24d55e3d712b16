// Slack's date tokens, in the reader's own time zone and language.

const DAY = 86_400_000;

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function relativeDay(date) {
  const days = Math.round((startOfDay(date) - startOfDay(new Date())) / DAY);
  return days === 0 ? "today" : days === -1 ? "yesterday" : days === 1 ? "tomorrow" : null;
}

function ago(date) {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
  for (const [unit, size] of units) if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  return format.format(seconds, "second");
}

const show = (options) => (date) => new Intl.DateTimeFormat(undefined, options).format(date);
const long = show({ weekday: "long", year: "numeric", month: "long", day: "numeric" });
const medium = show({ year: "numeric", month: "long", day: "numeric" });
const short = show({ year: "numeric", month: "short", day: "numeric" });

export const clock = show({ hour: "2-digit", minute: "2-digit" });

const FORMATS = {
  date_num: (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`,
  date: medium,
  date_short: short,
  date_long: long,
  date_pretty: (date) => relativeDay(date) ?? medium(date),
  date_short_pretty: (date) => relativeDay(date) ?? short(date),
  date_long_pretty: (date) => relativeDay(date) ?? long(date),
  date_long_full: long,
  time: clock,
  time_secs: show({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  ago,
};

/** Fill a format such as "{date_short_pretty} at {time}"; null if a token is unknown. */
export function formatDate(seconds, format) {
  const date = new Date(Number(seconds) * 1000);
  let known = !Number.isNaN(date.getTime());
  const text = format.replace(/\{(\w+)\}/g, (token, name) => {
    if (!FORMATS[name]) known = false;
    return FORMATS[name]?.(date) ?? token;
  });
  return known ? text : null;
}

/** When exactly, for a tooltip: local time with zone, and UTC. */
export function exact(seconds) {
  const date = new Date(Number(seconds) * 1000);
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" }).format(date);
  return `${local} (${date.toISOString().replace(".000Z", "Z")})`;
}

export function dayLabel(seconds) {
  const date = new Date(Number(seconds) * 1000);
  const name = relativeDay(date);
  return name ? name[0].toUpperCase() + name.slice(1) : long(date);
}
