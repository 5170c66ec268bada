import type { Resource } from "../api/resources.ts";
import type { Client } from "../client/client.ts";
import type { Informer, InformerFactory } from "../informer/informer.ts";
import type { KubeObject } from "../meta/object.ts";
import type { Logger } from "../log.ts";
import type { EventRecorder } from "../client/events.ts";

/** What a controller works with. Reads come from informer caches, writes go through the client. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly log: Logger;
  readonly clock: Clock;
  /** Aborts when leadership is lost or the process stops. */
  readonly signal: AbortSignal;
}

export interface Clock {
  now(): number;
}

/** `undefined`: done. `requeueAfterMs`: look again then, without back-off. A thrown error: again with back-off. */
export type Result = { readonly requeueAfterMs: number } | undefined | void;

/** Asks for a reconcile of a key, now or in a while. */
export type Wake = (key: string, afterMs?: number) => void;

/** How changes of one resource map to keys of the controller's own kind. */
export interface WatchSource {
  readonly resource: Resource<unknown>;
  /** Keys to reconcile for a change; the default for `owns` is the controlling owner reference. `old` is set for updates. */
  readonly keys: (
    object: KubeObject,
    old: KubeObject | undefined,
    ctx: ControllerContext,
  ) => Iterable<string>;
}

export interface Controller {
  readonly name: string;
  /** The kind it reconciles; each change enqueues the object's key. */
  readonly for: Resource<unknown>;
  /** Of the updates of its own kind, those that concern it; all unless given. */
  concerns?(object: KubeObject, old: KubeObject): boolean;
  /** Kinds it owns by controller reference: a change enqueues the owner. */
  readonly owns?: readonly Resource<unknown>[] | undefined;
  readonly watches?: readonly WatchSource[] | undefined;
  /** Concurrent workers (distinct keys); 5 unless named. */
  readonly workers?: number | undefined;
  /** Runs once before the workers: adds indexes, handlers of its own. These wake keys for what no watch above tells of. */
  setup?(ctx: ControllerContext, wake: Wake): void;
  /** Level-based, idempotent, may be stopped at any await. The key may name an object that no longer exists. */
  reconcile(key: string, ctx: ControllerContext): Promise<Result>;
}

export type { Informer };
export const defineController = (controller: Controller): Controller => controller;
