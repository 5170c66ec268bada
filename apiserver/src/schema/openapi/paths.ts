/** The paths of a served kind, each with its operations. */
import { connectPaths } from "./connect-paths.ts";
import { baseOf, capital, groupWord, type NameOf } from "./names.ts";
import type {
  GroupVersionKind,
  Operation,
  PathDescription,
  ServedKind,
  ServedSubresource,
} from "./served.ts";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const writeQuery = ["dryRun", "fieldManager", "fieldValidation"];
const deleteQuery = ["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"];
const selectQuery = [
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
];
const listQuery = ["allowWatchBookmarks", ...selectQuery, "sendInitialEvents", "timeoutSeconds", "watch"];

/** Every path of `served`. */
export function pathsOf(served: ServedKind, nameOf: NameOf): PathDescription[] {
  const base = baseOf(served.group, served.version);
  const scope = served.namespaced ? "/namespaces/{namespace}" : "";
  const scoped = served.namespaced ? ["namespace"] : [];
  const collection = `${base}${scope}/${served.plural}`;
  const build = operationBuilder(served, nameOf);
  const paths: PathDescription[] = [
    { path: collection, parameters: scoped, operations: collectionOperations(served, build) },
    {
      path: `${collection}/{name}`,
      parameters: ["name", ...scoped],
      operations: itemOperations(served, build),
    },
    ...served.subresources.flatMap((sub) => {
      const path = `${collection}/{name}/${sub.name}`;
      const parameters = ["name", ...scoped];
      if (!sub.verbs.includes("connect"))
        return [{ path, parameters, operations: subresourceOperations(sub, build) }];
      return connectPaths(served, sub, nameOf).map(({ below, operations }) =>
        below
          ? { path: `${path}/{path}`, parameters: [...parameters, "path"], operations }
          : { path, parameters, operations },
      );
    }),
  ];
  if (served.namespaced && served.verbs.includes("list")) {
    const everywhere = build("get", "list", "list", {
      suffix: "ForAllNamespaces",
      unscoped: true,
      query: listQuery,
      list: true,
    });
    paths.push({ path: `${base}/${served.plural}`, parameters: [], operations: [everywhere] });
  }
  return paths.filter((p) => p.operations.length > 0);
}

interface Details {
  readonly query?: readonly string[];
  /** A definition name, or `self` for the kind's own. */
  readonly body?: string;
  readonly answer?: string;
  readonly text?: boolean;
  readonly codes?: readonly number[];
  readonly list?: boolean;
  readonly suffix?: string;
  readonly infix?: string;
  readonly unscoped?: boolean;
  readonly gvk?: GroupVersionKind;
}
type Build = (method: Operation["method"], verb: string, action: string, details: Details) => Operation;

const texts: Readonly<Record<string, string>> = {
  list: "list or watch objects of kind",
  post: "create",
  get: "read the specified",
  put: "replace the specified",
  patch: "partially update the specified",
  delete: "delete",
  deletecollection: "delete collection of",
};

function answerOf(d: Details, own: string | undefined): Pick<Operation, "answer"> {
  if (d.text) return {};
  return { answer: d.answer === "self" || !d.answer ? own : d.answer };
}

function operationBuilder(served: ServedKind, nameOf: NameOf): Build {
  const { group, version, kind } = served;
  const word = groupWord(group);
  return (method, verb, action, d) => {
    const gvk = d.gvk ?? { group, version, kind };
    const self = nameOf(gvk);
    const scope = served.namespaced && !d.unscoped ? "Namespaced" : "";
    return {
      method,
      id: `${verb}${capital(word)}${capital(version)}${d.infix ?? ""}${scope}${kind}${d.suffix ?? ""}`,
      action,
      gvk,
      description: `${texts[action] ?? action} ${kind}`,
      tag: `${word}_${version}`,
      query: d.query ?? [],
      body: d.body === "self" ? self : d.body,
      ...answerOf(d, d.list ? nameOf({ group, version, kind: `${kind}List` }) : self),
      codes: d.codes ?? [200],
      ...(d.list ? { streams: true } : {}),
    };
  };
}

function collectionOperations(served: ServedKind, build: Build): Operation[] {
  const can = (verb: string) => served.verbs.includes(verb);
  return [
    ...(can("list") ? [build("get", "list", "list", { query: listQuery, list: true })] : []),
    ...(can("create")
      ? [build("post", "create", "post", { query: writeQuery, body: "self", codes: [200, 201, 202] })]
      : []),
    ...(can("deletecollection")
      ? [
          build("delete", "delete", "deletecollection", {
            infix: "Collection",
            query: [...deleteQuery, ...selectQuery, "sendInitialEvents", "timeoutSeconds"],
            body: `${meta}.DeleteOptions`,
            answer: `${meta}.Status`,
          }),
        ]
      : []),
  ];
}

function itemOperations(served: ServedKind, build: Build): Operation[] {
  const can = (verb: string) => served.verbs.includes(verb);
  return [
    ...(can("get") ? [build("get", "read", "get", {})] : []),
    ...(can("update") ? [replace(build)] : []),
    ...(can("patch") ? [patch(build)] : []),
    ...(can("delete")
      ? [
          build("delete", "delete", "delete", {
            query: deleteQuery,
            body: `${meta}.DeleteOptions`,
            answer: served.returnDeleted ? "self" : `${meta}.Status`,
            codes: [200, 202],
          }),
        ]
      : []),
  ];
}

const replace = (build: Build, extra: Details = {}): Operation =>
  build("put", "replace", "put", { query: writeQuery, body: "self", codes: [200, 201], ...extra });
const patch = (build: Build, extra: Details = {}): Operation =>
  build("patch", "patch", "patch", {
    query: [...writeQuery, "force"],
    body: `${meta}.Patch`,
    codes: [200, 201],
    ...extra,
  });

/** A log is text. */
const log: Details = {
  text: true,
  query: [
    "container",
    "follow",
    "insecureSkipTLSVerifyBackend",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "stream",
    "tailLines",
    "timestamps",
  ],
};

function subresourceOperations(sub: ServedSubresource, build: Build): Operation[] {
  const suffix = sub.name.split("/").map(capital).join("");
  const extra: Details = {
    suffix,
    ...(sub.kind ? { gvk: { group: sub.group ?? "", version: sub.version ?? "v1", kind: sub.kind } } : {}),
  };
  const can = (verb: string) => sub.verbs.includes(verb);
  return [
    ...(can("get") ? [build("get", "read", "get", sub.name === "log" ? { ...extra, ...log } : extra)] : []),
    ...(can("create")
      ? [
          build("post", "create", "post", {
            ...extra,
            query: writeQuery,
            body: "self",
            codes: [200, 201, 202],
          }),
        ]
      : []),
    ...(can("update") ? [replace(build, extra)] : []),
    ...(can("patch") ? [patch(build, extra)] : []),
  ];
}
