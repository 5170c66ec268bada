/** Random requests that reach far: real paths with bodies, patches, selectors, tokens and headers that are almost right. */

export type Random = () => number;

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A small generator that can be started again from the seed a failure prints (mulberry32). */
export function seeded(state: number): Random {
  let s = state;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const pick = <T>(next: Random, items: readonly T[]): T =>
  items[Math.floor(next() * items.length)] as T;
const upTo = (next: Random, n: number): number => Math.floor(next() * n);
const many = <T>(next: Random, most: number, make: () => T): T[] =>
  Array.from({ length: upTo(next, most + 1) }, make);

const keys = (
  "metadata labels annotations finalizers ownerReferences managedFields name namespace uid resourceVersion generateName " +
  "deletionTimestamp spec status data binaryData stringData type replicas selector matchLabels matchExpressions template " +
  "containers initContainers ephemeralContainers image command args env ports containerPort protocol volumes volumeMounts " +
  "resources limits cpu tolerations affinity strategy rollingUpdate maxSurge rules verbs roleRef subjects conditions " +
  "$patch $retainKeys $setElementOrder/containers $deleteFromPrimitiveList/finalizers key op path value from __proto__ constructor"
).split(" ");
const scalars = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  2 ** 53,
  "",
  "a",
  "1",
  "100m",
  "-1Gi",
  "1e309",
  "RollingUpdate",
  "delete",
  "replace",
  "merge",
  "Always",
  "TCP",
  "2026-11-23T00:00:00Z",
  "not a time",
  "\u0000",
  "💥",
  "x".repeat(300),
  "../..",
  "a/b/c",
  "%",
];

/** Any JSON, made of the words of real objects. */
function json(next: Random, depth = 0): unknown {
  const kind = depth > 5 ? 0 : next();
  if (kind < 0.35) return pick(next, scalars);
  if (kind < 0.5) return many(next, 3, () => json(next, depth + 1));
  return Object.fromEntries(many(next, 4, () => [pick(next, keys), json(next, depth + 1)]));
}

const pointer = (next: Random): string =>
  many(next, 5, () => `/${pick(next, [...keys, "0", "-", "01", "~0", "~1", "~2", ""])}`).join("");
const operation = (next: Random): object => ({
  op: pick(next, ["add", "remove", "replace", "move", "copy", "test", "explode", 7]),
  path: next() < 0.9 ? pointer(next) : json(next),
  from: pointer(next),
  value: json(next),
});

const bytes = (next: Random, most: number): Buffer => Buffer.from(many(next, most, () => upTo(next, 256)));
const protobuf = (next: Random): Buffer => {
  const head = Buffer.from("k8s\0");
  const type = Buffer.from("\x0a\x0f\x0a\x02v1\x12\x09ConfigMap", "latin1");
  return Buffer.concat(
    next() < 0.5
      ? [head, bytes(next, 60)]
      : [head, type, Buffer.from([0x12, upTo(next, 256)]), bytes(next, 60)],
  );
};

/** A body of a type that the API knows, with its type. */
function body(next: Random, method: string): { type: string; body: string | Buffer } {
  if (method === "PATCH") {
    const ops = many(next, 5, () => operation(next));
    return pick(next, [
      { type: "application/json-patch+json", body: JSON.stringify(ops) },
      { type: "application/merge-patch+json", body: JSON.stringify(json(next)) },
      { type: "application/strategic-merge-patch+json", body: JSON.stringify(json(next)) },
      { type: "application/apply-patch+yaml", body: JSON.stringify(json(next)) },
    ]);
  }
  return pick(next, [
    { type: "application/json", body: JSON.stringify(json(next)) },
    { type: "application/json", body: JSON.stringify(json(next)).slice(0, upTo(next, 200)) },
    { type: "application/yaml", body: `a: &a\n  - ${JSON.stringify(json(next))}\nb: *a\n` },
    { type: "application/vnd.kubernetes.protobuf", body: protobuf(next) },
  ]);
}

const letters = [
  ..."abAB01=!,()./-_ \"'%&*\t".split(""),
  " in ",
  " notin ",
  "metadata.name",
  "status.phase",
  "é",
];
const text = (next: Random): string => encodeURIComponent(many(next, 12, () => pick(next, letters)).join(""));
const token = (next: Random): string => {
  const inside = {
    v: pick(next, ["meta.k8s.io/v1", "v0", 1]),
    rv: pick(next, [-1, 0, 1, 1e18, "a"]),
    start: pick(next, scalars),
  };
  return encodeURIComponent(
    Buffer.from(next() < 0.5 ? JSON.stringify(inside) : bytes(next, 30)).toString("base64url"),
  );
};
const query = (next: Random): string =>
  many(next, 3, () =>
    pick(next, [
      () => `labelSelector=${text(next)}`,
      () => `fieldSelector=${text(next)}`,
      () => `continue=${token(next)}&limit=${upTo(next, 3)}`,
      () => `resourceVersion=${pick(next, ["0", "1", "-1", "9".repeat(18), text(next)])}`,
      () => `resourceVersionMatch=${pick(next, ["Exact", "NotOlderThan", "x"])}`,
      () => "watch=1&timeoutSeconds=1&allowWatchBookmarks=true",
      () => `fieldManager=${text(next)}&force=${pick(next, ["true", "x"])}`,
      () => `dryRun=${pick(next, ["All", "None", ""])}`,
      () => `fieldValidation=${pick(next, ["Strict", "Warn", "Ignore", "x"])}`,
      () =>
        `propagationPolicy=${pick(next, ["Orphan", "Foreground", "x"])}&gracePeriodSeconds=${upTo(next, 3) - 1}`,
      () => `${text(next)}=${text(next)}`,
    ])(),
  ).join("&");

const headers = (next: Random): Record<string, string> =>
  Object.fromEntries(
    many(next, 2, () =>
      pick(next, [
        [
          "accept",
          pick(next, [
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/vnd.kubernetes.protobuf",
            "*/*;q=x",
            ";;",
          ]),
        ],
        ["accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"],
        ["accept-encoding", pick(next, ["gzip", "br;q=0", "gzip;q=x,,"])],
        ["content-encoding", "gzip"],
        [
          "authorization",
          pick(next, ["Bearer a.b.c", "Bearer", "Basic YTpi", "Bearer eyJhbGciOiJub25lIn0.e30."]),
        ],
        ["impersonate-user", pick(next, ["", "jane", "system:serviceaccount:a", "system:anonymous"])],
        ["impersonate-extra-%zz", "x"],
        ["if-none-match", '"x"'],
        ["audit-id", "x".repeat(upTo(next, 200))],
        ["x-long", "h".repeat(upTo(next, 20_000))],
        ["cookie", "a=b; ;=;"],
        ["range", "bytes=9-1"],
      ] as [string, string][]),
    ),
  );

/** @param collection paths of collections, each with the name of an object that is there */
export function almostRight(next: Random, collection: readonly (readonly [string, string])[]): FuzzRequest {
  const [path, name] = pick(next, collection);
  const method = pick(next, ["GET", "POST", "PUT", "PATCH", "PATCH", "PATCH", "DELETE"]);
  const part = pick(next, [
    "",
    "",
    "",
    "/status",
    "/scale",
    "/log",
    "/eviction",
    "/token",
    "/ephemeralcontainers",
    "/x",
  ]);
  const single = method === "PUT" || method === "PATCH" || next() < 0.5;
  // What is there stays there, to be patched again.
  const object = method === "DELETE" ? "none" : pick(next, [name, name, name, "none", text(next)]);
  const where = single ? `${path}/${object || "none"}${part}` : method === "DELETE" ? `${path}/none` : path;
  const sent = method === "GET" ? { type: "application/json", body: "" } : body(next, method);
  return {
    method,
    path: `${where}?${query(next)}`,
    headers: { "content-type": sent.type, ...headers(next) },
    body: sent.body,
  };
}

/** What comes on a connection that asks to leave HTTP: a handshake that is almost right, then anything. */
export function brokenUpgrade(next: Random, pod: string): Buffer {
  const verb = pick(next, [
    "exec?command=id&stdout=1",
    "attach?stdout=1",
    "portforward?ports=80",
    "log?follow=1",
    "status",
  ]);
  const lines = [
    `GET ${pod}/${verb} HTTP/1.1`,
    "Host: x",
    `Connection: ${pick(next, ["Upgrade", "upgrade, keep-alive", "close"])}`,
    `Upgrade: ${pick(next, ["websocket", "SPDY/3.1", "h2c", ""])}`,
    `Sec-WebSocket-Key: ${pick(next, ["dGhlIHNhbXBsZSBub25jZQ==", "short", ""])}`,
    `Sec-WebSocket-Version: ${pick(next, ["13", "0", "x"])}`,
    `Sec-WebSocket-Protocol: ${pick(next, ["v5.channel.k8s.io", "v4.channel.k8s.io", "base64url.bearer.authorization.k8s.io.!!", ","])}`,
    `X-Stream-Protocol-Version: ${pick(next, ["v4.channel.k8s.io", "x"])}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), bytes(next, 200)]);
}
