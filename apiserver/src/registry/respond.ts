import { notAcceptable, invalid, type Status } from "@coracle/shared/errors.ts";
import { stringify } from "yaml";
import type { ApiRequest, ApiResponse } from "../request.ts";
import type { CachedObject, ListResult } from "../watch/cache.ts";
import { notSupported, path } from "./field.ts";
import { negotiate, type Accepted } from "./negotiate.ts";
import { fromStorage } from "./read-body.ts";
import type { ServedResource } from "./resources.ts";
import {
  columnDefinitions,
  partialMetadata,
  tableOf,
  tableRow,
  type IncludeObject,
  type TableOptions,
} from "./table.ts";

const json = { "content-type": "application/json", "cache-control": "no-cache, private" };
const yaml = { "content-type": "application/yaml", "cache-control": "no-cache, private" };

/** An answer with a body of our own making. */
export function respondWith(request: ApiRequest, body: object, status = 200): ApiResponse {
  const { format } = negotiate(request.headers["accept"]);
  return format === "yaml"
    ? { status, headers: yaml, body: stringify(body) }
    : { status, headers: json, body: JSON.stringify(body) };
}

/** An answer with one object, in the form that the client accepts. */
export function respondObject(
  request: ApiRequest,
  served: ServedResource,
  item: CachedObject,
  status = 200,
): ApiResponse {
  const accepted = negotiate(request.headers["accept"]);
  if (accepted.as === "" && accepted.format === "json" && served.isStorageVersion) {
    return { status, headers: json, body: item.json() };
  }
  return encoded(accepted, transformOne(request, served, item, accepted), status);
}

function transformOne(
  request: ApiRequest,
  served: ServedResource,
  item: CachedObject,
  accepted: Accepted,
): object {
  switch (accepted.as) {
    case "":
      return fromStorage(served, item.object);
    case "PartialObjectMetadata":
      return partialMetadata(item.object, accepted.version);
    case "Table": {
      const options = tableOptions(request, accepted);
      const row = tableRow(served.kind, item.object, () => fromStorage(served, item.object), options);
      const { resourceVersion } = item.object.metadata;
      return tableOf(accepted.version, { resourceVersion }, columnDefinitions(served.kind), [row]);
    }
    case "PartialObjectMetadataList":
      throw notAcceptable(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]);
  }
}

const encoded = (accepted: Accepted, body: object, status: number): ApiResponse =>
  accepted.format === "yaml"
    ? { status, headers: yaml, body: stringify(body) }
    : { status, headers: json, body: JSON.stringify(body) };

/** `includeObject` of a table request. @throws ApiError 422 */
export function tableOptions(request: ApiRequest, accepted: Accepted): TableOptions {
  const include = request.query.get("includeObject") || "Metadata";
  if (include !== "None" && include !== "Metadata" && include !== "Object") {
    throw invalid("meta.k8s.io", "TableOptions", "", [
      notSupported(path("includeObject"), include, ["Metadata", "None", "Object"]),
    ]);
  }
  return { version: accepted.version, include: include satisfies IncludeObject, now: new Date() };
}

export interface ListPage extends ListResult {
  readonly continueToken?: string | undefined;
  readonly remainingItemCount?: number | undefined;
}

/** An answer with a list: items' cached bytes are joined, nothing is serialized again. */
export function respondList(request: ApiRequest, served: ServedResource, page: ListPage): ApiResponse {
  const accepted = negotiate(request.headers["accept"]);
  const metadata = {
    resourceVersion: String(page.revision),
    ...(page.continueToken ? { continue: page.continueToken } : {}),
    ...(page.remainingItemCount ? { remainingItemCount: page.remainingItemCount } : {}),
  };
  if (accepted.as === "" && accepted.format === "json" && served.isStorageVersion) {
    return { status: 200, headers: json, body: joinItems(served, metadata, page.items) };
  }
  return encoded(accepted, transformList(request, served, { accepted, metadata, items: page.items }), 200);
}

interface ListParts {
  readonly accepted: Accepted;
  readonly metadata: object;
  readonly items: readonly CachedObject[];
}

function transformList(
  request: ApiRequest,
  served: ServedResource,
  { accepted, metadata, items }: ListParts,
): object {
  switch (accepted.as) {
    case "":
      return {
        kind: served.kind.listKind,
        apiVersion: served.apiVersion,
        metadata,
        items: items.map((item) => fromStorage(served, item.object)),
      };
    case "PartialObjectMetadataList":
      return {
        kind: "PartialObjectMetadataList",
        apiVersion: `meta.k8s.io/${accepted.version}`,
        metadata,
        items: items.map((item) => partialMetadata(item.object, accepted.version)),
      };
    case "Table": {
      const options = tableOptions(request, accepted);
      const rows = items.map((item) =>
        tableRow(served.kind, item.object, () => fromStorage(served, item.object), options),
      );
      return tableOf(accepted.version, metadata, columnDefinitions(served.kind), rows);
    }
    case "PartialObjectMetadata":
      throw notAcceptable(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]);
  }
}

const comma = Buffer.from(",");
const listEnd = Buffer.from("]}\n");

function joinItems(served: ServedResource, metadata: object, items: readonly CachedObject[]): Buffer {
  const head = JSON.stringify({ kind: served.kind.listKind, apiVersion: served.apiVersion, metadata });
  const parts: Buffer[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
  items.forEach((item, i) => {
    if (i > 0) parts.push(comma);
    parts.push(item.json());
  });
  parts.push(listEnd);
  return Buffer.concat(parts);
}

/** The answer to a failed request. */
export function respondStatus(request: Pick<ApiRequest, "headers">, status: Status): ApiResponse {
  let format: Accepted["format"] = "json";
  try {
    ({ format } = negotiate(request.headers["accept"]));
  } catch {
    // The client accepts nothing we have; an error goes out as JSON all the same.
  }
  const retry = status.details?.retryAfterSeconds;
  const headers = {
    ...(format === "yaml" ? yaml : json),
    ...(retry ? { "retry-after": String(retry) } : {}),
  };
  return {
    status: status.code,
    headers,
    body: format === "yaml" ? stringify(status) : JSON.stringify(status),
  };
}
