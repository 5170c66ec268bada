/** `semver("1.2.3")`: versions by the rules of Semantic Versioning 2.0. */
import type { Environment } from "./library.ts";

export class Semver {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];
  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly string[]) {
    this.numbers = numbers;
    this.pre = pre;
  }
}

const number = "(0|[1-9]\\d*)";
const form = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$`,
);

/** Takes off a `v`, fills in missing parts and drops leading zeros. */
function normalize(text: string): string {
  const [, core = "", rest = ""] = /^v?([\d.]+)(.*)$/.exec(text.trim()) ?? [];
  const parts = core.split(".").map((part) => part.replace(/^0+(?=\d)/, ""));
  while (parts.length < 3) parts.push("0");
  return parts.join(".") + rest;
}

export function parseSemver(text: string): Semver {
  const match = form.exec(text);
  if (!match) throw new Error(`No valid semantic version: ${JSON.stringify(text)}`);
  const [, major = "0", minor = "0", patch = "0", pre] = match;
  return new Semver([BigInt(major), BigInt(minor), BigInt(patch)], pre ? pre.split(".") : []);
}

function compare(a: Semver, b: Semver): bigint {
  for (const i of [0, 1, 2] as const) {
    if (a.numbers[i] !== b.numbers[i]) return a.numbers[i] < b.numbers[i] ? -1n : 1n;
  }
  if (a.pre.length === 0 || b.pre.length === 0) {
    return a.pre.length === b.pre.length ? 0n : a.pre.length === 0 ? 1n : -1n;
  }
  for (let i = 0; i < Math.max(a.pre.length, b.pre.length); i++) {
    const [x, y] = [a.pre[i], b.pre[i]];
    if (x === y) continue;
    if (x === undefined) return -1n;
    if (y === undefined) return 1n;
    const [xn, yn] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (xn && yn) return BigInt(x) < BigInt(y) ? -1n : 1n;
    if (xn !== yn) return xn ? -1n : 1n;
    return x < y ? -1n : 1n;
  }
  return 0n;
}

export function registerSemver(environment: Environment): void {
  const type = "kubernetes.Semver";
  environment
    .registerType(type, Semver)
    .registerFunction(`semver(string): ${type}`, parseSemver)
    .registerFunction(`semver(string, bool): ${type}`, (text: string, loose: boolean) =>
      parseSemver(loose ? normalize(text) : text),
    )
    .registerFunction("isSemver(string): bool", (text: string) => form.test(text))
    .registerFunction("isSemver(string, bool): bool", (text: string, loose: boolean) =>
      form.test(loose ? normalize(text) : text),
    )
    .registerFunction(`${type}.major(): int`, (v: Semver) => v.numbers[0])
    .registerFunction(`${type}.minor(): int`, (v: Semver) => v.numbers[1])
    .registerFunction(`${type}.patch(): int`, (v: Semver) => v.numbers[2])
    .registerFunction(`${type}.isGreaterThan(${type}): bool`, (a: Semver, b: Semver) => compare(a, b) > 0n)
    .registerFunction(`${type}.isLessThan(${type}): bool`, (a: Semver, b: Semver) => compare(a, b) < 0n)
    .registerFunction(`${type}.compareTo(${type}): int`, compare)
    .registerOperator(`${type} == ${type}`, (a: Semver, b: Semver) => compare(a, b) === 0n);
}
