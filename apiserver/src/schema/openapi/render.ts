/** Paths and operations in the form of either dialect. */
import { prefixOf } from "./definitions.ts";
import type { Descriptions, Dialect, Json } from "./definitions.ts";
import type { Operation, PathDescription } from "./served.ts";
import { definitionName } from "../registry.ts";

const produced = ["application/json", "application/yaml"];
const streamed = ["application/json;stream=watch"];
const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];
/** Clients read here that a custom resource cannot be merged strategically. */
const patchTypesOf = ({ gvk }: Operation): readonly string[] =>
  gvk && definitionName(gvk.group, gvk.version, gvk.kind) === undefined
    ? patchTypes.filter((type) => !type.includes("strategic"))
    : patchTypes;

const queryTypes: Readonly<Record<string, "boolean" | "integer">> = {
  allowWatchBookmarks: "boolean",
  force: "boolean",
  orphanDependents: "boolean",
  sendInitialEvents: "boolean",
  watch: "boolean",
  follow: "boolean",
  insecureSkipTLSVerifyBackend: "boolean",
  previous: "boolean",
  timestamps: "boolean",
  limitBytes: "integer",
  sinceSeconds: "integer",
  tailLines: "integer",
  gracePeriodSeconds: "integer",
  limit: "integer",
  timeoutSeconds: "integer",
};

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
/** Query parameters are the fields of these, and share their descriptions. */
const optionKinds = ["ListOptions", "PatchOptions", "DeleteOptions", "CreateOptions"].map(
  (k) => `${meta}.${k}`,
);

function queryParameter(name: string, dialect: Dialect, descriptions: Descriptions): Json {
  const description = optionKinds.map((k) => descriptions[k]?.[name]).find((d) => d !== undefined);
  const type = queryTypes[name] ?? "string";
  return {
    name,
    in: "query",
    ...(description ? { description } : {}),
    ...(dialect === "v2" ? { type, uniqueItems: true } : { schema: { type, uniqueItems: true } }),
  };
}

function pathParameter(name: string, dialect: Dialect): Json {
  const type = "string";
  return {
    name,
    in: "path",
    required: true,
    ...(dialect === "v2" ? { type, uniqueItems: true } : { schema: { type, uniqueItems: true } }),
  };
}

/** The `paths` entry of one path. */
export function renderPath(description: PathDescription, dialect: Dialect, texts: Descriptions): Json {
  const item: Json = {};
  for (const operation of description.operations) {
    item[operation.method] = dialect === "v2" ? operationV2(operation, texts) : operationV3(operation, texts);
  }
  item["parameters"] = [
    ...description.parameters.map((p) => pathParameter(p, dialect)),
    queryParameter("pretty", dialect, texts),
  ];
  return item;
}

const common = (o: Operation): Json => ({
  tags: [o.tag],
  description: o.description,
  operationId: o.id,
  ...(o.action ? { "x-kubernetes-action": o.action } : {}),
  ...(o.gvk ? { "x-kubernetes-group-version-kind": o.gvk } : {}),
});
const codeTexts: Readonly<Record<number, string>> = { 200: "OK", 201: "Created", 202: "Accepted" };
const produces = (o: Operation): readonly string[] =>
  o.produces ?? (o.streams ? [...produced, ...streamed] : o.action === "connect" ? ["*/*"] : produced);

function operationV3(o: Operation, texts: Descriptions): Json {
  const reference = (name: string): Json => ({ $ref: `${prefixOf("v3")}${name}` });
  const answer = { schema: o.answer ? reference(o.answer) : { type: "string" } };
  const content = Object.fromEntries(produces(o).map((type) => [type, answer]));
  const consumed = o.method === "patch" ? patchTypesOf(o) : ["*/*"];
  return {
    ...common(o),
    ...(o.query.length > 0 ? { parameters: o.query.map((q) => queryParameter(q, "v3", texts)) } : {}),
    ...(o.body
      ? {
          requestBody: {
            content: Object.fromEntries(consumed.map((type) => [type, { schema: reference(o.body ?? "") }])),
            ...(o.method === "delete" ? {} : { required: true }),
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(o.codes.map((code) => [code, { description: codeTexts[code] ?? "", content }])),
      401: { description: "Unauthorized" },
    },
  };
}

function operationV2(o: Operation, texts: Descriptions): Json {
  const reference = (name: string): Json => ({ $ref: `${prefixOf("v2")}${name}` });
  const schema = o.answer ? reference(o.answer) : { type: "string" };
  const body = o.body
    ? [
        {
          name: "body",
          in: "body",
          ...(o.method === "delete" ? {} : { required: true }),
          schema: reference(o.body),
        },
      ]
    : [];
  return {
    ...common(o),
    consumes: o.method === "patch" ? patchTypesOf(o) : ["*/*"],
    produces: produces(o),
    schemes: ["https"],
    ...(body.length + o.query.length > 0
      ? { parameters: [...body, ...o.query.map((q) => queryParameter(q, "v2", texts))] }
      : {}),
    responses: {
      ...Object.fromEntries(o.codes.map((code) => [code, { description: codeTexts[code] ?? "", schema }])),
      401: { description: "Unauthorized" },
    },
  };
}
