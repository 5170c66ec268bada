/** What the kubelet watches of its node, and from when on that is too little. */
import { formatQuantity, parseQuantity, quantityOf, quantityValue } from "@coracle/shared/meta/quantity.ts";
import type { Filesystem, HostMemory } from "../stats/host.ts";
import { imageFilesystem } from "../stats/reading.ts";
import type { Stats } from "../stats/stats.ts";

export const SIGNALS = [
  "memory.available",
  "nodefs.available",
  "nodefs.inodesFree",
  "imagefs.available",
  "imagefs.inodesFree",
  "pid.available",
] as const;
export type Signal = (typeof SIGNALS)[number];
export type Starved = "memory" | "ephemeral-storage" | "inodes" | "pids";
export type PressureCondition = "MemoryPressure" | "DiskPressure" | "PIDPressure";

export const starvedBy = (signal: Signal): Starved => {
  switch (signal) {
    case "memory.available":
      return "memory";
    case "nodefs.available":
    case "imagefs.available":
      return "ephemeral-storage";
    case "nodefs.inodesFree":
    case "imagefs.inodesFree":
      return "inodes";
    case "pid.available":
      return "pids";
  }
};
export const conditionOf = (signal: Signal): PressureCondition =>
  signal === "memory.available"
    ? "MemoryPressure"
    : signal === "pid.available"
      ? "PIDPressure"
      : "DiskPressure";

export interface Level {
  readonly available: number;
  readonly capacity: number;
}
/** A signal that could not be read is absent. */
export type Observation = ReadonlyMap<Signal, Level>;

/** An amount, or a share of the capacity. */
export type ThresholdValue = { readonly amount: number } | { readonly share: number };

export interface Threshold {
  readonly signal: Signal;
  readonly value: ThresholdValue;
  /** Undefined: hard. A soft one must have been crossed for so long. */
  readonly graceMs: number | undefined;
  /** How far above the threshold a reclaim has to lead. */
  readonly minReclaim: ThresholdValue | undefined;
}

export const amountOf = (value: ThresholdValue, capacity: number): number =>
  "amount" in value ? value.amount : Math.trunc(capacity * value.share);

/** An amount of a signal as it is printed. */
export const printAmount = (signal: Signal, amount: number): string =>
  formatQuantity(quantityOf(amount, /inodes|pid/.test(signal) ? "DecimalSI" : "BinarySI"));

/** Upstream's hard thresholds on Linux. */
export const DEFAULT_HARD =
  "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%";

export interface ThresholdTexts {
  /** `signal<quantity`, comma-separated, quantities or per cent. */
  readonly hard?: string | undefined;
  readonly soft?: string | undefined;
  /** `signal=1m30s`: one for each soft threshold. */
  readonly softGrace?: string | undefined;
  /** `signal=quantity`. */
  readonly minReclaim?: string | undefined;
}

const isSignal = (text: string): text is Signal => (SIGNALS as readonly string[]).includes(text);

function parsePairs(text: string | undefined, separator: "<" | "="): Map<Signal, string> {
  const pairs = new Map<Signal, string>();
  for (const part of (text ?? "").split(",")) {
    if (part.trim() === "") continue;
    const [signal = "", value = "", ...rest] = part.trim().split(separator);
    if (!isSignal(signal) || value === "" || rest.length > 0)
      throw new Error(`not an eviction setting of the form signal${separator}value: ${part}`);
    if (pairs.has(signal)) throw new Error(`the eviction signal ${signal} is given twice`);
    pairs.set(signal, value);
  }
  return pairs;
}

function parseValue(text: string): ThresholdValue {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent === undefined) {
    const amount = quantityValue(parseQuantity(text));
    if (amount < 0) throw new Error(`an eviction threshold must not be negative: ${text}`);
    return { amount };
  }
  if (Number(percent) > 100) throw new Error(`an eviction threshold must not be above 100%: ${text}`);
  return { share: Number(percent) / 100 };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1m30s` in milliseconds. @throws Error */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smh])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new Error(`not a duration: ${text}`);
  return parts.reduce((total, [, number, unit]) => total + Number(number) * (UNITS[unit ?? ""] ?? 0), 0);
}

/** @throws Error for a setting that cannot be read, and for a soft threshold without a grace period */
export function parseThresholds(texts: ThresholdTexts): Threshold[] {
  const reclaim = parsePairs(texts.minReclaim, "=");
  const grace = parsePairs(texts.softGrace, "=");
  const make = (signal: Signal, value: string, graceMs: number | undefined): Threshold => {
    const least = reclaim.get(signal);
    return {
      signal,
      value: parseValue(value),
      graceMs,
      minReclaim: least === undefined ? undefined : parseValue(least),
    };
  };
  const hard = [...parsePairs(texts.hard ?? DEFAULT_HARD, "<")].map(([signal, value]) =>
    make(signal, value, undefined),
  );
  const soft = [...parsePairs(texts.soft, "<")].map(([signal, value]) => {
    const period = grace.get(signal);
    if (period === undefined) throw new Error(`the soft eviction threshold of ${signal} has no grace period`);
    return make(signal, value, parseDuration(period));
  });
  // A threshold of nothing can never be crossed.
  return [...hard, ...soft].filter(({ value }) => ("amount" in value ? value.amount : value.share) > 0);
}

const inodeLevels = (fs: Filesystem): Level | undefined =>
  // Some file systems make inodes as they need them, and count none.
  fs.inodes > 0 ? { available: fs.inodesFree, capacity: fs.inodes } : undefined;

const pidLevel = ({ max, current }: { readonly max: number; readonly current: number }): Level => ({
  available: Math.max(0, max - current),
  capacity: max,
});

/** The node's own part, as far as the machine itself has it. */
const atMost = (own: Level | undefined, machine: Level): Level =>
  own ? { ...own, available: Math.min(own.available, machine.available) } : machine;

const memoryLevel = ({ totalBytes, workingSetBytes }: HostMemory): Level => ({
  available: Math.max(0, totalBytes - workingSetBytes),
  capacity: totalBytes,
});

/**
 * A few small reads of the kernel, and no question to the engine unless the node has a part of the machine's memory or processes only. Then what
 * its own pods leave of that part counts, as far as the machine itself has it.
 */
export async function observe(
  { host, own }: Pick<Stats, "host" | "own">,
  directories: { readonly nodeDirectory: string; readonly engineDirectory: string },
): Promise<Observation> {
  const [machine, part, node, imageFs, processes] = await Promise.all([
    host.memory().then(memoryLevel),
    own(),
    host.filesystem(directories.nodeDirectory),
    imageFilesystem(host, directories),
    host.processes().then(pidLevel),
  ]);
  const levels: readonly (readonly [Signal, Level | undefined])[] = [
    ["memory.available", atMost(part.memory && memoryLevel(part.memory), machine)],
    ["nodefs.available", node && { available: node.availableBytes, capacity: node.capacityBytes }],
    ["nodefs.inodesFree", node && inodeLevels(node)],
    ["imagefs.available", imageFs && { available: imageFs.availableBytes, capacity: imageFs.capacityBytes }],
    ["imagefs.inodesFree", imageFs && inodeLevels(imageFs)],
    ["pid.available", atMost(part.processes && pidLevel(part.processes), processes)],
  ];
  return new Map(levels.flatMap(([signal, level]) => (level ? [[signal, level]] : [])));
}
