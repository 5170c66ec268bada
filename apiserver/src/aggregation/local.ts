/** The groups and versions that this server serves itself, as APIServices. */
import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { newestFirst } from "../discovery/groups.ts";
import { apiServices } from "../kinds/apiservices/kind.ts";
import { apiserverUser, ensure } from "../registry/bootstrap/ensure.ts";
import { deleteObject } from "../registry/delete-object.ts";
import type { Registry } from "../registry/registry.ts";

const automanaged = "kube-aggregator.kubernetes.io/automanaged";

/** Built-in groups are registered at the start; those of definitions come and go. */
export async function registerLocal(registry: Registry, isRemote: (name: string) => boolean): Promise<void> {
  const wanted = localServices(registry, isRemote);
  // These are this server's own; nobody is asked whether they may be.
  const quiet: Registry = { ...registry, admit: () => undefined };
  await Promise.all([...wanted.values()].map((service) => ensure(quiet, service)));
  for (const { object, key } of registry.cache.all(apiServices.storage)) {
    const { spec, metadata } = object as APIService;
    if (metadata.labels?.[automanaged] && !spec?.service && !wanted.has(key.name))
      await forget(registry, key.name);
  }
}

function localServices(registry: Registry, isRemote: (name: string) => boolean): Map<string, KubeObject> {
  const found = new Map<string, KubeObject>();
  const groups = Map.groupBy(registry.resources.kinds(), (kind) => kind.group);
  for (const [group, kinds] of groups) {
    const versions = [...new Set(kinds.flatMap((kind) => kind.versions))].toSorted(newestFirst);
    versions.forEach((version, i) => {
      const name = `${version}.${group}`;
      const ofDefinitions = kinds.every((kind) => kind.custom !== undefined);
      if (!isRemote(name)) found.set(name, describe(name, { group, version, order: i, ofDefinitions }));
    });
  }
  return found;
}

interface Described {
  readonly group: string;
  readonly version: string;
  readonly order: number;
  readonly ofDefinitions: boolean;
}

const describe = (name: string, { group, version, order, ofDefinitions }: Described): KubeObject => ({
  kind: "APIService",
  apiVersion: "apiregistration.k8s.io/v1",
  metadata: { name, labels: { [automanaged]: ofDefinitions ? "true" : "onstart" } },
  spec: {
    ...(group ? { group } : {}),
    version,
    groupPriorityMinimum: ofDefinitions ? 1000 : group ? 17_800 : 18_000,
    versionPriority: ofDefinitions ? Math.max(1, 100 - order) : Math.max(1, 15 - order),
  },
});

const plain = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagation: undefined,
  uid: undefined,
  resourceVersion: undefined,
} as const;

async function forget(registry: Registry, name: string): Promise<void> {
  const served = registry.resources.find(apiServices.group, "v1", apiServices.plural);
  if (!served) return;
  try {
    await deleteObject(
      { ...registry, admit: () => undefined },
      { served, namespace: "", name, user: apiserverUser, deletion: plain, warn: () => undefined },
    );
  } catch (error) {
    // Another server was faster.
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}
