import { nodes, type Resource } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists } from "@coracle/shared/errors.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { groupOf } from "@coracle/shared/meta/owners.ts";
import { createWorkQueue } from "@coracle/shared/workqueue/work-queue.ts";
import { discover } from "../../discovery.ts";
import { onAbort, type Loop } from "../../loop.ts";
import { contains, loadManifests } from "./manifests.ts";
import { fitToNodes, isOnePerNode } from "./replicas.ts";

const FIELD_MANAGER = "coracle-addons";

interface Addon {
  readonly resource: Resource<KubeObject>;
  readonly manifest: KubeObject;
}

/**
 * Keeps the cluster's own add-ons as their manifests say: applied at start, and again when somebody changes or deletes them (or only
 * when somebody deletes them, for a manifest with the mode `EnsureExists`).
 */
export const addonsLoop = (
  directory: string,
  values: Readonly<Record<string, string | undefined>>,
): Loop => ({
  name: "addons",
  async run(ctx) {
    const manifests = await loadManifests(directory, values);
    const queue = createWorkQueue({ maxDelayMs: 10_000 });
    const addons = new Map<string, Addon>();
    const watched = new Set<string>();
    const stop = (): void => queue.shutDown();
    onAbort(ctx.signal, stop);
    const resourceOf = createLookup(ctx);
    for (const index of manifests.keys()) queue.add(String(index));
    followNodes(ctx, manifests, (index) => queue.add(index));
    const worker = async (): Promise<void> => {
      for (;;) {
        const index = await queue.next();
        if (index === undefined || ctx.signal.aborted) return;
        const manifest = manifests[Number(index)];
        try {
          if (manifest) {
            const { resource } = await addonFor(addons, resourceOf, manifest);
            await apply(ctx, { resource, manifest: await fitted(ctx, manifest) });
          }
          queue.forget(index);
          follow(ctx, addons, watched, (id) => queue.add(id), manifests);
        } catch (error) {
          if (ctx.signal.aborted) return;
          ctx.log.info(
            { err: error, kind: manifest?.kind, name: manifest?.metadata.name },
            "add-on will be tried again",
          );
          queue.addRateLimited(index);
        } finally {
          queue.done(index);
        }
      }
    };
    // All at once: no add-on needs another to be created, and the cluster's start waits for them.
    await Promise.all(manifests.map(worker));
  },
});

const idOf = (object: KubeObject): string => `${object.apiVersion}/${object.kind}/${keyOf(object)}`;

type Lookup = (manifest: KubeObject) => Promise<Resource<KubeObject>>;

/** Discovery is asked once, and again only for a kind it did not know. */
function createLookup(ctx: ControllerContext): Lookup {
  let known: readonly Resource<KubeObject>[] = [];
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    known = await discover(ctx.client, ctx.signal);
  };
  return async ({ apiVersion = "", kind }) => {
    const find = (): Resource<KubeObject> | undefined =>
      known.find((r) => r.group === groupOf(apiVersion) && r.kind === kind);
    if (!find()) await (asking ??= ask().finally(() => (asking = undefined)));
    const resource = find();
    if (!resource) throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
    return resource;
  };
}

async function addonFor(
  addons: Map<string, Addon>,
  resourceOf: Lookup,
  manifest: KubeObject,
): Promise<Addon> {
  const addon = addons.get(idOf(manifest)) ?? { resource: await resourceOf(manifest), manifest };
  addons.set(idOf(manifest), addon);
  return addon;
}

async function fitted(ctx: ControllerContext, manifest: KubeObject): Promise<KubeObject> {
  if (!isOnePerNode(manifest)) return manifest;
  const known = ctx.informers.for(nodes);
  // A cache that is still filling would scale down what runs well.
  await known.synced(ctx.signal);
  return fitToNodes(manifest, known.size);
}

/** Looks again at what depends on the number of nodes, when that changes. */
function followNodes(
  ctx: ControllerContext,
  manifests: readonly KubeObject[],
  enqueue: (index: string) => void,
): void {
  const look = (): void => {
    for (const [index, manifest] of manifests.entries()) if (isOnePerNode(manifest)) enqueue(String(index));
  };
  ctx.informers.for(nodes).on({ add: look, delete: look });
}

/** As upstream's add-on manager has it: made when it is missing, and from then on the cluster's users' to change. */
const isOnlyEnsured = ({ metadata: { labels } }: KubeObject): boolean =>
  labels?.["addonmanager.kubernetes.io/mode"] === "EnsureExists";

async function apply(ctx: ControllerContext, { resource, manifest }: Addon): Promise<void> {
  const { name = "", namespace } = manifest.metadata;
  const live = ctx.informers.for(resource).get(keyOf(manifest));
  if (live && (isOnlyEnsured(manifest) || contains(live, manifest))) return;
  if (live) {
    await ctx.client.patch(
      resource,
      { name, namespace },
      { type: "strategic", body: manifest },
      { signal: ctx.signal, fieldManager: FIELD_MANAGER },
    );
    return;
  }
  try {
    await ctx.client.create(resource, structuredClone(manifest), {
      signal: ctx.signal,
      fieldManager: FIELD_MANAGER,
    });
    ctx.log.info({ kind: manifest.kind, name }, "add-on created");
  } catch (error) {
    // Made before this process came up, and not in the cache yet: its arrival there brings us back.
    if (!isAlreadyExists(error)) throw error;
  }
}

/** Watches the kinds of the add-ons known so far. */
function follow(
  ctx: ControllerContext,
  addons: ReadonlyMap<string, Addon>,
  watched: Set<string>,
  enqueue: (index: string) => void,
  manifests: readonly KubeObject[],
): void {
  const indexes = new Map(manifests.map((m, i) => [idOf(m), String(i)]));
  for (const { resource } of addons.values()) {
    const kind = `${resource.group}/${resource.kind}`;
    if (watched.has(kind)) continue;
    watched.add(kind);
    const look = (object: KubeObject): void => {
      const index = indexes.get(idOf(object));
      if (index !== undefined) enqueue(index);
    };
    ctx.informers.for(resource).on({ add: look, update: look, delete: look });
  }
}
