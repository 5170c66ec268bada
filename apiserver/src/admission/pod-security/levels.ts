import { baselineChecks } from "./baseline.ts";
import type { Check, PodToCheck } from "./check.ts";
import { restrictedChecks } from "./restricted.ts";

export const levels = ["privileged", "baseline", "restricted"] as const;
export type Level = (typeof levels)[number];
export type Mode = "enforce" | "audit" | "warn";

/** A level and the version of the standards it is of. Older versions are held to the newest rules. */
export interface Policy {
  readonly level: Level;
  readonly version: string;
}

const prefix = "pod-security.kubernetes.io/";

export const levelLabel = (mode: Mode): string => `${prefix}${mode}`;
export const versionLabel = (mode: Mode): string => `${prefix}${mode}-version`;

/** What a namespace's labels ask for; what cannot be read is the strictest. */
export function policyOf(labels: Readonly<Record<string, string>> | undefined, mode: Mode): Policy {
  const level = labels?.[levelLabel(mode)];
  const version = labels?.[versionLabel(mode)] ?? "latest";
  if (level === undefined) return { level: "privileged", version };
  return { level: isLevel(level) ? level : "restricted", version: isVersion(version) ? version : "latest" };
}

export const isLevel = (text: string): text is Level => (levels as readonly string[]).includes(text);
export const isVersion = (text: string): boolean => text === "latest" || /^v1\.(0|[1-9]\d*)$/.test(text);

const checks: Readonly<Record<Level, readonly Check[]>> = {
  privileged: [],
  baseline: baselineChecks,
  restricted: restrictedChecks,
};

/** What about a pod violates a level, as `reason (detail), …`; "" when nothing does. */
export const violations = (level: Level, pod: PodToCheck): string =>
  checks[level].flatMap((check) => print(check(pod))).join(", ");

/** The reasons alone, for lists of many pods. */
export const violationReasons = (level: Level, pod: PodToCheck): string =>
  checks[level].flatMap((check) => check(pod)?.reason ?? []).join(", ");

const print = (v: ReturnType<Check>): string[] =>
  v ? [v.detail ? `${v.reason} (${v.detail})` : v.reason] : [];
