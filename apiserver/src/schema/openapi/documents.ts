/** /openapi/v2 and /openapi/v3: built when first asked for, kept until what is served changes. */
import { createHash } from "node:crypto";
import { definitionName, facts } from "../registry.ts";
import { customDefinitions, customName } from "./custom.ts";
import { closure, definition } from "./definitions.ts";
import type { Descriptions, Dialect, Json } from "./definitions.ts";
import { indexPaths, versionInfo, versionPath } from "./discovery-paths.ts";
import { pathsOf } from "./paths.ts";
import type { NameOf } from "./names.ts";
import { renderPath } from "./render.ts";
import type { GroupVersionKind, PathDescription, ServedKind } from "./served.ts";
import { encodeSwagger } from "./swagger-protobuf.ts";

/** What clients ask for the protobuf form of v2 with… */
export const swaggerProtobufAccept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/** …and the type of the answer: an `@` is not allowed in a Content-Type, and clients refuse one. */
export const swaggerProtobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

export interface Document {
  readonly body: Buffer;
  /** Quoted, ready for the header; for v3 it is the hash of the index's link. */
  readonly etag: string;
}

export interface OpenApiOptions {
  /** `v1.36.0` */
  readonly version: string;
  /** Every kind served now; called again after `changed()`. */
  readonly served: () => readonly ServedKind[];
  /** Asked each time documents are built, since nothing else needs so much text; absent: types alone. */
  readonly descriptions?: (() => Descriptions) | undefined;
}

export interface OpenApi {
  /** The body of /openapi/v3. */
  index(): Document;
  /** The document of a path below /openapi/v3/, such as `api/v1` or `apis/apps/v1`. */
  v3(path: string): Document | undefined;
  v2(): Document;
  /** v2 for those who accept {@link swaggerProtobufAccept}; answer with {@link swaggerProtobufType}. */
  v2Protobuf(): Document;
  /** What is served has changed: a CustomResourceDefinition came or went. */
  changed(): void;
}

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

export function createOpenApi(options: OpenApiOptions): OpenApi {
  // Documents are built many at a time; the texts last as long as that.
  let texts: WeakRef<Descriptions> | undefined;
  const descriptions = (): Descriptions => {
    const known = texts?.deref() ?? options.descriptions?.() ?? {};
    texts = new WeakRef(known);
    return known;
  };
  const documents = new Map<string, Document>();
  let groups: Map<string, ServedKind[]> | undefined;

  const served = (): Map<string, ServedKind[]> => (groups ??= byGroupVersion(options.served()));
  const keep = (key: string, build: () => Buffer): Document => {
    let document = documents.get(key);
    if (!document) {
      document = documentOf(build());
      documents.set(key, document);
    }
    return document;
  };
  const everyone = (): ServedKind[] => [...served().values()].flat();
  const swagger = (): Json => ({
    swagger: "2.0",
    info: { title: "Kubernetes", version: options.version },
    ...withRemote(
      assemble(
        {
          kinds: everyone().filter((kind) => !kind.remote?.v2),
          others: [...indexPaths(everyone()).values()],
          all: everyone(),
        },
        "v2",
        descriptions(),
      ),
      everyone(),
    ),
    securityDefinitions: { BearerToken: bearerToken },
    security: [{ BearerToken: [] }],
  });
  const v3 = (path: string): Document | undefined => {
    const kinds = served().get(path);
    const other = kinds ? undefined : indexPaths(everyone()).get(path);
    if (!kinds && !other) return undefined;
    const part = { kinds: kinds ?? [], others: other ? [other] : [], all: everyone() };
    return keep(path, () => json(openApiV3(part, options.version, descriptions())));
  };
  return {
    v3,
    index: () =>
      keep("index", () => {
        const names = [...served().keys(), ...indexPaths(everyone()).keys()];
        const links = names.toSorted().map((path): [string, Json] => {
          const [kind] = served().get(path) ?? [];
          const hash = kind?.remote?.v3 ?? v3(path)?.etag.replaceAll('"', "") ?? "";
          return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
        });
        return json({ paths: Object.fromEntries(links) });
      }),
    v2: () => keep("v2", () => json(swagger())),
    v2Protobuf: () => keep("v2.pb", () => encodeSwagger(swagger())),
    changed: () => {
      groups = undefined;
      documents.clear();
    },
  };
}

interface Assembled {
  readonly paths: Json;
  readonly definitions: Json;
}

/** With what other servers say of their parts; types that both know are this server's. */
function withRemote({ paths, definitions }: Assembled, kinds: readonly ServedKind[]): Assembled {
  const parts = new Set(kinds.flatMap((kind) => kind.remote?.v2 ?? []));
  if (parts.size === 0) return { paths, definitions };
  return {
    paths: Object.assign({}, ...[...parts].map((part) => part.paths), paths) as Json,
    definitions: Object.assign({}, ...[...parts].map((part) => part.definitions), definitions) as Json,
  };
}

const json = (value: Json): Buffer => Buffer.from(JSON.stringify(value));
const documentOf = (body: Buffer): Document => ({
  body,
  etag: `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"`,
});

const bearerToken = {
  type: "apiKey",
  name: "authorization",
  in: "header",
  description: "Bearer Token authentication",
};

function byGroupVersion(kinds: readonly ServedKind[]): Map<string, ServedKind[]> {
  const groups = new Map<string, ServedKind[]>();
  for (const kind of kinds) {
    const path = kind.group === "" ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
    groups.set(path, [...(groups.get(path) ?? []), kind]);
  }
  return groups;
}

/** What a document is about. */
interface Part {
  readonly kinds: readonly ServedKind[];
  /** Paths that belong to none of them. */
  readonly others: readonly PathDescription[];
  /** Every kind served: what travels under all versions says so. */
  readonly all: readonly ServedKind[];
}

function openApiV3(part: Part, version: string, descriptions: Descriptions): Json {
  const { paths, definitions } = assemble(part, "v3", descriptions);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version },
    paths,
    components: { schemas: definitions, securitySchemes: { BearerToken: bearerToken } },
  };
}

function assemble({ kinds, others, all }: Part, dialect: Dialect, descriptions: Descriptions): Assembled {
  const custom = new Map<string, ServedKind>();
  for (const kind of kinds) {
    if (definitionName(kind.group, kind.version, kind.kind) === undefined) custom.set(customName(kind), kind);
  }
  const nameOf: NameOf = (gvk) => definitionName(gvk.group, gvk.version, gvk.kind) ?? customName(gvk);
  const paths: Json = {};
  const used = new Set(kinds.length > 0 ? ofAllKinds : []);
  const described = [
    ...others,
    ...groupVersionsOf(kinds).map(versionPath),
    ...kinds.flatMap((kind) => pathsOf(kind, nameOf)),
  ];
  for (const path of described) {
    paths[path.path] = renderPath(path, dialect, descriptions);
    for (const o of path.operations)
      for (const name of [o.body, o.answer]) if (name && facts.types[name]) used.add(name);
  }
  const versions = groupVersionsOf(all);
  const definitions: Json = {};
  for (const name of [...closure(used)].toSorted()) {
    definitions[name] = withKinds(name, definition(name, { dialect, descriptions }), versions);
  }
  if (others.some(({ operations }) => operations.some(({ answer }) => answer === versionInfo.name)))
    definitions[versionInfo.name] = versionInfo.schema;
  for (const kind of custom.values())
    Object.assign(definitions, customDefinitions(kind, dialect, descriptions));
  return { paths, definitions };
}

const ofAllKinds = ["Status", "DeleteOptions", "WatchEvent", "ObjectMeta", "ListMeta"].map(
  (name) => `${meta}.${name}`,
);

const groupVersionsOf = (all: readonly ServedKind[]): { group: string; version: string }[] =>
  [...new Set(all.map((k) => `${k.group}/${k.version}`))].toSorted().map((gv) => {
    const [group = "", version = ""] = gv.split("/");
    return { group, version };
  });

/** Options and events travel under every group and version, and say so. */
function withKinds(
  name: string,
  schema: Json,
  versions: readonly { group: string; version: string }[],
): Json {
  const kind = name.slice(name.lastIndexOf(".") + 1);
  let kinds: GroupVersionKind[] | undefined;
  if (name === `${meta}.DeleteOptions` || name === `${meta}.WatchEvent`) {
    kinds = versions.map(({ group, version }) => ({ group, kind, version }));
  } else {
    const gvk = facts.types[name]?.gvk;
    if (gvk) kinds = [{ group: gvk[0], kind: gvk[2], version: gvk[1] }];
  }
  return kinds ? { ...schema, "x-kubernetes-group-version-kind": kinds } : schema;
}
