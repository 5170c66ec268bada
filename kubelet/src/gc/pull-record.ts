/**
 * Which images this kubelet has pulled itself, and with which credentials. The engine belongs to the machine: images that its user pulled or built, or that
 * came before the cluster, are never ours to delete, so that only what stands in this record may be.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import { credentialDigest } from "../images/credentials.ts";
import { repositoryOf } from "../images/reference.ts";
import type { ImageInfo, Runtime } from "../runtime/runtime.ts";

export interface PulledImage {
  /** Tags and digests by which we pulled it, as the engine lists them. */
  readonly references: readonly string[];
  readonly pulledAt: number;
}

/** Digests of the credentials that opened a repository's image, or that it needed none. */
export type Access = readonly string[] | "anyone";
/** By repository: what is private under one name may be public under another. */
export type ImageGrants = Readonly<Record<string, Access>>;

export interface PullRecord {
  get(id: string): PulledImage | undefined;
  /** Under which names the image was pulled, and what that took. */
  grants(id: string): ImageGrants | undefined;
  /** It was pulled by these credentials, or without any. */
  grant(id: string, repository: string, credential: string | undefined): Promise<void>;
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
  const before = await readPullRecord(file, log);
  const images = new Map<string, PulledImage>(Object.entries(before.images));
  const grants = new Map<string, ImageGrants>(Object.entries(before.grants));
  let writing: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    const write = async (): Promise<void> => {
      await mkdir(dirname(file), { recursive: true });
      const content = { version: 1, images: Object.fromEntries(images), grants: Object.fromEntries(grants) };
      await writeFile(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
      await rename(`${file}.new`, file);
    };
    const done = writing.then(write);
    writing = done.catch(() => undefined);
    return done;
  };
  return {
    get: (id) => images.get(id),
    add: async (id, reference) => {
      const known = images.get(id);
      const references = new Set([...(known?.references ?? []), listedName(reference)]);
      images.set(id, { references: [...references], pulledAt: now() });
      await save();
    },
    delete: async (id) => {
      const granted = grants.delete(id);
      if (images.delete(id) || granted) await save();
    },
    grants: (id) => grants.get(id),
    grant: async (id, repository, credential) => {
      const known = grants.get(id);
      const held = known?.[repository] ?? [];
      if (held === "anyone" || (credential !== undefined && held.includes(credential))) return;
      grants.set(id, {
        ...known,
        [repository]: credential === undefined ? "anyone" : [...held, credential],
      });
      await save();
    },
  };
}

interface Content {
  readonly images: Readonly<Record<string, PulledImage>>;
  readonly grants: Readonly<Record<string, ImageGrants>>;
}

/** What a file of this kind holds. */
export async function readPullRecord(file: string, log: Logger): Promise<Content> {
  try {
    const content = JSON.parse(await readFile(file, "utf8")) as Partial<Content>;
    const images = Object.entries(content.images ?? {}).filter(
      ([, image]) => Array.isArray(image.references) && typeof image.pulledAt === "number",
    );
    return { images: Object.fromEntries(images), grants: content.grants ?? {} };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      log.warn({ err: error, file }, "the record of pulled images cannot be read, and starts anew");
    return { images: {}, grants: {} };
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
      if (!after) return;
      try {
        await record.grant(after.id, repositoryOf(reference), auth && credentialDigest(auth));
        if (before?.id !== after.id || record.get(after.id)) await record.add(after.id, reference);
      } catch (error) {
        // The image is there, and will merely not be deleted some day.
        log.warn({ err: error, image: reference }, "could not write down a pulled image");
      }
    },
  };
}
