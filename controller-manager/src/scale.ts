import type { Scale } from "@coracle/shared/api/generated/autoscaling-v1.ts";
import {
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
  storageNameOf,
  type Resource,
} from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { objectPath } from "@coracle/shared/client/paths.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
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

/**
 * The same, or nothing when there is no such object.
 * @throws Error when its kind has no scale
 */
export async function readScaleOrNothing(
  client: Client,
  target: ScaleTarget,
  namespace: string,
  signal: AbortSignal,
): Promise<FoundScale | undefined> {
  try {
    return await readScale(client, target, namespace, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // Either the object is missing or its kind has no such subresource.
    const resource = await resourceOf(client, target, signal);
    const exists = await client
      .get(resource, { name: target.name, namespace }, { signal })
      .then(() => true)
      .catch((e: unknown) => !isNotFound(e));
    if (!exists) return undefined;
    throw new Error(`${storageNameOf(resource)} does not implement the scale subresource`, {
      cause: error,
    });
  }
}

async function resourceOf(
  client: Client,
  target: ScaleTarget,
  signal: AbortSignal,
): Promise<Resource<KubeObject>> {
  const group = groupOf(target.apiVersion ?? "");
  const isTarget = (r: Resource<unknown>): boolean => r.group === group && r.kind === target.kind;
  const found =
    (KNOWN.find(isTarget) as Resource<KubeObject> | undefined) ??
    (await discover(client, signal)).find(isTarget);
  if (!found) throw new NoMatchError(`no matches for kind "${target.kind}" in group "${group}"`);
  return found;
}

export async function readScale(
  client: Client,
  target: ScaleTarget,
  namespace: string,
  signal: AbortSignal,
): Promise<FoundScale> {
  const found = await resourceOf(client, target, signal);
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
