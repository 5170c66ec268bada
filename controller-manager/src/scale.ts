import type { Scale } from "@coracle/shared/api/generated/autoscaling-v1.ts";
import {
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
  type Resource,
} from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { objectPath } from "@coracle/shared/client/paths.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { groupOf } from "@coracle/shared/meta/owners.ts";
import { discover } from "./discovery.ts";

/** The scale subresource of any kind that has one, custom kinds included. */

export interface ScaleTarget {
  readonly apiVersion?: string | undefined;
  readonly kind: string;
  readonly name: string;
}

export interface FoundScale {
  readonly resource: Resource<KubeObject>;
  readonly scale: Scale;
}

export class NoMatchError extends Error {}

/** Known without asking; anything else is looked up in discovery. */
const KNOWN: readonly Resource<unknown>[] = [deployments, replicaSets, statefulSets, replicationControllers];

export async function readScale(
  client: Client,
  target: ScaleTarget,
  namespace: string,
  signal: AbortSignal,
): Promise<FoundScale> {
  const group = groupOf(target.apiVersion ?? "");
  const isTarget = (r: Resource<unknown>): boolean => r.group === group && r.kind === target.kind;
  const found =
    (KNOWN.find(isTarget) as Resource<KubeObject> | undefined) ??
    (await discover(client, signal)).find(isTarget);
  if (!found) throw new NoMatchError(`no matches for kind "${target.kind}" in group "${group}"`);
  const path = `${objectPath(found, { name: target.name, namespace })}/scale`;
  const { body } = await client.request("GET", path, { signal });
  return { resource: found, scale: JSON.parse(Buffer.from(body).toString()) as Scale };
}

/** Writes the number of replicas against the version that was read. */
export async function writeScale(
  client: Client,
  { resource, scale }: FoundScale,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  const { name = "", namespace } = scale.metadata;
  const path = `${objectPath(resource, { name, namespace })}/scale`;
  await client.request("PUT", path, {
    signal,
    headers: { "content-type": "application/json" },
    body: { ...scale, spec: { ...scale.spec, replicas } },
  });
}
