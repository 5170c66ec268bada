import type { Client } from "@coracle/shared/client/client.ts";
import type { Resource } from "@coracle/shared/api/resources.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";

/** A resource the API serves, as it says itself: built-in and custom ones alike. */
export interface Discovered extends Resource<KubeObject> {
  readonly verbs: readonly string[];
}

interface ResourceDiscovery {
  readonly resource: string;
  readonly responseKind?: { readonly group?: string; readonly version?: string; readonly kind: string };
  readonly scope: string;
  readonly verbs: readonly string[];
}
interface GroupDiscovery {
  readonly metadata?: { readonly name?: string };
  readonly versions?: readonly {
    readonly version: string;
    readonly resources?: readonly ResourceDiscovery[];
    readonly freshness?: string;
  }[];
}

const ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** All resources, each in its group's preferred version. */
export async function discover(client: Client, signal: AbortSignal): Promise<Discovered[]> {
  const groups = await Promise.all([read(client, "/api", signal), read(client, "/apis", signal)]);
  return resourcesOf(groups.flat());
}

async function read(client: Client, path: string, signal: AbortSignal): Promise<readonly GroupDiscovery[]> {
  const { body } = await client.request("GET", path, { signal, headers: { accept: ACCEPT } });
  const list = JSON.parse(Buffer.from(body).toString()) as { items?: readonly GroupDiscovery[] };
  return list.items ?? [];
}

/** Flattens a discovery answer; the first version that has a resource is the preferred one. Pure. */
export function resourcesOf(groups: readonly GroupDiscovery[]): Discovered[] {
  const found = new Map<string, Discovered>();
  for (const group of groups) {
    const name = group.metadata?.name ?? "";
    for (const version of group.versions ?? []) {
      for (const r of version.resources ?? []) {
        const id = `${r.resource}.${name}`;
        if (found.has(id) || !r.responseKind) continue;
        found.set(id, {
          group: r.responseKind.group || name,
          version: r.responseKind.version || version.version,
          plural: r.resource,
          kind: r.responseKind.kind,
          namespaced: r.scope === "Namespaced",
          verbs: r.verbs,
        });
      }
    }
  }
  return [...found.values()];
}

export const supports = (resource: Discovered, ...verbs: string[]): boolean =>
  verbs.every((verb) => resource.verbs.includes(verb));

/** The same Events are served in two groups; they end by their own time to live. */
export const isEvents = (resource: Resource<unknown>): boolean => resource.plural === "events";
