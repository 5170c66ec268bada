/** What runs on this node, by pod: the engine's containers, followed by its events and listed again whenever some may be missed. */
import type { Logger } from "@coracle/shared/log.ts";
import { LABEL } from "./container/names.ts";
import type { Labels, Runtime, RuntimeContainer, RuntimeSignal } from "./runtime/runtime.ts";

export interface EngineView {
  /** Containers and sandboxes of a pod. */
  ofPod(uid: string): Iterable<RuntimeContainer>;
  pods(): Iterable<string>;
  get(id: string): RuntimeContainer | undefined;
  /** Asks the engine about one container, now. */
  refresh(id: string): Promise<RuntimeContainer | undefined>;
  /** The first full list is in. */
  synced(signal: AbortSignal): Promise<void>;
  readonly connected: boolean;
  onChange(listener: (uid: string, container: RuntimeContainer | undefined, id: string) => void): void;
  /** Called after each full list. */
  onRelist(listener: () => void): void;
}

export interface EngineViewOptions {
  readonly runtime: Runtime;
  readonly labels: Labels;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** How often everything is listed though no event asks for it. */
  readonly relistMs?: number | undefined;
}

const RELIST_MS = 300_000;
const uidOf = (container: RuntimeContainer): string => container.labels[LABEL.podUid] ?? "";

/** Starts following at once. */
export function createEngineView(options: EngineViewOptions): EngineView {
  const { runtime, labels, log, signal } = options;
  const byId = new Map<string, RuntimeContainer>();
  const byPod = new Map<string, Map<string, RuntimeContainer>>();
  const changed = new Set<(uid: string, c: RuntimeContainer | undefined, id: string) => void>();
  const relisted = new Set<() => void>();
  const first = Promise.withResolvers<void>();
  const asking = new Map<string, { again: boolean; done: Promise<RuntimeContainer | undefined> }>();
  let connected = false;

  const forget = (id: string): void => {
    const known = byId.get(id);
    if (!known) return;
    const uid = uidOf(known);
    byId.delete(id);
    const pod = byPod.get(uid);
    pod?.delete(id);
    if (pod?.size === 0) byPod.delete(uid);
    for (const listener of changed) listener(uid, undefined, id);
  };
  const store = (container: RuntimeContainer): void => {
    const uid = uidOf(container);
    byId.set(container.id, container);
    const pod = byPod.get(uid) ?? new Map<string, RuntimeContainer>();
    pod.set(container.id, container);
    byPod.set(uid, pod);
    for (const listener of changed) listener(uid, container, container.id);
  };
  const ask = async (id: string): Promise<RuntimeContainer | undefined> => {
    const container = await runtime.inspect(id);
    if (container && Object.entries(labels).every(([k, v]) => container.labels[k] === v)) store(container);
    else forget(id);
    return container;
  };
  /** One question at a time per container, so that an old answer never follows a newer one. */
  const refresh = (id: string): Promise<RuntimeContainer | undefined> => {
    const running = asking.get(id);
    if (running) {
      running.again = true;
      return running.done;
    }
    const entry = { again: false, done: Promise.resolve<RuntimeContainer | undefined>(undefined) };
    entry.done = (async () => {
      try {
        let container = await ask(id);
        while (entry.again) {
          entry.again = false;
          container = await ask(id);
        }
        return container;
      } finally {
        asking.delete(id);
      }
    })();
    asking.set(id, entry);
    return entry.done;
  };
  const relist = async (): Promise<void> => {
    const listed = await runtime.list(labels);
    const ids = new Set(listed.map((c) => c.id));
    for (const id of byId.keys()) if (!ids.has(id)) forget(id);
    const differing = listed.filter(({ id, state }) => byId.get(id)?.state !== state);
    await Promise.all(differing.map(({ id }) => refresh(id)));
    first.resolve();
    for (const listener of relisted) listener();
  };
  const tryRelist = (): void => {
    relist().catch((error: unknown) => log.warn({ err: error }, "could not list the engine's containers"));
  };
  const hear = (event: RuntimeSignal): void => {
    if (event.kind === "lost") {
      connected = false;
      return;
    }
    if (event.kind === "connected") {
      connected = true;
      tryRelist();
      return;
    }
    if (event.kind === "remove") return forget(event.id);
    // Whoever makes or starts a container asks for it right then.
    if (event.kind === "create") return;
    if (event.kind === "start" && byId.get(event.id)?.state === "running") return;
    refresh(event.id).catch((error: unknown) => log.warn({ err: error }, "could not inspect a container"));
  };

  runtime.follow(labels, hear, signal);
  const timer = setInterval(tryRelist, options.relistMs ?? RELIST_MS);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return {
    ofPod: (uid) => byPod.get(uid)?.values() ?? [],
    pods: () => byPod.keys(),
    get: (id) => byId.get(id),
    refresh,
    synced: (abort) =>
      Promise.race([
        first.promise,
        new Promise<never>((_, reject) =>
          abort.addEventListener("abort", () => reject(abort.reason as Error), { once: true }),
        ),
      ]),
    get connected() {
      return connected;
    },
    onChange: (listener) => void changed.add(listener),
    onRelist: (listener) => void relisted.add(listener),
  };
}

/** The addresses that sandboxes of this node have, by pod. */
export function* heldAddresses(engine: EngineView): Generator<readonly [string, string]> {
  for (const uid of engine.pods())
    for (const { labels, state } of engine.ofPod(uid)) {
      const address = labels[LABEL.ip];
      if (address && state === "running") yield [uid, address];
    }
}
