import { forbidden, type ApiError } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Rbac } from "../authz/rbac.ts";
import type { AdmissionRequest, Authorize } from "../registry/registry.ts";
import type { Store } from "../store/store.ts";
import type { WatchCache } from "../watch/cache.ts";

/** One write on its way to the store, as plugins see it. In the mutating phase `object` may be changed in place. */
export type Attributes = AdmissionRequest;

/** What plugins may look at besides the write. */
export interface AdmissionContext {
  readonly cache: WatchCache;
  readonly store: Store;
  readonly authorize: Authorize;
  readonly rbac: Rbac;
  readonly now: () => Date;
  readonly log?: Logger | undefined;
}

/** One rule of admission; a refusal is thrown. Mutating plugins all run before validation, validating ones after it. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Cheap: asked for every write. */
  handles(attributes: Attributes): boolean;
  /** `changed` asks for a second round of all mutating plugins, which see what this one has done. */
  mutate?(attributes: Attributes, ctx: AdmissionContext): Promise<void | "changed"> | void;
  validate?(attributes: Attributes, ctx: AdmissionContext): Promise<void> | void;
}

/** The name that messages use; a generated one is not known yet. */
export const nameOf = ({ name, object }: Attributes): string =>
  name || object?.metadata.name || object?.metadata.generateName || "Unknown";

/** A refusal in upstream's form: `pods "web" is forbidden: …`. */
export const refuse = (attributes: Attributes, why: string): ApiError =>
  forbidden({ group: attributes.kind.group, resource: attributes.kind.plural }, nameOf(attributes), why);

/** Whether a write is of the main resource of a kind, or of the named subresource. */
export const isFor = (a: Attributes, storage: string, subresource = ""): boolean =>
  a.kind.storage === storage && a.subresource === subresource;

/** The object of a write, in the type that the plugin's `handles` has made sure of. */
export const objectOf = <T>(a: Attributes): T => a.object as unknown as T;
export const oldObjectOf = <T>(a: Attributes): T | undefined => a.oldObject as unknown as T | undefined;

/** An object from the cache, typed. */
export const cached = <T>(
  ctx: Pick<AdmissionContext, "cache">,
  resource: string,
  namespace: string,
  name: string,
): T | undefined => ctx.cache.get({ resource, namespace, name })?.object as T | undefined;

/** All cached objects of a resource, typed. */
export function* allCached<T>(ctx: Pick<AdmissionContext, "cache">, resource: string): Generator<T> {
  for (const item of ctx.cache.all(resource)) yield item.object as unknown as T;
}

export const annotationsOf = (
  object: KubeObject | { metadata: { annotations?: Record<string, string> | undefined } },
) => object.metadata.annotations ?? {};
