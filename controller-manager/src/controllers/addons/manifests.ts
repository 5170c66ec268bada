import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "@coracle/shared/meta/object.ts";

/** The add-ons' manifests, as objects. */

const VARIABLE = /\$\{([A-Z][A-Z0-9_]*)\}/g;

/** Replaces `${NAME}`; a name that is not set is an error, since an empty image or address would only fail later and elsewhere. */
export function substitute(text: string, values: Readonly<Record<string, string | undefined>>): string {
  return text.replaceAll(VARIABLE, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the manifest wants \${${name}}, which is not set`);
    return value;
  });
}

export function parseManifests(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors[0]) throw document.errors[0];
    const object = document.toJS() as KubeObject | null;
    if (object === null) return [];
    if (!object.apiVersion || !object.kind || !object.metadata?.name)
      throw new Error("a manifest needs apiVersion, kind and metadata.name");
    return [object];
  });
}

/** All manifests of a directory, in the order of file names. */
export async function loadManifests(
  directory: string,
  values: Readonly<Record<string, string | undefined>>,
): Promise<KubeObject[]> {
  const files = (await readdir(directory)).filter((f) => /\.ya?ml$/.test(f)).toSorted();
  const texts = await Promise.all(files.map((f) => readFile(join(directory, f), "utf8")));
  return texts.flatMap((text) => parseManifests(substitute(text, values)));
}

/** Whether `live` says everything `wanted` says. Lists must agree item by item, since their order is meaning. Pure. */
export function contains(live: unknown, wanted: unknown): boolean {
  if (wanted === null || wanted === undefined) return true;
  if (Array.isArray(wanted))
    return (
      Array.isArray(live) && live.length === wanted.length && wanted.every((w, i) => contains(live[i], w))
    );
  if (typeof wanted === "object") {
    if (live === null || live === undefined) return Object.keys(wanted).length === 0;
    if (typeof live !== "object") return false;
    const fields = live as Record<string, unknown>;
    return Object.entries(wanted).every(([key, value]) => contains(fields[key], value));
  }
  return live === wanted;
}
