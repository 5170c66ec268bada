import { randomUUID } from "node:crypto";
import type { Event, ObjectReference } from "../api/generated/core-v1.ts";
import type { ObjectMeta } from "../api/generated/meta-v1.ts";
import { events } from "../api/resources.ts";
import { isNotFound } from "../errors.ts";
import type { Logger } from "../log.ts";
import { formatTime } from "../meta/time.ts";
import type { Client } from "./client.ts";
import { createEventCorrelator, type Correlated } from "./event-correlator.ts";

/** An object an Event can be about. */
export interface EventSubject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: ObjectMeta;
}

export interface EventDetails {
  /** A part of the object: `spec.containers{web}`. */
  readonly fieldPath?: string | undefined;
}

export interface EventRecorder {
  /** Writes a core/v1 Event in the background; like events are counted and floods are cut as upstream does. */
  record(
    object: EventSubject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    details?: EventDetails,
  ): void;
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Client;
  /** `kubelet`, `default-scheduler`, `deployment-controller`, … */
  readonly component: string;
  /** The node, for events of node components. */
  readonly host?: string | undefined;
  readonly log?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly now?: () => number;
}

interface Write {
  readonly reference: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly at: number;
  readonly correlated: Correlated;
}

/** More waiting events than this are dropped: events inform, they must not become the load. */
const QUEUE_MAX = 1_000;
const MESSAGE_MAX = 1_024;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const now = options.now ?? Date.now;
  const correlator = createEventCorrelator(now);
  const queue: Write[] = [];
  let draining: Promise<void> | undefined;
  const nameAfter = createEventNames();

  const write = async (item: Write): Promise<void> => {
    const { key, message, count, first, existing } = item.correlated;
    const request = options.signal ? { signal: options.signal } : {};
    const namespace = item.reference.namespace || "default";
    const lastTimestamp = formatTime(item.at);
    // An earlier write of this queue may have given the event its name since.
    const name = existing ?? written.get(key);
    if (count > 1 && name) {
      try {
        const body = { count, lastTimestamp, message };
        await options.client.patch(events, { namespace, name }, { type: "strategic", body }, request);
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const created: Event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: nameAfter(item.reference, item.at), namespace },
      involvedObject: item.reference,
      reason: item.reason,
      message,
      source: { component: options.component, ...(options.host ? { host: options.host } : {}) },
      firstTimestamp: formatTime(first),
      lastTimestamp,
      count,
      type: item.type,
      reportingComponent: options.component,
      reportingInstance: options.host ?? "",
    };
    await options.client.create(events, created, request);
    const given = created.metadata.name ?? "";
    correlator.written(key, given);
    written.set(key, given);
  };
  /** Names given while later occurrences of the same event already wait in the queue. */
  const written = new Map<string, string>();
  const drain = async (): Promise<void> => {
    for (let item = queue.shift(); item; item = queue.shift()) {
      if (options.signal?.aborted) break;
      try {
        await write(item);
      } catch (error) {
        options.log?.debug({ err: error, reason: item.reason }, "an event could not be written");
      }
    }
    queue.length = 0;
    written.clear();
    draining = undefined;
  };

  return {
    record(object, type, reason, message, details) {
      const reference: ObjectReference = referenceTo(object, details);
      const text = message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX - 3)}...` : message;
      const correlated = correlator.correlate({ involvedObject: reference, type, reason, message: text });
      if (!correlated) return;
      if (queue.length >= QUEUE_MAX) {
        options.log?.debug({ reason }, "too many events wait, one was dropped");
        return;
      }
      queue.push({ reference, type, reason, at: now(), correlated });
      draining ??= Promise.resolve().then(drain);
    },
    flush: async () => {
      while (draining) await draining;
    },
  };
}

const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const longestName = 253;

/** Names of Events: by the object and the time, as upstream; by chance alone where that would be no name. */
export function createEventNames(): (about: ObjectReference, at: number) => string {
  let serial = 0;
  return ({ name = "" }, at) => {
    serial += 1;
    const unique = BigInt(at) * 1_000_000n + BigInt(serial % 1_000_000);
    const wanted = `${name}.${unique.toString(16)}`;
    return wanted.length <= longestName && dnsSubdomain.test(wanted) ? wanted : randomUUID();
  };
}

/** How an Event names the object it is about. */
export function referenceTo(object: EventSubject, details?: EventDetails): ObjectReference {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind,
    namespace,
    name,
    uid,
    apiVersion: object.apiVersion,
    resourceVersion,
    ...(details?.fieldPath ? { fieldPath: details.fieldPath } : {}),
  };
}
