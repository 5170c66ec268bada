import { semanticEqual } from "./equal.ts";

/** The fields that differ, old and new, one a line: tells the writer which immutable field was touched. */
export function differenceText(next: object, old: object): string {
  const before = old as Readonly<Record<string, unknown>>;
  const after = next as Readonly<Record<string, unknown>>;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((field) => !semanticEqual(before[field], after[field]))
    .map((field) => `- ${field}: ${show(before[field])}\n+ ${field}: ${show(after[field])}`)
    .join("\n");
}

const show = (value: unknown): string => (value === undefined ? "null" : JSON.stringify(value));
