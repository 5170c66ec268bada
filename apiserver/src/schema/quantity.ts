import { canonicalQuantity as canonical } from "@coracle/shared/meta/quantity.ts";

const known = new Map<string, string>();

/**
 * Quantities in their canonical form, as upstream writes them back: `1000m` → `1`, `1024Ki` → `1Mi`, `0.1` → `100m`. Every pod
 * names the same few, so answers are remembered. @throws Error when the text is not a quantity
 */
export function canonicalQuantity(value: string | number): string {
  const text = String(value);
  const cached = known.get(text);
  if (cached !== undefined) return cached;
  const answer = canonical(text);
  // A client that sends many distinct ones must not grow this.
  if (known.size >= 4096) known.clear();
  known.set(text, answer);
  return answer;
}
