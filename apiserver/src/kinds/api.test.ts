import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { namespaces, serviceAccounts } from "@coracle/shared/api/resources.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Kind } from "../registry/kind.ts";
import { inProcessTransport, startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";
import { kinds } from "./index.ts";
import { samples } from "./samples.test-support.ts";

/** Kinds that are never stored have no sample; definitions do not stay as written: the server establishes them. */
const stored = kinds.filter(
  (kind) => (kind.verbs ?? ["update"]).includes("update") && kind.group !== "apiextensions.k8s.io",
);
const nameOf = (kind: Kind): string => `${kind.kind}.${kind.group}`;

test("every stored kind has a sample", () => {
  expect(Object.keys(samples).toSorted()).toEqual(stored.map(nameOf).toSorted());
});

describe("through the API", () => {
  let api: Awaited<ReturnType<typeof startInProcess>>;
  let send: (
    method: string,
    path: string,
    body?: object,
    accept?: string,
  ) => Promise<{ status: number; body: KubeObject }>;

  beforeAll(async () => {
    api = await startInProcess();
    const admin = { username: "system:admin", groups: ["system:masters", "system:authenticated"] };
    const transport = inProcessTransport(api, admin);
    send = async (method, path, body, accept = "application/json") => {
      const headers = { accept, "content-type": "application/json" };
      const reply = await transport({
        method,
        path,
        headers,
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: reply.status, body: JSON.parse(Buffer.from(reply.body).toString()) as KubeObject };
    };
    if ((await send("GET", "/api/v1/namespaces/default")).status === 404)
      await api.client.create(namespaces, { metadata: { name: "default" } });
    const account = await send("GET", "/api/v1/namespaces/default/serviceaccounts/default");
    if (account.status === 404)
      await api.client.create(serviceAccounts, { metadata: { name: "default", namespace: "default" } });
  });
  afterAll(() => api.stop());

  const pathOf = (kind: Kind, version: string): string => {
    const root = kind.group ? `/apis/${kind.group}/${version}` : `/api/${version}`;
    return `${root}${kind.namespaced ? "/namespaces/default" : ""}/${kind.plural}`;
  };

  test.each(stored.map((kind) => [nameOf(kind), kind] as const))(
    "%s is created, shown, kept and deleted",
    async (id, kind) => {
      const sample = samples[id];
      const name = sample?.name ?? "sample";
      const [version = "v1"] = kind.versions;
      const path = pathOf(kind, version);
      let made = await send("POST", path, { ...sample?.body, metadata: { name } });
      if (sample?.judged)
        made = await vi.waitFor(async () => {
          const now = await send("GET", `${path}/${name}`);
          expect(now.body["status"]).toMatchObject(sample.judged ?? {});
          return now;
        });
      expect(made.body, JSON.stringify(made.body)).toMatchObject({ kind: kind.kind, metadata: { name } });
      const read = await send("GET", `${path}/${name}`);
      expect(read.body).toEqual(made.body);
      // What comes back is complete: written again as it is, it changes nothing.
      const again = await send("PUT", `${path}/${name}`, read.body);
      expect(again.body, JSON.stringify(again.body)).toEqual(read.body);
      for (const other of kind.versions.slice(1)) {
        const old = await send("GET", `${pathOf(kind, other)}/${name}`);
        const back = await send("PUT", `${pathOf(kind, other)}/${name}`, old.body);
        expect(back.body.metadata.resourceVersion).toBe(made.body.metadata.resourceVersion);
      }
      const table = await send("GET", path, undefined, "application/json;as=Table;v=v1;g=meta.k8s.io");
      expect(table.body).toMatchObject({ kind: "Table" });
      const rows = table.body["rows"] as { cells: unknown[] }[];
      expect(rows.some((r) => r.cells.some((cell) => String(cell).startsWith(name)))).toBe(true);
      const gone = await send("DELETE", `${path}/${name}?gracePeriodSeconds=0`);
      expect(gone.status, JSON.stringify(gone.body)).toBe(200);
    },
  );
});

test("warnings reach the client: of old resources and of odd objects", async () => {
  await using server = await startInProcess();
  const list = await raw(server, "GET", "/api/v1/namespaces/default/endpoints");
  expect(list.headers["warning"]).toBe(
    '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
  );
  const post = (ports: object) =>
    raw(server, "POST", "/api/v1/namespaces/default/services?dryRun=All", {
      body: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "odd" },
        spec: { externalName: "example.com", ports: [ports] },
      },
    });
  expect((await post({ port: 80 })).headers["warning"]).toBe(
    '299 - "spec.externalName is ignored when spec.type is not \\"ExternalName\\""',
  );
  const refused = await post({ port: 0 });
  expect(refused.status).toBe(422);
  expect(refused.headers["warning"]).toBeUndefined();
});
