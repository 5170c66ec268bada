import { afterAll, describe, expect, test } from "vitest";
import { useNamespace } from "./support/namespace.ts";
import { Raw, type Answer, type Json } from "./support/raw.ts";
import { eventually, kubectlWith, tryKubectlWith } from "./support/run.ts";

const ns = useNamespace("semantics");
const api = new Raw();
afterAll(() => api.close());

const maps = `/api/v1/namespaces/${ns}/configmaps`;
const deployments = `/apis/apps/v1/namespaces/${ns}/deployments`;
const types = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;
const patch = (type: keyof typeof types, path: string, body: object | string): Promise<Answer> =>
  api.ask("PATCH", path, { type: types[type], body });
const post = (path: string, body: object): Promise<Answer> => api.ask("POST", path, { body });
const get = async <T = Json>(path: string): Promise<T> => (await api.ask("GET", path)).json<T>();
const said = (answer: Answer): unknown[] => [answer.status, answer.json().message];

const named = (name: string, extra: object = {}): object => ({ metadata: { name, ...extra } });
const sleeping = (name: string): object => ({
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "main", image: "none:1" }] },
    },
  },
});

describe("writing", () => {
  test("many patches and applies at once all come through, but none made for another version", async () => {
    const made = (await post(maps, named("busy"))).json();
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    const answers = await Promise.all(
      keys.map((key, i) =>
        i % 2 === 0
          ? patch("merge", `${maps}/busy`, { data: { [key]: "1" } })
          : patch("apply", `${maps}/busy?fieldManager=m${i}`, {
              apiVersion: "v1",
              kind: "ConfigMap",
              data: { [key]: "1" },
            }),
      ),
    );
    expect(answers.map((a) => a.status).filter((status) => status !== 200)).toEqual([]);
    const { data } = await get<{ data: object }>(`${maps}/busy`);
    expect(Object.keys(data).toSorted()).toEqual(keys.toSorted());
    const { resourceVersion } = made.metadata;
    expect((await patch("merge", `${maps}/busy`, { metadata: { resourceVersion } })).status).toBe(409);
  });

  test("strict validation tells of unknown and repeated fields in every form of a write", async () => {
    await post(deployments, sleeping("strict"));
    const at = `${deployments}/strict?dryRun=All&fieldValidation=Strict`;
    const body = '{"spec":{"paused":true,"paused":false,"foo":1}}';
    const problems = 'strict decoding error: duplicate field "spec.paused", unknown field "spec.foo"';
    expect(said(await patch("merge", at, body))).toEqual([422, expect.stringContaining(problems)]);
    expect(said(await patch("strategic", at, body))).toEqual([
      422,
      ` "" is invalid: patch: Invalid value: "map[spec:map[foo:1 paused:false]]": ${problems}`,
    ]);
    expect(said(await patch("json", at, '[{"op":"add","path":"/spec/foo","value":1,"bar":2}]'))).toEqual([
      422,
      expect.stringContaining('json patch unknown field "[0].bar", unknown field "spec.foo"'),
    ]);
    const whole = JSON.stringify(sleeping("strict")).replace(
      '"replicas":0',
      '"a":1,"replicas":0,"replicas":1',
    );
    expect(said(await api.ask("PUT", at, { body: whole }))).toEqual([
      400,
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.a", duplicate field "spec.replicas"',
    ]);
    const warned = await patch("merge", at.replace("Strict", "Warn"), body);
    expect(warned.headers.warning).toBe(
      '299 - "duplicate field \\"spec.paused\\"", 299 - "unknown field \\"spec.foo\\""',
    );
    const yaml = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: strange }\ndta: {}\n`;
    expect((await tryKubectlWith(yaml, "apply", "-n", ns, "-f", "-")).stderr).toContain(
      'strict decoding error: unknown field "dta"',
    );
    expect((await tryKubectlWith(yaml, "apply", "-n", ns, "--server-side", "-f", "-")).stderr).toContain(
      ".dta: field not declared in schema",
    );
    expect(await kubectlWith(yaml, "apply", "-n", ns, "--validate=ignore", "-f", "-")).toContain("created");
  });

  test("a new generation comes with what is wanted, not with what is said of it", async () => {
    await post(deployments, sleeping("counted"));
    const generations = async (): Promise<[number, number | undefined]> => {
      const d = await get<{ metadata: { generation: number }; status: { observedGeneration?: number } }>(
        `${deployments}/counted`,
      );
      return [d.metadata.generation, d.status.observedGeneration];
    };
    // The controller has noted its revision, with the status.
    await eventually("it is observed", async () => (await generations())[1] === 1);
    expect((await generations())[0]).toBe(1);
    const note = {
      metadata: { annotations: { note: "a" }, labels: { of: "status" } },
      spec: { replicas: 9 },
    };
    const status = (await patch("merge", `${deployments}/counted/status`, note)).json();
    expect(status.metadata).toMatchObject({ generation: 1, annotations: { note: "a" } });
    expect(status.metadata.labels).toBeUndefined();
    expect(
      (await patch("merge", `${deployments}/counted`, { status: { replicas: 7 } })).json(),
    ).toMatchObject({
      metadata: { generation: 1 },
      spec: { replicas: 0 },
    });
    const noted = await patch("merge", `${deployments}/counted`, {
      metadata: { annotations: { note: "b" } },
    });
    expect(noted.json().metadata).toMatchObject({ generation: 2 });
    await eventually("that is observed too", async () => (await generations())[1] === 2);
  });

  test("a scale is read, shown, replaced and patched", async () => {
    await post(deployments, sleeping("scaled"));
    const scale = `${deployments}/scaled/scale`;
    await eventually(
      "it is observed",
      async () => (await get<{ status: object }>(`${deployments}/scaled`)).status,
    );
    expect(await get(scale)).toMatchObject({
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      spec: {},
      status: { replicas: 0, selector: "app=scaled" },
    });
    const table = await api.ask("GET", scale, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    const { columnDefinitions } = table.json<{ columnDefinitions: { name: string }[] }>();
    expect(columnDefinitions.map((c) => c.name)).toEqual(["Name", "Desired", "Available", "Age"]);
    const refused = await patch("merge", scale, { spec: { replicas: -1 } });
    expect(said(refused)).toEqual([
      422,
      'Scale.autoscaling "scaled" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ]);
    expect((await patch("merge", `${scale}?dryRun=All`, { spec: { replicas: 3 } })).json()).toMatchObject({
      spec: { replicas: 3 },
    });
    expect(await get(scale)).toMatchObject({ spec: {} });
  });
});

describe("deleting", () => {
  test("insists on its preconditions", async () => {
    await post(maps, named("guarded"));
    const { uid, resourceVersion } = (await get(`${maps}/guarded`)).metadata;
    const remove = (preconditions: object): Promise<Answer> =>
      api.ask("DELETE", `${maps}/guarded`, { body: { preconditions } });
    expect(said(await remove({ uid: "another" }))).toEqual([
      409,
      `Operation cannot be fulfilled on ConfigMap "guarded": the UID in the precondition (another) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    ]);
    expect((await remove({ resourceVersion: "1" })).status).toBe(409);
    expect((await remove({ uid, resourceVersion })).status).toBe(200);
  });

  test("orphans, takes along, or waits for what is owned", async () => {
    const owners = ["Orphan", "Background", "Foreground"];
    const remove = async (policy: string): Promise<Json> => {
      const owner = policy.toLowerCase();
      const { uid } = (await post(maps, named(owner))).json().metadata;
      const ownerReferences = [
        { apiVersion: "v1", kind: "ConfigMap", name: owner, uid, blockOwnerDeletion: true },
      ];
      await post(maps, named(`${owner}-kept`, { ownerReferences, finalizers: ["example.com/hold"] }));
      // The collector has to know of the dependent before its owner goes.
      await post(maps, named(`${owner}-free`, { ownerReferences }));
      return (await api.ask("DELETE", `${maps}/${owner}`, { body: { propagationPolicy: policy } })).json();
    };
    const [orphan, background, foreground] = await Promise.all(owners.map(remove));
    expect(orphan?.metadata.finalizers).toEqual(["orphan"]);
    expect(background?.kind).toBe("Status");
    expect(foreground?.metadata.finalizers).toEqual(["foregroundDeletion"]);
    const status = async (name: string): Promise<number> => (await api.ask("GET", `${maps}/${name}`)).status;
    await eventually("the dependents follow", async () => {
      expect([await status("orphan"), await status("background")]).toEqual([404, 404]);
      expect([await status("background-free"), await status("foreground-free")]).toEqual([404, 404]);
      return true;
    });
    expect(await status("foreground")).toBe(200);
    for (const name of ["orphan-kept", "orphan-free"])
      expect((await get(`${maps}/${name}`)).metadata).not.toHaveProperty("ownerReferences");
    for (const owner of ["orphan", "background", "foreground"])
      await patch("merge", `${maps}/${owner}-kept`, { metadata: { finalizers: null } });
    await eventually("the owner goes last", async () => (await status("foreground")) === 404);
  });
});

describe("reading", () => {
  test("pages belong to one revision, and an old list can be had again", async () => {
    for (const name of ["p1", "p2", "p3"]) await post(maps, named(name, { labels: { page: "yes" } }));
    const first = await get(`${maps}?limit=2`);
    const all = await get(
      `${maps}?resourceVersion=${first.metadata.resourceVersion}&resourceVersionMatch=Exact`,
    );
    await api.ask("DELETE", `${maps}/p3`);
    await post(maps, named("p9"));
    const names: string[] = first.items?.map((i) => i.metadata.name) ?? [];
    let page = first;
    while (page.metadata.continue) {
      page = await get(`${maps}?limit=2&continue=${encodeURIComponent(page.metadata.continue)}`);
      expect(page.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      names.push(...(page.items?.map((i) => i.metadata.name) ?? []));
    }
    expect(names).toEqual(all.items?.map((i) => i.metadata.name));
    expect(names).toContain("p3");
    const future = await api.ask("GET", `${maps}?resourceVersion=99999999999`);
    expect([future.status, future.json()]).toEqual([
      504,
      expect.objectContaining({
        reason: "Timeout",
        message: expect.stringMatching(
          /^Timeout: Too large resource version: 99999999999, current: \d+$/,
        ) as string,
        details: {
          causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
          retryAfterSeconds: 1,
        },
      }),
    ]);
  });

  test("a watch tells who enters and who leaves its selector, in whatever form it is asked for", async () => {
    const { resourceVersion } = (await get(maps)).metadata;
    const label = (room: string): object => ({ metadata: { labels: { room } } });
    await post(maps, named("guest", { labels: { room: "in" } }));
    await patch("merge", `${maps}/guest`, { data: { a: "1" } });
    await patch("merge", `${maps}/guest`, label("out"));
    await patch("merge", `${maps}/guest`, { data: { a: "2" } });
    await patch("merge", `${maps}/guest`, label("in"));
    await api.ask("DELETE", `${maps}/guest`);
    const path = `${maps}?watch=1&labelSelector=room%3Din&resourceVersion=${resourceVersion}&timeoutSeconds=20`;
    let deleted = 0;
    const events = await api.watch(path, (e) => e.type === "DELETED" && ++deleted === 2);
    expect(events.map((e) => [e.type, e.object.metadata.labels?.["room"]])).toEqual([
      ["ADDED", "in"],
      ["MODIFIED", "in"],
      ["DELETED", "in"],
      ["ADDED", "in"],
      ["DELETED", "in"],
    ]);
    const versions = events.map((e) => Number(e.object.metadata.resourceVersion));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    for (const form of ["PartialObjectMetadata", "Table"]) {
      const accept = `application/json;as=${form};v=v1;g=meta.k8s.io`;
      const answer = await api.ask("GET", path.replace("Seconds=20", "Seconds=1"), { accept });
      const seen = answer.text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { type: string; object: Json });
      expect(seen.map((e) => `${e.type} ${e.object.kind}`)).toEqual(events.map((e) => `${e.type} ${form}`));
    }
  });
});
