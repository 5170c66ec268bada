/** The string formats that a schema may name. Unknown ones say nothing. */
import { isIP } from "node:net";

const day = /^(\d{4})-(\d\d)-(\d\d)$/;
const isDate = (text: string): boolean => {
  if (!day.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
};
const dateTime = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)$/;
const isDateTime = (text: string): boolean => {
  const [, date = "", hour, minute, second] = dateTime.exec(text) ?? [];
  return isDate(date) && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
};
const duration = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
/** The library upstream uses also knows days and weeks, in words. */
const wordyDuration =
  /^\s*\d+(?:\.\d+)?\s*(?:ns|nanos?|us|µs|micros?|ms|millis?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*$/i;
const uuid = (version: string): RegExp =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, "i");
const hostname =
  /^(?=.{1,255}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function isCidr(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const family = isIP(address);
  return (
    rest.length === 0 &&
    family !== 0 &&
    /^\d{1,3}$/.test(length) &&
    Number(length) <= (family === 4 ? 32 : 128)
  );
}

const matches =
  (form: RegExp) =>
  (text: string): boolean =>
    form.test(text);

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  uri: (text) => text.startsWith("/") || (/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && URL.canParse(text)),
  email: matches(/^[^\s@<>]+@[^\s@<>]+$/),
  hostname: matches(hostname),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  cidr: isCidr,
  mac: matches(/^(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$|^(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}$/),
  uuid: matches(uuid("[0-9a-f]")),
  uuid3: matches(uuid("3")),
  uuid4: matches(uuid("4")),
  uuid5: matches(uuid("5")),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: (text) => isIsbn10(text),
  isbn13: (text) => isIsbn13(text),
  creditcard: (text) => isCard(text.replaceAll(/[\s-]/g, "")),
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matches(
    /^rgb\(\s*(?:(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])\s*,\s*){2}(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])\s*\)$/,
  ),
  byte: matches(base64),
  password: () => true,
  date: isDate,
  duration: (text) => duration.test(text) || wordyDuration.test(text),
  datetime: isDateTime,
  "date-time": isDateTime,
};

function isIsbn10(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce((total, d, i) => total + (d === "X" ? 10 : Number(d)) * (10 - i), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (!/^\d{13}$/.test(digits)) return false;
  return Array.from(digits).reduce((total, d, i) => total + Number(d) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

/** Luhn's check digit. */
function isCard(digits: string): boolean {
  if (!/^\d{13,16}$/.test(digits)) return false;
  const sum = Array.from(digits)
    .toReversed()
    .reduce((total, d, i) => {
      const n = Number(d) * (i % 2 === 0 ? 1 : 2);
      return total + (n > 9 ? n - 9 : n);
    }, 0);
  return sum % 10 === 0;
}

/** Formats of integers are ranges. */
const ranges: Readonly<Record<string, readonly [min: number, max: number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63],
};

/** Whether a value is not of the named format. */
export function formatProblem(format: string, value: string | number): boolean {
  if (typeof value === "string") {
    const name = format.toLowerCase().replaceAll(/[-_]/g, "");
    const check = checks[format] ?? checks[name];
    return check !== undefined && !check(value);
  }
  const range = ranges[format];
  return range !== undefined && Number.isInteger(value) && (value < range[0] || value > range[1]);
}
