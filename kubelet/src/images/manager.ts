/** Images for containers: by pull policy, with back-off, a limited number of pulls at a time, and never the same one twice at once. */
import type { Container, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { imagePulled } from "../metrics.ts";
import { createBackoff, RESTART_BACKOFF } from "../plan/backoff.ts";
import type { Waiting } from "../plan/plan.ts";
import type { ImageInfo, LayerProgress, RegistryAuth, Runtime } from "../runtime/runtime.ts";
import type { ImageAccess } from "./access.ts";
import { createPullProgress } from "./progress.ts";
import { parseImage } from "./reference.ts";

/** One container's wish for its image. */
export interface ImageWish {
  readonly pod: Pod;
  readonly container: Pick<Container, "name" | "image" | "imagePullPolicy">;
  /** Starts over with every instance of the container: `Always` pulls once for each. */
  readonly attempt: number;
  /** Asked for only when something is pulled. */
  credentials(): Promise<readonly RegistryAuth[]>;
  event(type: "Normal" | "Warning", reason: string, message: string): void;
  /** Called when the answer may be another one. */
  wake(): void;
}

export type ImageAnswer =
  | { readonly kind: "present"; readonly image: ImageInfo }
  /** A pull is under way. */
  | { readonly kind: "pulling" }
  | { readonly kind: "waiting"; readonly waiting: Waiting; readonly until: number | undefined };

export interface ImageManager {
  /** Whether the container may start with its image now. Starts what is needed for it. */
  ensure(wish: ImageWish): Promise<ImageAnswer>;
  /** What the engine says of an image, from memory when it was asked a moment ago. */
  info(reference: string): Promise<ImageInfo | undefined>;
  /** An image that was asked for before, by its id. */
  known(id: string): ImageInfo | undefined;
  /** Whether an image was used lately: garbage collection keeps those. */
  lastUsed(id: string): number | undefined;
  /** The pod is gone. */
  forget(uid: string): void;
  /** What was remembered about images may be wrong. */
  invalidate(): void;
}

export interface ImageManagerOptions {
  readonly runtime: Runtime;
  readonly maxParallel: number;
  /** Who may use what is there; absent: everybody. */
  readonly access?: ImageAccess | undefined;
  readonly log: Logger;
  readonly now: () => number;
  readonly steady: () => number;
  readonly signal: AbortSignal;
}

interface Pull {
  readonly done: Promise<void>;
  error: string | undefined;
  settled: boolean;
}
const INFO_TTL_MS = 10_000;
/** How long the error itself is shown before the back-off is. */
const SHOW_ERROR_MS = 2_000;

/** Runs at most `limit` tasks at a time, in the order they came. */
function limiter(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

const took = (ms: number): string => (ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3)}s`);

/** Upstream's default: `Always` for an image without a tag or with `latest`. */
function policyOf(container: Pick<Container, "image" | "imagePullPolicy">): string {
  if (container.imagePullPolicy) return container.imagePullPolicy;
  const parsed = parseImage(container.image ?? "");
  return !parsed?.digest && (parsed?.tag === undefined || parsed.tag === "latest")
    ? "Always"
    : "IfNotPresent";
}

export function createImageManager(options: ImageManagerOptions): ImageManager {
  const { runtime, signal, steady: now } = options;
  const limited = limiter(options.maxParallel);
  const backoff = createBackoff(RESTART_BACKOFF);
  const remembered = new Map<string, { info: ImageInfo; at: number }>();
  const byId = new Map<string, ImageInfo>();
  const used = new Map<string, number>();
  const pulls = new Map<string, Pull>();
  /** Per container of a pod: the attempt its image was last made sure of, and its last failure. */
  const ensured = new Map<string, number>();
  const failures = new Map<string, { at: number; message: string; reported: boolean }>();

  const info = async (reference: string): Promise<ImageInfo | undefined> => {
    const known = remembered.get(reference);
    if (known && now() - known.at < INFO_TTL_MS) return known.info;
    const found = await runtime.image(reference);
    if (found) {
      remembered.set(reference, { info: found, at: now() });
      byId.set(found.id, found);
    }
    if (!found) remembered.delete(reference);
    return found;
  };
  const mayUse = async (id: string, wish: ImageWish): Promise<boolean> =>
    options.access?.allows(id, wish.container.image ?? "", () => wish.credentials()) ?? true;
  const pullWith = async (
    image: string,
    credentials: readonly RegistryAuth[],
    onProgress: (line: LayerProgress) => void,
  ): Promise<void> => {
    let failure: unknown;
    for (const auth of credentials.length > 0 ? credentials : [undefined]) {
      try {
        await runtime.pull(image, auth, signal, onProgress);
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
  const pull = (key: string, wish: ImageWish, image: string): void => {
    const began = now();
    const entry: Pull = { done: Promise.resolve(), error: undefined, settled: false };
    wish.event("Normal", "Pulling", `Pulling image "${image}"`);
    const run = async (): Promise<void> => {
      try {
        const waited = await limited(async () => {
          const start = now();
          const progress = createPullProgress(now, (words) =>
            wish.event("Normal", "Pulling", `Pulling image "${image}": ${words}`),
          );
          await pullWith(image, await wish.credentials(), progress);
          return now() - start;
        });
        remembered.delete(image);
        const size = (await info(image))?.sizeBytes ?? 0;
        imagePulled(size, waited);
        wish.event(
          "Normal",
          "Pulled",
          `Successfully pulled image "${image}" in ${took(waited)} (${took(now() - began)} including waiting). Image size: ${size} bytes.`,
        );
        backoff.forget(key);
        failures.delete(key);
      } catch (error) {
        entry.error = (error as Error).message;
      }
      entry.settled = true;
      wish.wake();
    };
    pulls.set(key, Object.assign(entry, { done: run() }));
  };
  const fail = (wish: ImageWish, waiting: Waiting, until: number | undefined): ImageAnswer => {
    wish.event("Warning", "Failed", `Error: ${waiting.reason}`);
    return { kind: "waiting", waiting, until };
  };
  const present = (key: string, wish: ImageWish, image: ImageInfo): ImageAnswer => {
    ensured.set(key, wish.attempt);
    used.set(image.id, options.now());
    return { kind: "present", image };
  };
  /** The pull is over: with the image, or with an error and a back-off. */
  const settle = async (key: string, wish: ImageWish, done: Pull, image: string): Promise<ImageAnswer> => {
    pulls.delete(key);
    const found = done.error === undefined ? await info(image) : undefined;
    if (found) return present(key, wish, found);
    const message = done.error ?? "the engine does not have it";
    wish.event("Warning", "Failed", `Failed to pull image "${image}": ${message}`);
    backoff.next(key, now());
    failures.set(key, { at: now(), message, reported: false });
    return fail(wish, { reason: "ErrImagePull", message }, now() + SHOW_ERROR_MS);
  };

  return {
    info,
    known: (id) => byId.get(id),
    lastUsed: (id) => used.get(id),
    invalidate: () => remembered.clear(),
    forget(uid) {
      for (const map of [ensured, failures, pulls])
        for (const key of map.keys()) if (key.startsWith(`${uid}/`)) map.delete(key);
      backoff.forget(`${uid}/`);
    },
    ensure: async (wish) => {
      const { container, pod } = wish;
      const image = container.image ?? "";
      const key = `${pod.metadata.uid}/${container.name}/${image}`;
      if (!parseImage(image)) {
        const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
        if (failures.get(key)?.message !== message) {
          wish.event("Warning", "InspectFailed", message);
          failures.set(key, { at: now(), message, reported: true });
          return fail(wish, { reason: "InvalidImageName", message }, undefined);
        }
        return { kind: "waiting", waiting: { reason: "InvalidImageName", message }, until: undefined };
      }
      const running = pulls.get(key);
      if (running) return running.settled ? settle(key, wish, running, image) : { kind: "pulling" };
      const found = await info(image);
      const policy = policyOf(container);
      if (found && ensured.get(key) === wish.attempt) return present(key, wish, found);
      if (found && policy !== "Always" && (await mayUse(found.id, wish))) {
        wish.event(
          "Normal",
          "Pulled",
          `Container image "${image}" already present on machine and can be accessed by the pod`,
        );
        return present(key, wish, found);
      }
      if (policy === "Never") {
        const message = `Container image "${image}" is not present with pull policy of Never`;
        if (failures.get(key)?.message !== message) {
          wish.event("Warning", "ErrImageNeverPull", message);
          failures.set(key, { at: now(), message, reported: true });
          fail(wish, { reason: "ErrImageNeverPull", message }, undefined);
        }
        return {
          kind: "waiting",
          waiting: { reason: "ErrImageNeverPull", message },
          until: now() + INFO_TTL_MS,
        };
      }
      const failure = failures.get(key);
      const wait = failure && backoff.get(key, failure.at);
      if (failure && wait && wait.until > now()) {
        const shown = failure.at + SHOW_ERROR_MS;
        if (shown > now()) {
          const waiting = { reason: "ErrImagePull", message: failure.message };
          return { kind: "waiting", waiting, until: shown };
        }
        const message = `Back-off pulling image "${image}": ErrImagePull: ${failure.message}`;
        const waiting = { reason: "ImagePullBackOff", message };
        if (failure.reported) return { kind: "waiting", waiting, until: wait.until };
        failure.reported = true;
        wish.event("Normal", "BackOff", `Back-off pulling image "${image}"`);
        return fail(wish, waiting, wait.until);
      }
      pull(key, wish, image);
      return { kind: "pulling" };
    },
  };
}
