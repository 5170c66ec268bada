/** Cron schedules: five fields, or a descriptor such as `@daily`. What is wrong is said in the words of the parser that upstream uses. */
interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const fields: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  {
    min: 1,
    max: 12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];
const descriptors = new Set([
  "@yearly",
  "@annually",
  "@monthly",
  "@weekly",
  "@daily",
  "@midnight",
  "@hourly",
]);
const zonePrefix = /^(?:CRON_)?TZ=(\S*)\s*/;

export const hasTimeZone = (schedule: string): boolean => schedule.includes("TZ");

/** @returns what is wrong with a schedule, or undefined */
export function cronProblem(schedule: string): string | undefined {
  const zone = zonePrefix.exec(schedule);
  if (zone && !isTimeZone(zone[1] ?? ""))
    return `provided bad location ${zone[1]}: unknown time zone ${zone[1]}`;
  const text = schedule.slice(zone?.[0].length ?? 0).trim();
  if (text === "") return "empty spec string";
  if (text.startsWith("@")) return descriptorProblem(text);
  const parts = text.split(/\s+/);
  if (parts.length !== fields.length)
    return `expected exactly 5 fields, found ${parts.length}: [${parts.join(" ")}]`;
  for (const [i, part] of parts.entries()) {
    const field = fields[i];
    const problem = field && fieldProblem(part, field);
    if (problem) return problem;
  }
  return undefined;
}

function descriptorProblem(text: string): string | undefined {
  if (descriptors.has(text)) return undefined;
  const every = /^@every (.*)$/.exec(text)?.[1];
  if (every === undefined) return `unrecognized descriptor: ${text}`;
  return /^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$/.test(every)
    ? undefined
    : `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(every)}`;
}

function fieldProblem(text: string, field: Field): string | undefined {
  for (const expression of text.split(",").filter((e) => e !== "")) {
    const problem = rangeProblem(expression, field);
    if (problem) return problem;
  }
  return undefined;
}

function rangeProblem(expression: string, field: Field): string | undefined {
  const [range = "", step, ...more] = expression.split("/");
  if (more.length > 0) return `too many slashes: ${expression}`;
  const [low = "", high, ...rest] = range.split("-");
  if (rest.length > 0) return `too many hyphens: ${expression}`;
  let start = field.min;
  let end = field.max;
  if (low !== "*" && low !== "?") {
    const first = numberOf(low, field);
    if (typeof first === "string") return first;
    const last = high === undefined ? (step === undefined ? first : field.max) : numberOf(high, field);
    if (typeof last === "string") return last;
    start = first;
    end = last;
  }
  if (step !== undefined) {
    const by = numberOf(step, { min: 0, max: 0 });
    if (typeof by === "string") return by;
    if (by === 0) return `step of range should be a positive number: ${expression}`;
  }
  if (start < field.min) return `beginning of range (${start}) below minimum (${field.min}): ${expression}`;
  if (end > field.max) return `end of range (${end}) above maximum (${field.max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  return undefined;
}

function numberOf(text: string, field: Field): number | string {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + field.min;
  if (!/^[+-]?[0-9]+$/.test(text))
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  const n = Number(text);
  return n < 0 ? `negative number (${n}) not allowed: ${text}` : n;
}

/** @returns what is wrong with a time zone's name, or undefined */
export function timeZoneProblem(zone: string): string | undefined {
  if (zone === "") return "timeZone must be nil or non-empty string";
  if (zone.toLowerCase() === "local")
    return "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
  return isTimeZone(zone) ? undefined : `unknown time zone ${zone}`;
}

function isTimeZone(zone: string): boolean {
  try {
    // Offsets are no names, though Intl takes them.
    return !/^[+-]/.test(zone) && Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}
