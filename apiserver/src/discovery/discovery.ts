import { createHash } from "node:crypto";
import type { ApiRequest, ApiResponse } from "../request.ts";
import { mediaRanges } from "../registry/negotiate.ts";
import type { ResourceTable } from "../registry/resources.ts";
import { respondWith } from "../registry/respond.ts";
import { aggregated } from "./aggregated.ts";
import { groupsOf, resourceList, type ServedGroup } from "./groups.ts";

/**
 * Serves `/api`, `/apis` and what is below them down to the resources of a version.
 * @param serverAddress `host:port` of this server, for clients everywhere
 */
export function createDiscovery(
  table: ResourceTable,
  serverAddress?: string,
): (request: ApiRequest, path: string) => ApiResponse | undefined {
  let groups: readonly ServedGroup[] = [];
  let documents = new Map<string, Document>();
  let generation = -1;
  return (request, path) => {
    if (!path.startsWith("/api")) return undefined;
    if (generation !== table.generation) {
      generation = table.generation;
      groups = groupsOf(table.kinds());
      documents = new Map();
    }
    if (path === "/api" || path === "/apis") {
      const version = aggregatedVersion(request.headers["accept"]);
      if (version)
        return respondDocument(
          request,
          remember(documents, `${path} ${version}`, () => aggregated(groups, path, version)),
          version,
        );
      return respondWith(request, path === "/api" ? coreVersions(serverAddress) : groupList(groups));
    }
    return classic(request, path, groups);
  };
}

interface Document {
  readonly body: string;
  readonly etag: string;
}

function remember(documents: Map<string, Document>, key: string, make: () => object): Document {
  let document = documents.get(key);
  if (!document) {
    const body = JSON.stringify(make());
    document = { body, etag: `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"` };
    documents.set(key, document);
  }
  return document;
}

/** The first aggregated form that the client accepts. */
function aggregatedVersion(accept: string | undefined): "v2" | "v2beta1" | undefined {
  if (!accept?.includes("APIGroupDiscoveryList")) return undefined;
  for (const { type, params } of mediaRanges(accept)) {
    if (type !== "application/json" && type !== "application/vnd.kubernetes.protobuf") continue;
    const version = params.get("v");
    const asked = params.get("g") === "apidiscovery.k8s.io" && params.get("as") === "APIGroupDiscoveryList";
    if (asked && (version === "v2" || version === "v2beta1")) return version;
  }
  return undefined;
}

function respondDocument(request: ApiRequest, { body, etag }: Document, version: string): ApiResponse {
  const headers = {
    "content-type": `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    "cache-control": "public",
    etag,
    vary: "Accept",
  };
  if (request.headers["if-none-match"] === etag) return { status: 304, headers, body: "" };
  return { status: 200, headers, body };
}

const coreVersions = (serverAddress: string | undefined): object => ({
  kind: "APIVersions",
  versions: ["v1"],
  serverAddressByClientCIDRs: serverAddress === undefined ? [] : [{ clientCIDR: "0.0.0.0/0", serverAddress }],
});

const groupList = (groups: readonly ServedGroup[]): object => ({
  kind: "APIGroupList",
  apiVersion: "v1",
  groups: groups.filter((g) => g.name !== "").map(apiGroup),
});

function apiGroup(group: ServedGroup): object {
  const versions = group.versions.map((version) => ({ groupVersion: `${group.name}/${version}`, version }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

function classic(request: ApiRequest, path: string, groups: readonly ServedGroup[]): ApiResponse | undefined {
  const [, prefix, first, second, ...rest] = path.split("/");
  if (rest.length > 0 || first === undefined) return undefined;
  const name = prefix === "api" ? "" : prefix === "apis" ? first : undefined;
  const group = groups.find((g) => g.name === name);
  if (!group) return undefined;
  const version = prefix === "api" ? first : second;
  if (version === undefined)
    return respondWith(request, { kind: "APIGroup", apiVersion: "v1", ...apiGroup(group) });
  if (!group.versions.includes(version) || (prefix === "api" && second !== undefined)) return undefined;
  return respondWith(request, resourceList(group, version));
}
