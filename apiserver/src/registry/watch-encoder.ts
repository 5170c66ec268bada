import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { stringify } from "yaml";
import type { ApiRequest } from "../request.ts";
import type { CachedObject } from "../watch/cache.ts";
import { negotiate, type Accepted } from "./negotiate.ts";
import { fromStorage } from "./read-body.ts";
import type { ServedResource } from "./resources.ts";
import { tableOptions } from "./respond.ts";
import { columnDefinitions, partialMetadata, tableOf, tableRow, type TableOptions } from "./table.ts";

export type EventType = "ADDED" | "MODIFIED" | "DELETED";
export const initialEventsEnd = "k8s.io/initial-events-end";

/** Turns events into the bytes that one watcher is sent. */
export interface WatchEncoder {
  event(type: EventType, item: CachedObject): Buffer | string;
  bookmark(revision: number, endOfInitialEvents: boolean): string;
  readonly contentType: string;
}

const newline = Buffer.from("}\n");
const heads: Readonly<Record<EventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};

/** The last event's bytes: it goes to one watcher of plain JSON after the other. */
let last: { readonly type: EventType; readonly item: CachedObject; readonly bytes: Buffer } | undefined;

function sharedBytes(type: EventType, item: CachedObject): Buffer {
  if (last?.item !== item || last.type !== type)
    last = { type, item, bytes: Buffer.concat([heads[type], item.json(), newline]) };
  return last.bytes;
}

/** The encoder for what a client accepts. @throws ApiError 406 */
export function watchEncoder(request: ApiRequest, served: ServedResource): WatchEncoder {
  const accepted = negotiate(request.headers["accept"]);
  const line =
    accepted.format === "yaml"
      ? (type: string, object: object): string => `---\n${stringify({ type, object })}`
      : (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
  const transform = transformer(request, served, accepted);
  return {
    contentType: accepted.format === "yaml" ? "application/yaml;stream=watch" : "application/json",
    event(type, item) {
      if (accepted.as === "" && accepted.format === "json" && served.isStorageVersion)
        return sharedBytes(type, item);
      return line(
        type,
        transform(item.object, () => fromStorage(served, item.object)),
      );
    },
    bookmark(revision, endOfInitialEvents) {
      const metadata = {
        resourceVersion: String(revision),
        ...(endOfInitialEvents ? { annotations: { [initialEventsEnd]: "true" } } : {}),
      };
      const object: KubeObject = { kind: served.kind.kind, apiVersion: served.apiVersion, metadata };
      return line(
        "BOOKMARK",
        accepted.as === "Table"
          ? bookmarkTable(accepted, object)
          : accepted.as === ""
            ? object
            : transform(object, () => object),
      );
    },
  };
}

/** A bookmark in a watch of tables has no cells; only the object's metadata matters. */
const bookmarkTable = (accepted: Accepted, object: KubeObject): object =>
  tableOf(
    accepted.version,
    { resourceVersion: object.metadata.resourceVersion },
    [],
    [{ cells: [], object: partialMetadata(object, accepted.version) }],
  );

function transformer(
  request: ApiRequest,
  served: ServedResource,
  accepted: Accepted,
): (object: KubeObject, shown: () => KubeObject) => object {
  switch (accepted.as) {
    case "":
      return (_object, shown) => shown();
    case "PartialObjectMetadata":
    case "PartialObjectMetadataList":
      return (object) => partialMetadata(object, accepted.version);
    case "Table":
      return tableTransformer(served, tableOptions(request, accepted));
  }
}

/** Column headers are sent with the first event only. */
function tableTransformer(served: ServedResource, options: TableOptions) {
  let columns: readonly object[] = columnDefinitions(served.kind);
  return (object: KubeObject, shown: () => KubeObject): object => {
    const row = tableRow(served.kind, object, shown, { ...options, now: new Date() });
    const table = tableOf(options.version, { resourceVersion: object.metadata.resourceVersion }, columns, [
      row,
    ]);
    columns = [];
    return table;
  };
}
