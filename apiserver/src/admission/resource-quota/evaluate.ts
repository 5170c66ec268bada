import type { ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  subtractQuantities,
  zeroQuantity,
  type Quantity,
} from "@coracle/shared/meta/quantity.ts";
import type { Usage } from "@coracle/shared/quota/usage.ts";

type List = Readonly<Record<string, string>>;

/** What a write adds to a quota's resources; what it takes away is negative. */
export function difference(after: Usage, before: Usage | undefined): Record<string, Quantity> {
  const delta: Record<string, Quantity> = {};
  for (const name of new Set([...Object.keys(after), ...Object.keys(before ?? {})])) {
    const change = subtractQuantities(after[name] ?? zeroQuantity, before?.[name] ?? zeroQuantity);
    if (change.nanos !== 0n) delta[name] = change;
  }
  return delta;
}

/** The part of a delta that a quota counts. */
export function countedBy(
  quota: ResourceQuota,
  delta: Readonly<Record<string, Quantity>>,
): Record<string, Quantity> {
  const hard = quota.status?.hard ?? {};
  return Object.fromEntries(Object.entries(delta).filter(([name]) => hard[name] !== undefined));
}

/** The quota's new `used`, or why it must not be. */
export function charge(
  quota: ResourceQuota,
  delta: Readonly<Record<string, Quantity>>,
): { used: Record<string, string> } | { refusal: string } {
  const { hard = {}, used = {} } = quota.status ?? {};
  const name = quota.metadata.name ?? "";
  const unknown = Object.keys(hard).filter((r) => used[r] === undefined);
  if (unknown.length > 0) {
    return { refusal: `status unknown for quota: ${name}, resources: ${ordered(unknown).join(",")}` };
  }
  const next: Record<string, string> = { ...used };
  const exceeded: string[] = [];
  for (const [resource, change] of Object.entries(delta)) {
    const total = addQuantities(parseQuantity(used[resource] ?? "0"), change);
    const negative = total.nanos < 0n;
    next[resource] = formatQuantity(negative ? zeroQuantity : total);
    // What shrinks may shrink, even when it is still too much.
    const grows = change.nanos > 0n;
    if (grows && compareQuantities(total, parseQuantity(hard[resource] ?? "0")) > 0) exceeded.push(resource);
  }
  if (exceeded.length === 0) return { used: next };
  const names = ordered(exceeded);
  const print = (list: (resource: string) => string): string => names.map((r) => `${r}=${list(r)}`).join(",");
  const requested = print((r) => formatQuantity(delta[r] ?? zeroQuantity));
  return {
    refusal: `exceeded quota: ${name}, requested: ${requested}, used: ${print((r) => amount(used, r))}, limited: ${print((r) => amount(hard, r))}`,
  };
}

const amount = (list: List, resource: string): string => list[resource] ?? "0";
const ordered = (names: readonly string[]): string[] => names.toSorted((a, b) => (a < b ? -1 : 1));

const perContainer = /^(requests\.|limits\.)?(cpu|memory)$/;

/** Of the resources that every container must state when a quota limits them, those that a pod's containers leave out. */
export function unstated(
  quota: ResourceQuota,
  containers: readonly {
    name: string;
    resources?: { requests?: List | undefined; limits?: List | undefined } | undefined;
  }[],
): string | undefined {
  const missing: string[] = [];
  for (const resource of Object.keys(quota.status?.hard ?? {})) {
    const [, prefix, base = ""] = perContainer.exec(resource) ?? [];
    if (!base) continue;
    const without = containers.filter((c) => {
      const list = prefix === "limits." ? c.resources?.limits : c.resources?.requests;
      return list?.[base] === undefined;
    });
    if (without.length === 0) continue;
    missing.push(`${resource} for: ${ordered(without.map((c) => c.name)).join(",")}`);
  }
  if (missing.length === 0) return undefined;
  return `failed quota: ${quota.metadata.name}: must specify ${ordered(missing).join("; ")}`;
}
