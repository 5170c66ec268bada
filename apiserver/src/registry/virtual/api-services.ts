import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { defineKind } from "../kind.ts";
import type { ResourceTable } from "../resources.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { VirtualKind } from "./virtual-kind.ts";

const kind = defineKind<APIService>({
  group: "apiregistration.k8s.io",
  kind: "APIService",
  namespaced: false,
  verbs: ["get", "list", "watch"],
  columns: [
    { name: "Name", type: "string", format: "name", value: (o) => o.metadata.name },
    { name: "Service", type: "string", value: () => "Local" },
    { name: "Available", type: "string", value: () => "True" },
    { name: "Age", type: "date", value: () => "<unknown>" },
  ],
});

/** The groups and versions that this server serves itself. */
export const apiServices: VirtualKind = { kind, objects: (registry) => servedGroups(registry.resources) };

function servedGroups(table: ResourceTable): KubeObject[] {
  const found = new Map<string, APIService>();
  for (const { group, versions } of table.kinds()) {
    versions.forEach((version, i) => {
      const name = `${version}.${group}`;
      if (!found.has(name)) found.set(name, describe(name, { group, version, priority: 15 - i }));
    });
  }
  return [...found.values()].toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
}

const describe = (
  name: string,
  { group, version, priority }: { group: string; version: string; priority: number },
): APIService => ({
  kind: "APIService",
  apiVersion: "apiregistration.k8s.io/v1",
  metadata: { name, labels: { "kube-aggregator.kubernetes.io/automanaged": "onstart" } },
  spec: {
    ...(group ? { group } : {}),
    version,
    groupPriorityMinimum: group ? 17_800 : 18_000,
    versionPriority: priority,
  },
  status: {
    conditions: [
      {
        type: "Available",
        status: "True",
        reason: "Local",
        message: "Local APIServices are always available",
        lastTransitionTime: "1970-01-01T00:00:00Z",
      },
    ],
  },
});
