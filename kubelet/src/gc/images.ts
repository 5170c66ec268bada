/**
 * Removes images when the disk is full. The engine is shared with the machine's user and with other nodes, hence: only images that
 * this kubelet pulled itself, under no other name than it pulled them by, used by no container whatever its labels, not wanted by a pod
 * of this node, and not lately pulled or used. The engine itself refuses to remove an image that a container uses; nothing is forced.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@coracle/shared/log.ts";
import type { ImageInfo, Runtime } from "../runtime/runtime.ts";
import type { Filesystem } from "../stats/host.ts";
import { listedName, type PullRecord } from "./pull-record.ts";

export interface ImageCollectorOptions {
  readonly runtime: Pick<Runtime, "listImages" | "list" | "inspect" | "removeImage">;
  readonly record: PullRecord;
  /** When an image was last used by this node, by its id. */
  readonly lastUsed: (id: string) => number | undefined;
  /** Images that pods of this node ask for. */
  readonly wanted: () => Iterable<string>;
  /** The file system that images are on. */
  readonly disk: () => Promise<Filesystem | undefined>;
  /** An event about the node. */
  readonly event: (reason: string, message: string) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly now?: (() => number) | undefined;
  readonly highPercent?: number | undefined;
  readonly lowPercent?: number | undefined;
  readonly minAgeMs?: number | undefined;
  readonly intervalMs?: number | undefined;
}

export interface ImageCollector {
  /** Down to the low threshold, when the high one is crossed. Resolves to the bytes freed. */
  collect(): Promise<number>;
  /** Everything that may be removed. */
  freeAll(): Promise<number>;
  run(): Promise<void>;
}

const HIGH_PERCENT = 85;
const LOW_PERCENT = 80;
const MIN_AGE_MS = 120_000;
const INTERVAL_MS = 300_000;
/** The cluster's own images are built here and could not be pulled again. */
const OWN = /^coracle\//;

interface Candidate {
  readonly image: ImageInfo;
  readonly references: readonly string[];
  readonly lastUsed: number;
}

export function createImageCollector(options: ImageCollectorOptions): ImageCollector {
  const { runtime, record, log, signal, now = Date.now } = options;

  const usedByContainers = async (): Promise<Set<string>> => {
    const used = new Set<string>();
    for (const { id } of await runtime.list({})) {
      const container = await runtime.inspect(id);
      if (container) used.add(container.imageId).add(listedName(container.image));
    }
    return used;
  };
  /** The longest unused first. */
  const candidates = async (): Promise<Candidate[]> => {
    const images = await runtime.listImages();
    const ours = images.filter((image) => record.get(image.id));
    if (ours.length === 0) return [];
    const used = await usedByContainers();
    for (const reference of options.wanted()) used.add(listedName(reference)).add(reference);
    return ours
      .flatMap((image): Candidate[] => {
        const pulled = record.get(image.id);
        const names = [...image.tags, ...image.digests];
        if (!pulled || used.has(image.id) || names.some((name) => used.has(name) || OWN.test(name)))
          return [];
        // Somebody else has given it another name since.
        if (image.tags.some((tag) => !pulled.references.includes(tag))) return [];
        const lastUsed = Math.max(pulled.pulledAt, options.lastUsed(image.id) ?? 0);
        const references = pulled.references.filter((reference) => names.includes(reference));
        return references.length > 0 ? [{ image, references, lastUsed }] : [];
      })
      .filter(({ lastUsed }) => now() - lastUsed >= (options.minAgeMs ?? MIN_AGE_MS))
      .toSorted((a, b) => a.lastUsed - b.lastUsed);
  };
  const free = async (bytes: number): Promise<number> => {
    let freed = 0;
    for (const { image, references } of await candidates()) {
      if (freed >= bytes || signal.aborted) break;
      try {
        for (const reference of references) await runtime.removeImage(reference);
        await record.delete(image.id);
        freed += image.sizeBytes;
        log.info({ image: references[0], bytes: image.sizeBytes }, "removed an unused image");
      } catch (error) {
        log.info({ err: error, image: references[0] }, "an unused image could not be removed");
      }
    }
    return freed;
  };
  const collect = async (): Promise<number> => {
    const disk = await options.disk();
    if (!disk || disk.capacityBytes === 0) return 0;
    const percent = 100 - Math.floor((disk.availableBytes * 100) / disk.capacityBytes);
    if (percent < (options.highPercent ?? HIGH_PERCENT)) return 0;
    const low = options.lowPercent ?? LOW_PERCENT;
    const bytes = Math.floor((disk.capacityBytes * (100 - low)) / 100 - disk.availableBytes);
    log.info({ percent, bytes }, "the disk of the images is full");
    const freed = await free(bytes);
    if (freed < bytes)
      options.event(
        "FreeDiskSpaceFailed",
        `Failed to garbage collect required amount of images. Attempted to free ${bytes} bytes, but only found ${freed} bytes eligible to free.`,
      );
    return freed;
  };
  return {
    collect,
    freeAll: () => free(Infinity),
    run: async () => {
      while (!signal.aborted) {
        await sleep(options.intervalMs ?? INTERVAL_MS, undefined, { signal, ref: false }).catch(
          () => undefined,
        );
        if (signal.aborted) return;
        try {
          await collect();
        } catch (error) {
          log.warn({ err: error }, "could not look after the images");
        }
      }
    },
  };
}
