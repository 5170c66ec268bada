/** Writes pod statuses to the API: one request at a time per pod, always the newest status, only what changed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod, PodCondition, PodStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { ApiError, isConflict, isNotFound } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { TRACE_ANNOTATION } from "@coracle/shared/meta/trace.ts";

export interface StatusWriter {
  /** The status the API should have, in the background. */
  set(pod: Pod, status: PodStatus): void;
  /** Resolves when the newest status of the pod is written, or the pod is gone. */
  flushed(uid: string): Promise<void>;
  /** The newest status set, written or not. */
  current(uid: string): PodStatus | undefined;
  forget(uid: string): void;
}

interface Entry {
  pod: Pod;
  /** The newest that the API has told of the pod: by its news, or in the answer to a write. */
  shown: Pod;
  wanted: PodStatus;
  written: PodStatus | undefined;
  /** What the API answered to the last write. */
  version: number;
  busy: Promise<void> | undefined;
  repair: NodeJS.Timeout | undefined;
  gone: boolean;
}

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;
/** What another writer made of a condition of the kubelet's is put right after this long (upstream: within ten seconds). */
const REPAIR_MS = 2_000;
const versionOf = ({ metadata }: Pod): number => Number(metadata.resourceVersion ?? 0);
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Conditions that another writer owns are left alone: only what differs from the last written is sent, and merged by type. */
const changedConditions = (
  wanted: readonly PodCondition[],
  written: readonly PodCondition[],
): readonly object[] => {
  const before = new Map(written.map((c) => [c.type, c]));
  const kept = new Set(wanted.map((c) => c.type));
  return [
    ...wanted
      .filter((condition) => !same(condition, before.get(condition.type)))
      .map((condition) => ({ ...withoutStale(before.get(condition.type), condition), ...condition })),
    ...written
      .filter(({ type }) => PASSING.has(type) && !kept.has(type))
      .map(({ type }) => ({ $patch: "delete", type })),
  ];
};
/** Elements of the list are merged too: what a condition says no more is to be taken away. */
const withoutStale = (before: PodCondition | undefined, now: PodCondition): Record<string, null> =>
  Object.fromEntries(Object.keys(before ?? {}).flatMap((key) => (key in now ? [] : [[key, null] as const])));

/** Conditions of the kubelet's that come and go. */
const PASSING = new Set(["PodResizePending", "PodResizeInProgress", "AllContainersRestarting"]);

/** The smallest strategic merge patch from one status to the other; undefined when there is none. */
export function statusPatch(
  uid: string,
  wanted: PodStatus,
  written: PodStatus | undefined,
): object | undefined {
  const status: Record<string, unknown> = {};
  const from = (written ?? {}) as Record<string, unknown>;
  const to = wanted as Record<string, unknown>;
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    if (same(from[key], to[key])) continue;
    if (key === "conditions") {
      const changed = changedConditions(wanted.conditions ?? [], written?.conditions ?? []);
      if (changed.length > 0) status["conditions"] = changed;
    } else if ((key === "podIPs" || key === "hostIPs") && from[key])
      // These lists merge by address: without the directive the old one would stay.
      status[key] = [{ $patch: "replace" }, ...((to[key] ?? []) as object[])];
    else if (to[key] !== undefined) status[key] = to[key];
    else if (OWNED.has(key)) status[key] = null;
  }
  return Object.keys(status).length === 0 ? undefined : { metadata: { uid }, status };
}
/** Whether the API shows another truth value of a condition than is wanted: a node that was lost has its pods marked. */
const isOverruled = (wanted: PodStatus, shown: PodStatus | undefined): boolean =>
  (wanted.conditions ?? []).some(
    ({ type, status }) => shown?.conditions?.find((c) => c.type === type)?.status !== status,
  );

/** Fields the kubelet takes away again; what other components put there stays. */
const OWNED = new Set(["reason", "message", "podIP"]);

/** A writer through the given client. Failures are retried until the pod is gone. */
export function createStatusWriter(client: Client, log: Logger, signal: AbortSignal): StatusWriter {
  const entries = new Map<string, Entry>();

  const writeOnce = async (entry: Entry): Promise<void> => {
    const { pod, wanted } = entry;
    const uid = pod.metadata.uid ?? "";
    const body = statusPatch(uid, wanted, entry.written);
    if (body) {
      const at = { namespace: pod.metadata.namespace, name: pod.metadata.name ?? "" };
      const traceparent = pod.metadata.annotations?.[TRACE_ANNOTATION];
      const answer = await client.patch(
        pods,
        at,
        { type: "strategic", body },
        { subresource: "status", signal, ...(traceparent ? { traceparent } : {}) },
      );
      entry.version = versionOf(answer);
      // What others wrote meanwhile is in the answer, and may come as no news after it.
      if (versionOf(answer) >= versionOf(entry.pod)) entry.shown = answer;
    }
    entry.written = wanted;
  };
  const drain = async (entry: Entry): Promise<void> => {
    let delay = RETRY_MIN_MS;
    while (!entry.gone && entry.written !== entry.wanted && !signal.aborted) {
      try {
        await writeOnce(entry);
        delay = RETRY_MIN_MS;
      } catch (error) {
        // Another pod of that name, or none: the answer to a status that nobody waits for any more.
        if (isNotFound(error) || isConflict(error)) entry.gone = true;
        else if (signal.aborted) return;
        else {
          if (error instanceof ApiError && error.code < 500 && error.code !== 429)
            log.error({ err: error, pod: entry.pod.metadata.name }, "the API refuses a pod's status");
          await sleep(delay, undefined, { signal }).catch(() => undefined);
          delay = Math.min(delay * 2, RETRY_MAX_MS);
        }
      }
    }
    entry.busy = undefined;
    repairLater(entry);
  };
  /** By the newest the API has shown: what differs there is what there is to change. */
  const repair = (entry: Entry): void => {
    entry.repair = undefined;
    if (entry.gone || entry.busy || !isStale(entry)) return;
    const conditions = entry.shown.status?.conditions;
    entry.written = { ...entry.wanted, ...(conditions ? { conditions } : {}) };
    entry.busy = drain(entry);
  };
  const isStale = ({ shown, wanted, version }: Entry): boolean =>
    versionOf(shown) >= version && isOverruled(wanted, shown.status);
  const repairLater = (entry: Entry): void => {
    if (!entry.gone && !entry.busy && isStale(entry))
      entry.repair ??= setTimeout(repair, REPAIR_MS, entry).unref();
  };

  return {
    set(pod, status) {
      const uid = pod.metadata.uid ?? "";
      const entry = entries.get(uid);
      if (!entry) {
        const made: Entry = {
          pod,
          shown: pod,
          wanted: status,
          written: pod.status,
          version: 0,
          busy: undefined,
          repair: undefined,
          gone: false,
        };
        entries.set(uid, made);
        made.busy = drain(made);
        return;
      }
      entry.pod = pod;
      if (versionOf(pod) >= versionOf(entry.shown)) entry.shown = pod;
      if (same(entry.wanted, status)) return repairLater(entry);
      entry.wanted = status;
      entry.busy ??= drain(entry);
    },
    flushed: async (uid) => {
      for (let entry = entries.get(uid); entry?.busy; entry = entries.get(uid)) await entry.busy;
    },
    current: (uid) => entries.get(uid)?.wanted,
    forget(uid) {
      const entry = entries.get(uid);
      if (entry) {
        entry.gone = true;
        clearTimeout(entry.repair);
      }
      entries.delete(uid);
    },
  };
}
