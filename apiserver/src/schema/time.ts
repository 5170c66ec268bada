/** Times and durations in the form upstream writes back. */

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const plain = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const daysIn = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export class TimeError extends Error {
  constructor(text: string, layout: string) {
    super(
      `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  }
}

/** RFC 3339 in UTC to the second. @throws TimeError */
export function canonicalTime(text: string): string {
  const { ms, isPlain } = parse(text, "2006-01-02T15:04:05Z07:00");
  return isPlain ? text : `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC to the microsecond. @throws TimeError */
export function canonicalMicroTime(text: string): string {
  const { ms, fraction } = parse(text, "2006-01-02T15:04:05.000000Z07:00");
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
}

function parse(text: string, layout: string): { ms: number; fraction: string; isPlain: boolean } {
  const match = rfc3339.exec(text);
  if (!match) throw new TimeError(text, layout);
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHours, offsetMinutes] = match;
  const isReal =
    Number(day) >= 1 &&
    Number(day) <= (daysIn[Number(month) - 1] ?? 0) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!isReal || Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(day))
    throw new TimeError(text, layout);
  const offset = sign
    ? (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === "-" ? -1 : 1)
    : 0;
  return { ms: ms - offset, fraction, isPlain: fraction === "" && offset === 0 && plain.test(text) };
}

const unitNanos: Record<string, bigint> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** A Go duration such as `1h30m`, in Go's own form (`1h30m0s`). @throws Error */
export const canonicalDuration = (text: string): string => formatDuration(durationNanos(text));

/** The nanoseconds of a Go duration. @throws Error */
export function durationNanos(text: string): bigint {
  const body = /^([+-]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)
    ? text.replace(/^[+-]/, "")
    : undefined;
  if (body === undefined) {
    if (/^[+-]?0$/.test(text)) return 0n;
    throw new Error(`time: invalid duration ${JSON.stringify(text)}`);
  }
  let nanos = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of body.matchAll(
    /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    const scale = unitNanos[unit] ?? 0n;
    nanos +=
      BigInt(whole || "0") * scale + (BigInt(fraction || "0") * scale) / 10n ** BigInt(fraction.length);
  }
  return text.startsWith("-") ? -nanos : nanos;
}

/** Nanoseconds as Go prints a duration. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return "0s";
  const sign = nanos < 0n ? "-" : "";
  const abs = nanos < 0n ? -nanos : nanos;
  const decimal = (scale: bigint): string => {
    const digits = scale.toString().length - 1;
    const fraction = (abs % scale).toString().padStart(digits, "0").replace(/0+$/, "");
    return `${abs / scale}${fraction ? `.${fraction}` : ""}`;
  };
  if (abs < 1000n) return `${sign}${abs}ns`;
  if (abs < 1_000_000n) return `${sign}${decimal(1000n)}µs`;
  if (abs < 1_000_000_000n) return `${sign}${decimal(1_000_000n)}ms`;
  const minutes = abs / 60_000_000_000n;
  const rest = abs % 60_000_000_000n;
  const fraction = (rest % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const seconds = `${rest / 1_000_000_000n}${fraction ? `.${fraction}` : ""}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  return minutes < 60n
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}
