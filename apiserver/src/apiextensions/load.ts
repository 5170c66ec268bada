/** Between what is stored and what a version shows. */
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { clone, equal } from "../patch/json.ts";
import type { CustomKind } from "../registry/custom.ts";
import type { CachedObject } from "../watch/cache.ts";
import { apiVersionOf, type Holder } from "./holder.ts";
import { applyDefaults, dropNulls } from "./schema/defaults.ts";
import { prune } from "./schema/prune.ts";

type Loader = Pick<CustomKind, "load" | "save" | "isOutdated">;

/** Loads and saves objects in one version of a definition. What has been loaded is remembered as long as its source. */
export function createLoader(holder: Holder, version: string): Loader {
  let loaded = new WeakMap<CachedObject, CachedObject>();
  let forDefinition = holder.current;
  const outdated = new WeakSet<CachedObject>();
  const known = (): WeakMap<CachedObject, CachedObject> => {
    if (forDefinition !== holder.current) {
      forDefinition = holder.current;
      loaded = new WeakMap();
    }
    return loaded;
  };
  const keep = (item: CachedObject, shown: CachedObject): CachedObject => {
    known().set(item, shown);
    // What was loaded once is not loaded again.
    known().set(shown, shown);
    const storage = holder.current.crd.spec.versions.find((v) => v.storage)?.name ?? version;
    if (item.object.apiVersion !== apiVersionOf(holder.current.crd, storage)) outdated.add(shown);
    return shown;
  };
  const convert = async (items: readonly CachedObject[], target: string): Promise<CachedObject[]> => {
    const unknown = items.filter((item) => !known().has(item) && needsWebhook(holder, item, target));
    const converted = await holder.convert(
      holder.current.crd,
      target,
      unknown.map((item) => item.object),
    );
    unknown.forEach((item, i) => {
      const object = converted[i];
      if (object) keep(item, finish(holder, version, { item, object: clone(object) }));
    });
    return items.map((item) => known().get(item) ?? keep(item, show(holder, version, item)));
  };
  return {
    load(items) {
      const target = apiVersionOf(holder.current.crd, version);
      const waits = items.some((item) => !known().has(item) && needsWebhook(holder, item, target));
      if (waits) return convert(items, target);
      return items.map((item) => known().get(item) ?? keep(item, show(holder, version, item)));
    },
    async save(object) {
      const { crd } = holder.current;
      const target = apiVersionOf(crd, crd.spec.versions.find((v) => v.storage)?.name ?? version);
      if (object.apiVersion === target) return object;
      if (crd.spec.conversion?.strategy !== "Webhook") return { ...object, apiVersion: target };
      const [converted] = await holder.convert(crd, target, [object]);
      return converted ?? object;
    },
    isOutdated: (item) => outdated.has(item),
  };
}

const needsWebhook = ({ current }: Holder, item: CachedObject, target: string): boolean =>
  current.crd.spec.conversion?.strategy === "Webhook" && item.object.apiVersion !== target;

/** An object of which only the name of the version needs to change, if anything. */
function show(holder: Holder, version: string, item: CachedObject): CachedObject {
  const { crd, revision, versions } = holder.current;
  const target = apiVersionOf(crd, version);
  const isCurrent =
    item.object.apiVersion === target && item.revision > revision && !versions.get(version)?.hasDefaults;
  if (isCurrent) return item;
  return finish(holder, version, { item, object: { ...clone(item.object), apiVersion: target } });
}

interface Converted {
  readonly item: CachedObject;
  /** Owned. */
  readonly object: KubeObject;
}

/** Prunes, and fills in defaults that came later than the object. */
function finish({ current }: Holder, version: string, { item, object }: Converted): CachedObject {
  const compiled = current.versions.get(version);
  if (compiled) {
    prune(compiled.schema, object, true);
    dropNulls(compiled.schema, object);
    if (compiled.hasDefaults) applyDefaults(compiled.schema, object);
  }
  object.metadata.resourceVersion = item.object.metadata.resourceVersion;
  if (item.object.metadata.resourceVersion === undefined) delete object.metadata.resourceVersion;
  if (equal(object, item.object)) return item;
  let json: Buffer | undefined;
  return {
    key: item.key,
    revision: item.revision,
    object,
    json: () => (json ??= Buffer.from(JSON.stringify(object))),
  };
}
