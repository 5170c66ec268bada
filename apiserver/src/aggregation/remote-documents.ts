/** What an extension server says of its types, to be part of this server's OpenAPI documents. */
import { isObject, type JsonObject } from "../patch/json.ts";
import type { RemoteDocuments } from "../registry/kind.ts";

/** Reads a document of the server; undefined when it has none. */
export type ReadDocument = (path: string) => Promise<unknown>;

interface Version {
  readonly group: string;
  readonly version: string;
}

/** @param known what was read last; the whole is read again only when the server says that its part has changed */
export async function readDocuments(
  read: ReadDocument,
  { group, version }: Version,
  known: RemoteDocuments | undefined,
): Promise<RemoteDocuments> {
  const path = `apis/${group}/${version}`;
  const v3 = hashIn(await read("/openapi/v3"), path);
  if (v3 !== undefined && v3 === known?.v3) return known;
  const v2 = partOf(await read("/openapi/v2"), `/${path}/`);
  return { ...(v3 === undefined ? {} : { v3 }), ...(v2 ? { v2 } : {}) };
}

/** The hash in the index's link to the part for a path; "" for a link without one. */
function hashIn(index: unknown, path: string): string | undefined {
  const paths = isObject(index) ? index["paths"] : undefined;
  const entry = isObject(paths) ? paths[path] : undefined;
  const url = isObject(entry) ? entry["serverRelativeURL"] : undefined;
  return typeof url === "string"
    ? (new URL(url, "https://server").searchParams.get("hash") ?? "")
    : undefined;
}

/** The paths below a prefix, and the definitions that they need. */
function partOf(document: unknown, prefix: string): RemoteDocuments["v2"] {
  if (!isObject(document)) return undefined;
  const { paths: allPaths, definitions: all } = document;
  if (!isObject(allPaths) || !isObject(all)) return undefined;
  const paths = Object.fromEntries(Object.entries(allPaths).filter(([path]) => path.startsWith(prefix)));
  if (Object.keys(paths).length === 0) return undefined;
  const definitions: JsonObject = {};
  const visit = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)) {
      if (name === undefined || name in definitions || all[name] === undefined) continue;
      definitions[name] = all[name];
      visit(all[name]);
    }
  };
  visit(paths);
  return { paths, definitions };
}
