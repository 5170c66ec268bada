import { describe, expect, it } from "vitest";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { startInProcess } from "../testing/in-process.ts";
import { raw, rawPatch } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
type Api = Awaited<ReturnType<typeof startInProcess>>;

const make = async (api: Api): Promise<KubeObject> =>
  (await raw(api, "POST", maps, { body: { metadata: { name: "a" }, data: { k: "v", l: "w" } } })).body;
const deployment = {
  metadata: { name: "web" },
  spec: {
    selector: { matchLabels: { app: "a" } },
    template: {
      metadata: { labels: { app: "a" } },
      spec: { containers: [{ name: "c", image: "i", env: [{ name: "A", value: "1" }] }] },
    },
  },
};

describe("patch", () => {
  it("merges, with null taking away", async () => {
    await using api = await startInProcess();
    await make(api);
    const { status, body } = await rawPatch(api, "merge", `${maps}/a`, { data: { k: null, m: "x" } });
    expect(status).toBe(200);
    expect(body["data"]).toEqual({ l: "w", m: "x" });
  });

  it("carries out JSON patches, and refuses those whose test fails", async () => {
    await using api = await startInProcess();
    await make(api);
    const good = await rawPatch(api, "json", `${maps}/a`, [
      { op: "test", path: "/data/k", value: "v" },
      { op: "replace", path: "/data/k", value: "z" },
    ]);
    expect(good.body["data"]).toEqual({ k: "z", l: "w" });
    const bad = await rawPatch(api, "json", `${maps}/a`, [{ op: "test", path: "/data/k", value: "v" }]);
    expect(bad.status).toBe(422);
  });

  it("merges lists by their keys with a strategic merge patch", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", deployments, { body: deployment });
    const { body } = await rawPatch(api, "strategic", `${deployments}/web`, {
      spec: { template: { spec: { containers: [{ name: "c", env: [{ name: "B", value: "2" }] }] } } },
    });
    const spec = body["spec"] as typeof deployment.spec;
    expect(spec.template.spec.containers[0]).toMatchObject({ image: "i" });
    expect(spec.template.spec.containers[0]?.env.map((e) => e.name).toSorted()).toEqual(["A", "B"]);
  });

  it("tells of unknown and repeated fields, in the patch and in what comes of it", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", deployments, { body: deployment });
    const at = `${deployments}/web?dryRun=All&fieldValidation=`;
    const merge = '{"spec":{"paused":true,"paused":false,"foo":1}}';
    const said = 'duplicate field "spec.paused", unknown field "spec.foo"';
    const strict = await rawPatch(api, "merge", `${at}Strict`, merge);
    expect(strict.status).toBe(422);
    expect(strict.body["message"]).toMatch(/^ "" is invalid: patch: Invalid value: "\{.*"foo\\":1/);
    expect(strict.body["message"]).toMatch(new RegExp(`: strict decoding error: ${said}$`));
    const strategic = await rawPatch(api, "strategic", `${at}Strict`, merge);
    expect(strategic.body["message"]).toBe(
      ` "" is invalid: patch: Invalid value: "map[spec:map[foo:1 paused:false]]": strict decoding error: ${said}`,
    );
    const operation = '[{"op":"add","path":"/spec/paused","value":true,"value":false,"bar":1}]';
    const json = await rawPatch(api, "json", `${at}Strict`, operation);
    expect(json.body["message"]).toMatch(
      /strict decoding error: json patch duplicate field "\[0\]\.value", json patch unknown field "\[0\]\.bar"$/,
    );
    expect((await rawPatch(api, "merge", `${at}Ignore`, merge)).status).toBe(200);
  });

  it("carries out each of many patches at once, but none that was made for another version", async () => {
    await using api = await startInProcess();
    const { metadata } = await make(api);
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const answers = await Promise.all(
      keys.map((key) => rawPatch(api, "merge", `${maps}/a`, { data: { [key]: "1" } })),
    );
    expect(answers.map((a) => a.status).filter((status) => status !== 200)).toEqual([]);
    const { body } = await raw(api, "GET", `${maps}/a`);
    expect(Object.keys(body["data"] as object)).toEqual(expect.arrayContaining(keys));
    const { resourceVersion } = metadata;
    const late = await rawPatch(api, "merge", `${maps}/a`, { metadata: { resourceVersion } });
    expect(late.status).toBe(409);
  });

  it("says why a JSON patch cannot be carried out", async () => {
    await using api = await startInProcess();
    await make(api);
    const why = async (operation: object): Promise<unknown> => {
      const { body } = await rawPatch(api, "json", `${maps}/a`, [operation]);
      const details = body["details"] as { causes: { message: string }[] };
      return [body["message"], details.causes[0]?.message];
    };
    const message = "the server rejected our request due to an error in our request";
    expect(await why({ op: "test", path: "/data/k", value: "z" })).toEqual([
      message,
      "testing value /data/k failed: test failed",
    ]);
    expect(await why({ op: "remove", path: "/data/none" })).toEqual([
      message,
      "error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value",
    ]);
    expect(await why({ op: "add", path: "/none/x", value: "z" })).toEqual([
      message,
      'add operation does not apply: doc is missing path: "/none/x": missing value',
    ]);
  });

  it("does not move an object to another namespace or name", async () => {
    await using api = await startInProcess();
    await make(api);
    const moved = await rawPatch(api, "merge", `${maps}/a`, { metadata: { namespace: "other" } });
    expect([moved.status, moved.body["message"]]).toEqual([
      400,
      "the namespace of the provided object does not match the namespace sent on the request",
    ]);
    const other = await rawPatch(api, "merge", `${maps}/a`, { metadata: { uid: "other" } });
    expect([other.status, other.body["message"]]).toEqual([
      422,
      'ConfigMap "a" is invalid: metadata.uid: Invalid value: "other": field is immutable',
    ]);
  });

  it("counts annotations of a Deployment as wanting something new, unless they come with its status", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", deployments, { body: deployment });
    const note = (value: string) => ({ metadata: { annotations: { note: value } } });
    const generation = async (path: string, value: string): Promise<unknown> =>
      (await rawPatch(api, "merge", path, note(value))).body.metadata.generation;
    expect(await generation(`${deployments}/web/status`, "a")).toBe(1);
    expect(await generation(`${deployments}/web`, "b")).toBe(2);
    const labels = { metadata: { labels: { a: "b" } } };
    const labelled = await rawPatch(api, "merge", `${deployments}/web/status`, labels);
    expect(labelled.body.metadata.labels).toBeUndefined();
  });

  it("refuses to apply what the schema does not know, however much validation is asked for", async () => {
    await using api = await startInProcess();
    const said = async (validation: string, spec: object): Promise<unknown> => {
      const at = `${deployments}/web?fieldManager=t&fieldValidation=${validation}`;
      const config = { apiVersion: "apps/v1", kind: "Deployment", spec };
      return (await rawPatch(api, "apply", at, config)).body["message"];
    };
    const failed = "failed to create typed patch object (/web; apps/v1, Kind=Deployment): ";
    for (const validation of ["Strict", "Warn", "Ignore"])
      expect(await said(validation, { foo: 1 })).toBe(`${failed}.spec.foo: field not declared in schema`);
    expect(await said("Strict", { replicas: "x" })).toBe(
      `${failed}.spec.replicas: expected numeric (int or float), got string`,
    );
    expect(await said("Strict", { template: { metadata: { labels: { a: 1 } } } })).toBe(
      `${failed}.spec.template.metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}`,
    );
    expect(await said("Strict", { selector: ["a"] })).toBe(
      `${failed}.spec.selector: expected map, got &{[a]}`,
    );
  });

  it("refuses patches that are not patches", async () => {
    await using api = await startInProcess();
    await make(api);
    expect((await raw(api, "PATCH", `${maps}/a`, { body: {} })).body.code).toBe(415);
    expect((await rawPatch(api, "merge", `${maps}/a`, "{")).body.code).toBe(400);
    expect((await rawPatch(api, "strategic", `${maps}/a`, [])).body.code).toBe(400);
    expect((await rawPatch(api, "json", `${maps}/a`, {})).body.code).toBeLessThan(500);
    expect((await rawPatch(api, "merge", `${maps}/a`, { data: 5 })).body).toMatchObject({
      code: 422,
      reason: "Invalid",
    });
    expect((await rawPatch(api, "merge", `${maps}/b`, {})).body.code).toBe(404);
  });

  it("loses no update when many clients patch at once", async () => {
    await using api = await startInProcess();
    await make(api);
    const keys = Array.from({ length: 5 }, (_, i) => `k${i}`);
    const answers = await Promise.all(
      keys.map((key) => rawPatch(api, "merge", `${maps}/a`, { data: { [key]: "x" } })),
    );
    expect(answers.map((a) => a.status)).toEqual(keys.map(() => 200));
    const { body } = await raw(api, "GET", `${maps}/a`);
    expect(body["data"]).toMatchObject(Object.fromEntries(keys.map((key) => [key, "x"])));
  });

  it("refuses a patch of an old state when it names one", async () => {
    await using api = await startInProcess();
    const old = await make(api);
    await rawPatch(api, "merge", `${maps}/a`, { data: { k: "1" } });
    const late = await rawPatch(api, "merge", `${maps}/a`, {
      metadata: { resourceVersion: old.metadata.resourceVersion },
      data: { k: "2" },
    });
    expect(late.body).toMatchObject({ code: 409, reason: "Conflict" });
  });

  it("patches status through its subresource alone", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", deployments, { body: deployment });
    const { body } = await rawPatch(api, "merge", `${deployments}/web/status`, {
      spec: { replicas: 5 },
      status: { replicas: 2 },
    });
    expect(body["spec"]).toMatchObject({ replicas: 1 });
    expect(body["status"]).toMatchObject({ replicas: 2 });
  });
});

describe("apply", () => {
  const config = (data: object): object => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a" },
    data,
  });

  it("creates, changes and takes away what its manager no longer names", async () => {
    await using api = await startInProcess();
    const made = await rawPatch(api, "apply", `${maps}/a?fieldManager=me`, config({ k: "v", l: "w" }));
    expect(made.status).toBe(201);
    const next = await rawPatch(api, "apply", `${maps}/a?fieldManager=me`, config({ k: "x" }));
    expect(next.status).toBe(200);
    expect(next.body["data"]).toEqual({ k: "x" });
    expect(next.body.metadata.managedFields?.map((f) => [f.manager, f.operation])).toEqual([["me", "Apply"]]);
  });

  it("makes no revision when it is applied again", async () => {
    await using api = await startInProcess();
    const made = await rawPatch(api, "apply", `${maps}/a?fieldManager=me`, config({ k: "v" }));
    const again = await rawPatch(api, "apply", `${maps}/a?fieldManager=me`, config({ k: "v" }));
    expect(again.body).toEqual(made.body);
  });

  it("tells of a conflict, and takes the field over when forced", async () => {
    await using api = await startInProcess();
    await rawPatch(api, "apply", `${maps}/a?fieldManager=me`, config({ k: "v" }));
    const conflict = await rawPatch(api, "apply", `${maps}/a?fieldManager=you`, config({ k: "w" }));
    expect(conflict.body).toMatchObject({ code: 409, reason: "Conflict" });
    expect(conflict.body.details?.causes?.[0]).toMatchObject({
      reason: "FieldManagerConflict",
      field: ".data.k",
    });
    const forced = await rawPatch(api, "apply", `${maps}/a?fieldManager=you&force=true`, config({ k: "w" }));
    expect(forced.body["data"]).toEqual({ k: "w" });
  });

  it("needs a manager, and the name of the path", async () => {
    await using api = await startInProcess();
    expect((await rawPatch(api, "apply", `${maps}/a`, config({}))).body.code).toBe(422);
    const other = { ...config({}), metadata: { name: "b" } };
    expect((await rawPatch(api, "apply", `${maps}/a?fieldManager=me`, other)).body.code).toBe(400);
  });
});

describe("server-side apply of a key given twice", () => {
  it("is refused when strict, and taken otherwise", async () => {
    await using api = await startInProcess();
    const apply = (validation: string) =>
      raw(
        api,
        "PATCH",
        `/api/v1/namespaces/default/configmaps/twice?fieldManager=t&fieldValidation=${validation}`,
        {
          headers: { "content-type": "application/apply-patch+yaml" },
          body: 'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: "1"\n  a: "2"\n',
        },
      );
    const strict = await apply("Strict");
    expect(strict).toMatchObject({ status: 400 });
    expect(strict.text).toContain('line 5: key \\"a\\" already set in map');
    expect(await apply("Ignore")).toMatchObject({ status: 201, body: { data: { a: "2" } } });
  });
});
