import type { Kind } from "../registry/kind.ts";
import { mediaRanges } from "../registry/negotiate.ts";
import type { ResourceTable } from "../registry/resources.ts";
import type { ApiRequest, ApiResponse } from "../request.ts";
import type { Descriptions } from "../schema/openapi/definitions.ts";
import {
  createOpenApi,
  swaggerProtobufAccept,
  swaggerProtobufType,
  type Document,
} from "../schema/openapi/documents.ts";
import type { ServedKind } from "../schema/openapi/served.ts";
import { inVersion, subresourcesOf, verbsOf } from "./groups.ts";
import { version } from "./version.ts";

export type OpenApiDocuments = (request: ApiRequest, path: string) => ApiResponse | undefined;

/** Serves /openapi/v2 and /openapi/v3 for what the table holds at the time. */
export function createOpenApiDocuments(
  table: ResourceTable,
  descriptions?: () => Descriptions,
): OpenApiDocuments {
  const served = (): ServedKind[] =>
    table.kinds().flatMap((kind) => kind.versions.map((v) => servedKind(kind, v)));
  const openApi = createOpenApi({ version: version.gitVersion, served, descriptions });
  table.onChange(() => openApi.changed());
  return (request, path) => {
    if (path === "/openapi/v3") return respond(request, openApi.index());
    if (path === "/openapi/v2") return swagger(request, openApi);
    if (!path.startsWith("/openapi/v3/")) return undefined;
    const document = openApi.v3(path.slice("/openapi/v3/".length));
    return document && respond(request, document);
  };
}

const servedKind = (kind: Kind, itsVersion: string): ServedKind => ({
  group: kind.group,
  version: itsVersion,
  kind: kind.kind,
  plural: kind.plural,
  namespaced: kind.namespaced,
  verbs: verbsOf(inVersion(kind, itsVersion)),
  returnDeleted: kind.returnDeleted,
  schema: kind.perVersion?.[itsVersion]?.custom?.schema,
  remote: kind.perVersion?.[itsVersion]?.remote?.documents,
  subresources: subresourcesOf(kind, itsVersion).map(({ name, verbs, kind: of, connect }) => ({
    name,
    verbs: connect ? ["connect"] : verbs,
    group: of.group,
    version: of.version,
    kind: of.kind,
  })),
});

/** Clients ask by the name that is no media type; who copies the answer's type means the same. */
const protobufRanges = new Set([swaggerProtobufAccept.toLowerCase(), swaggerProtobufType.toLowerCase()]);
const jsonRanges = new Set(["application/json", "application/*", "*/*"]);

function swagger(request: ApiRequest, openApi: ReturnType<typeof createOpenApi>): ApiResponse {
  const ranges = mediaRanges(request.headers["accept"] ?? "");
  const protobuf = ranges.findIndex((range) => protobufRanges.has(range.type));
  const json = ranges.findIndex((range) => jsonRanges.has(range.type));
  if (ranges.length > 0 && protobuf < 0 && json < 0) return { status: 406, headers: {}, body: "" };
  if (protobuf >= 0 && (json < 0 || protobuf < json)) {
    return respond(request, openApi.v2Protobuf(), swaggerProtobufType);
  }
  return respond(request, openApi.v2());
}

function respond(request: ApiRequest, document: Document, type = "application/json"): ApiResponse {
  const hash = request.query.get("hash");
  const headers = {
    "content-type": type,
    etag: document.etag,
    vary: "Accept",
    // A link with the right hash always means this content.
    "cache-control": hash && document.etag === `"${hash}"` ? "public, immutable" : "no-cache, private",
  };
  if (request.headers["if-none-match"] === document.etag) return { status: 304, headers, body: "" };
  return { status: 200, headers, body: document.body };
}
