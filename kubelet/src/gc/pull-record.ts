/**
 * Which images this kubelet has pulled itself. The engine belongs to the machine: images that its user pulled or built, or that
 * came before the cluster, are never ours to delete, so that only what stands in this record may be.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import type { ImageInfo, Runtime } from "../runtime/runtime.ts";

export interface PulledImage {
  /** Tags and digests by which we pulled it, as the engine lists them. */
  readonly references: readonly string[];
  readonly pulledAt: number;
}

export interface PullRecord {
  get(id: string): PulledImage | undefined;
  add(id: string, reference: string): Promise<void>;
  delete(id: string): Promise<void>;
}

/** `docker.io/library/nginx` is listed as `nginx:latest`. */
export function listedName(reference: string): string {
  const [, name = "", digest = ""] = /^([^@]*)(@.*)?$/.exec(reference) ?? [];
  const short = name.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "");
  const tagged = short.lastIndexOf(":") > short.lastIndexOf("/");
  // With a digest the tag counts for nothing.
  if (digest) return (tagged ? short.slice(0, short.lastIndexOf(":")) : short) + digest;
  return tagged ? short : `${short}:latest`;
}

/** The record in a file. One that cannot be read counts as empty: then nothing is deleted. */
export async function openPullRecord(file: string, log: Logger, now: () => number): Promise<PullRecord> {
  const images = new Map<string, PulledImage>(await read(file, log));
  let writing: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    const write = async (): Promise<void> => {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, JSON.stringify({ version: 1, images: Object.fromEntries(images) }));
      await rename(`${file}.new`, file);
    };
    const done = writing.then(write);
    writing = done.catch(() => undefined);
    return done;
  };
  return {
    get: (id) => images.get(id),
    add: async (id, reference) => {
      const before = images.get(id);
      const references = new Set([...(before?.references ?? []), listedName(reference)]);
      images.set(id, { references: [...references], pulledAt: now() });
      await save();
    },
    delete: async (id) => {
      if (images.delete(id)) await save();
    },
  };
}

async function read(file: string, log: Logger): Promise<[string, PulledImage][]> {
  try {
    const content = JSON.parse(await readFile(file, "utf8")) as { images?: Record<string, PulledImage> };
    return Object.entries(content.images ?? {}).filter(
      ([, image]) => Array.isArray(image.references) && typeof image.pulledAt === "number",
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      log.warn({ err: error, file }, "the record of pulled images cannot be read, and starts anew");
    return [];
  }
}

/** The same runtime, which writes down what it pulls. An image that was there before stays what it was. */
export function withPullRecord(runtime: Runtime, record: PullRecord, log: Logger): Runtime {
  const look = (reference: string): Promise<ImageInfo | undefined> => runtime.image(reference);
  return {
    ...runtime,
    pull: async (reference, auth, signal) => {
      const before = await look(reference);
      await runtime.pull(reference, auth, signal);
      const after = await look(reference);
      if (!after || (before?.id === after.id && !record.get(after.id))) return;
      try {
        await record.add(after.id, reference);
      } catch (error) {
        // The image is there, and will merely not be deleted some day.
        log.warn({ err: error, image: reference }, "could not write down a pulled image");
      }
    },
  };
}
