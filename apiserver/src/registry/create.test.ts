import { describe, expect, it } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const configMap = (name: string, rest: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  ...rest,
});

describe("create", () => {
  it("answers 201 with what the server has added", async () => {
    await using api = await startInProcess({ now: () => new Date("2026-11-23T10:00:00.123Z") });
    const { status, body } = await raw(api, "POST", `${maps}?fieldManager=me`, {
      body: configMap("a", { data: { k: "v" } }),
    });
    expect(status).toBe(201);
    expect(body.metadata).toMatchObject({
      name: "a",
      namespace: "default",
      creationTimestamp: "2026-11-23T10:00:00Z",
    });
    expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(body.metadata.managedFields?.[0]).toMatchObject({ manager: "me", operation: "Update" });
    expect((await raw(api, "GET", `${maps}/a`)).body).toEqual(body);
  });

  it("drops what a client may not set", async () => {
    await using api = await startInProcess();
    const { body } = await raw(api, "POST", maps, {
      body: configMap("a", {
        metadata: {
          name: "a",
          uid: "x",
          generation: 7,
          selfLink: "/x",
          deletionTimestamp: "2020-01-01T00:00:00Z",
          deletionGracePeriodSeconds: 3,
          creationTimestamp: "2020-01-01T00:00:00Z",
        },
      }),
    });
    for (const field of ["generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"]) {
      expect(body.metadata).not.toHaveProperty(field);
    }
    expect(body.metadata.uid).not.toBe("x");
    expect(body.metadata.creationTimestamp).not.toBe("2020-01-01T00:00:00Z");
  });

  it("refuses a name that is taken", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", maps, { body: configMap("a") });
    const { status, body } = await raw(api, "POST", maps, { body: configMap("a") });
    expect(status).toBe(409);
    expect(body).toMatchObject({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: 'configmaps "a" already exists',
      reason: "AlreadyExists",
      details: { name: "a", kind: "configmaps" },
      code: 409,
    });
  });

  it("makes names from generateName, and others when one is taken", async () => {
    await using api = await startInProcess();
    const make = () =>
      raw(api, "POST", maps, { body: configMap("", { metadata: { generateName: "job-" } }) });
    const names = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const { status, body } = await make();
      expect(status).toBe(201);
      expect(body.metadata.name).toMatch(/^job-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      names.add(body.metadata.name ?? "");
    }
    expect(names.size).toBe(50);
  });

  it("wants finalizers with a domain, and of kinds that have had others only says so", async () => {
    await using api = await startInProcess();
    const finalizers = ["kubernetes", "example.com/x", "plain.example.com"];
    const refused = await raw(api, "POST", maps, {
      body: configMap("", { metadata: { name: "a", finalizers } }),
    });
    expect(refused.body.message).toBe(
      'ConfigMap "a" is invalid: metadata.finalizers[2]: Invalid value: "plain.example.com": name is neither a standard finalizer name nor is it fully qualified',
    );
    const made = await raw(api, "POST", "/apis/apiregistration.k8s.io/v1/apiservices", {
      body: {
        metadata: { name: "v1.example.com", finalizers },
        spec: { group: "example.com", version: "v1", groupPriorityMinimum: 1, versionPriority: 1 },
      },
    });
    expect(made.status).toBe(201);
    expect(made.headers["warning"]).toContain(
      'plain.example.com\\": prefer a domain-qualified finalizer name',
    );
  });

  it("says when it cannot find a free name", async () => {
    await using api = await startInProcess({
      admit: (phase, { object }) => {
        // Whatever was generated, this is taken.
        if (phase === "validate" && object?.metadata.generateName) object.metadata.name = "taken";
      },
    });
    await raw(api, "POST", maps, { body: configMap("taken") });
    const { status, headers, body } = await raw(api, "POST", maps, {
      body: configMap("", { metadata: { generateName: "job-" } }),
    });
    expect(status).toBe(409);
    expect(headers["retry-after"]).toBe("1");
    expect(body).toMatchObject({
      reason: "AlreadyExists",
      message:
        'configmaps "taken" already exists, the server was not able to generate a unique name for the object',
      details: { name: "taken", kind: "configmaps", retryAfterSeconds: 1 },
    });
  });

  it.each([
    ["", "metadata.name: Required value: name or generateName is required"],
    [
      "UPPER",
      "metadata.name: Invalid value: \"UPPER\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
    ["a".repeat(254), "must be no more than 253 bytes"],
  ])("refuses the name %j", async (name, message) => {
    await using api = await startInProcess();
    const { status, body } = await raw(api, "POST", maps, { body: configMap(name) });
    expect(status).toBe(422);
    expect(body.reason).toBe("Invalid");
    expect(body.message).toContain(message);
  });

  it("validates labels, annotations, finalizers and owners", async () => {
    await using api = await startInProcess();
    const metadata = {
      name: "a",
      labels: { "bad key": "v", ok: "not ok!" },
      annotations: { big: "x".repeat(256 * 1024) },
      finalizers: ["plain"],
      ownerReferences: [{ apiVersion: "", kind: "", name: "", uid: "" }],
    };
    const { body } = await raw(api, "POST", maps, { body: configMap("a", { metadata }) });
    const fields = body.details?.causes?.map((c) => c.field);
    expect(new Set(fields)).toEqual(
      new Set([
        "metadata.labels",
        "metadata.annotations",
        "metadata.finalizers[0]",
        "metadata.ownerReferences[0].apiVersion",
        "metadata.ownerReferences[0].kind",
        "metadata.ownerReferences[0].name",
        "metadata.ownerReferences[0].uid",
      ]),
    );
  });

  it.each([
    [`{"kind":`, 400, "BadRequest"],
    ["[]", 400, "BadRequest"],
    ["null", 400, "BadRequest"],
    [`{"kind":"Pod","apiVersion":"v1"}`, 400, "BadRequest"],
    [`{"kind":"Nothing","apiVersion":"v1"}`, 400, "BadRequest"],
    [`{"kind":"ConfigMap","apiVersion":"v2"}`, 400, "BadRequest"],
    [`{"metadata":{"name":"a","namespace":"other"}}`, 400, "BadRequest"],
    [`{"metadata":{"name":"a","resourceVersion":"5"}}`, 400, "BadRequest"],
    [`{"metadata":{"name":"a"},"data":{"a":1}}`, 400, "BadRequest"],
    [`{"metadata":"x"}`, 400, "BadRequest"],
  ])("refuses the body %s", async (body, code, reason) => {
    await using api = await startInProcess();
    const before = await api.registry.store.revision();
    const answer = await raw(api, "POST", maps, { body });
    expect(answer.body).toMatchObject({ kind: "Status", status: "Failure", code, reason });
    expect(answer.status).toBe(code);
    expect(await api.registry.store.revision()).toBe(before);
  });

  it("refuses a body of an unknown type and an answer it cannot give", async () => {
    await using api = await startInProcess();
    const wrong = await raw(api, "POST", maps, { body: "x", headers: { "content-type": "text/plain" } });
    expect(wrong.body).toMatchObject({ code: 415, reason: "UnsupportedMediaType" });
    const unread = await raw(api, "GET", maps, { headers: { accept: "text/html" } });
    expect(unread.body).toMatchObject({ code: 406, reason: "NotAcceptable" });
  });

  it("takes YAML and answers in it", async () => {
    await using api = await startInProcess();
    const { status, text } = await raw(api, "POST", maps, {
      body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n",
      headers: { "content-type": "application/yaml", accept: "application/yaml" },
    });
    expect(status).toBe(201);
    expect(text).toContain("\ndata:\n  k: v\n");
  });

  it("warns of, refuses or passes over unknown fields as it is told to", async () => {
    await using api = await startInProcess();
    const body = configMap("a", { nonsense: 1 });
    const strict = await raw(api, "POST", `${maps}?fieldValidation=Strict`, { body });
    expect(strict.body).toMatchObject({ code: 400, reason: "BadRequest" });
    expect(strict.body.message).toContain('unknown field "nonsense"');
    const warned = await raw(api, "POST", `${maps}?dryRun=All`, { body });
    expect(warned.status).toBe(201);
    expect(warned.headers["warning"]).toBe('299 - "unknown field \\"nonsense\\""');
    const ignored = await raw(api, "POST", `${maps}?fieldValidation=Ignore`, { body });
    expect(ignored.headers["warning"]).toBeUndefined();
    expect(ignored.body).not.toHaveProperty("nonsense");
    const unknown = await raw(api, "POST", `${maps}?fieldValidation=Maybe`, { body });
    expect(unknown.body).toMatchObject({ code: 422, reason: "Invalid" });
  });

  it("stores nothing on a dry run, and says what would be", async () => {
    await using api = await startInProcess();
    const before = await api.registry.store.revision();
    const { status, body } = await raw(api, "POST", `${maps}?dryRun=All`, { body: configMap("a") });
    expect(status).toBe(201);
    expect(body.metadata.uid).toBeDefined();
    expect(await api.registry.store.revision()).toBe(before);
    expect((await raw(api, "GET", `${maps}/a`)).status).toBe(404);
    const wrong = await raw(api, "POST", `${maps}?dryRun=Some`, { body: configMap("a") });
    expect(wrong.body).toMatchObject({ code: 422, reason: "Invalid" });
  });

  it("refuses an object too large for the store", async () => {
    await using api = await startInProcess();
    const annotations = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`k${i}`, "x"]));
    const data = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, "x".repeat(100_000)]));
    const { body } = await raw(api, "POST", maps, {
      body: configMap("a", { metadata: { name: "a", annotations }, data }),
    });
    expect([413, 422]).toContain(body.code);
  });

  it("starts the generation of kinds that have one at 1 and resets their status", async () => {
    await using api = await startInProcess();
    const template = {
      metadata: { labels: { app: "a" } },
      spec: { containers: [{ name: "c", image: "i" }] },
    };
    const { body } = await raw(api, "POST", "/apis/apps/v1/namespaces/default/deployments", {
      body: {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "a" },
        spec: { selector: { matchLabels: { app: "a" } }, template },
        status: { replicas: 9 },
      },
    });
    expect(body.metadata.generation).toBe(1);
    expect(body["status"]).toEqual({});
  });

  it("takes events of the core group under any name that fits a path", async () => {
    await using api = await startInProcess();
    const event = {
      metadata: { name: "My_Object:x.17f" },
      involvedObject: { kind: "Thing", name: "My_Object:x", namespace: "default" },
    };
    const core = await raw(api, "POST", "/api/v1/namespaces/default/events", { body: event });
    expect(core.status).toBe(201);
    const strict = await raw(api, "POST", "/apis/events.k8s.io/v1/namespaces/default/events", {
      body: { metadata: event.metadata },
    });
    expect(strict.body["message"]).toContain('metadata.name: Invalid value: "My_Object:x.17f"');
  });
});
