import type { Container, EphemeralContainer, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";

/** What a check finds: `reason (detail)` in messages. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export interface PodToCheck {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** One control of the Pod Security Standards. */
export type Check = (pod: PodToCheck) => Violation | undefined;

export type AnyContainer = Container | EphemeralContainer;

export const containersOf = (spec: PodSpec): AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];

/** Names of the containers that a rule finds wanting. */
export const namesWhere = (spec: PodSpec, wrong: (container: AnyContainer) => boolean): string[] =>
  containersOf(spec)
    .filter(wrong)
    .map((c) => c.name);

export const quoted = (names: Iterable<string>): string =>
  [...new Set(names)].map((n) => JSON.stringify(n)).join(", ");

/** `container "a"`, `containers "a", "b"`. */
export const containers = (names: readonly string[]): string => plural("container", names);

export const plural = (noun: string, names: readonly string[]): string =>
  `${noun}${new Set(names).size === 1 ? "" : "s"} ${quoted(names)}`;

/** `pod`, `container "a"`, `pod and containers "a", "b"`: those who set something they must not. */
export const setters = (pod: boolean, names: readonly string[]): string =>
  [...(pod ? ["pod"] : []), ...(names.length > 0 ? [containers(names)] : [])].join(" and ");

export const isWindows = (spec: PodSpec): boolean => spec.os?.name === "windows";
