import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";

const words = (text: string): string[] => text.split(" ");

/** What may be done to resources of a group ("core" for the one without a name): `may("get list", "core", "pods pods/log")`. */
export const may = (verbs: string, groups: string, resources: string, names?: string): PolicyRule => ({
  verbs: words(verbs),
  apiGroups: words(groups).map((g) => (g === "core" ? "" : g)),
  resources: words(resources),
  ...(names === undefined ? {} : { resourceNames: words(names) }),
});

export const mayAt = (verbs: string, urls: string): PolicyRule => ({
  verbs: words(verbs),
  nonResourceURLs: words(urls),
});

export const read = "get list watch";
export const write = "create delete deletecollection patch update";
export const readWrite = "create delete deletecollection get list patch update watch";

/** Events are written by all that do something, under both of their groups. */
export const writeEvents: PolicyRule = may("create patch update", "core events.k8s.io", "events");
