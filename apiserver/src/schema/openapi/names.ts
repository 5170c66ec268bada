import type { GroupVersionKind } from "./served.ts";

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `rbac.authorization.k8s.io` → `rbacAuthorization`, "" → `core`. */
export function groupWord(group: string): string {
  if (group === "") return "core";
  const words = group.replace(/\.k8s\.io$/, "").split(/[.-]/);
  return words.map((w, i) => (i === 0 ? w : capital(w))).join("");
}

/** The definition's name for a kind: upstream's for built-in ones, the reversed group for custom ones. */
export type NameOf = (gvk: GroupVersionKind) => string | undefined;

export const baseOf = (group: string, version: string): string =>
  group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
