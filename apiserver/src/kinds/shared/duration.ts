const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Elapsed time in two or three significant digits, the way upstream's tables print it: `45s`, `3m20s`, `15m`, `5h4m`, `2d3h`, `400d`, `3y12d`.
 * Clocks may disagree a little: up to two seconds in the future still count as now.
 */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / second);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(milliseconds / minute);
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(milliseconds / hour);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return pair(Math.trunc(hours / 24), "d", hours % 24, "h");
  const days = Math.trunc(milliseconds / day);
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  if (years < 8) return pair(years, "y", days % 365, "d");
  return `${years}y`;
}

const pair = (large: number, unit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;

/** Time since `timestamp`, or `<unknown>` when there is none. */
export function since(timestamp: string | undefined, now: Date): string {
  if (!timestamp) return "<unknown>";
  const then = Date.parse(timestamp);
  return Number.isNaN(then) ? "<unknown>" : humanDuration(now.getTime() - then);
}
