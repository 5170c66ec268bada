import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { decodeObject } from "../schema/decode.ts";
import { schemaFor } from "../schema/registry.ts";
import { applyConfiguration } from "./apply.ts";
import { emptySet } from "./field-set.ts";
import { clone } from "./json.ts";
import { resetFieldsOf } from "./reset-fields.ts";
import { keepTimesWhenUnchanged, managerOfUserAgent, trackUpdate } from "./track.ts";

const deployment = schemaFor("apps", "v1", "Deployment")!;
const service = schemaFor("", "v1", "Service")!;
const now = new Date("2026-01-02T03:04:05.678Z");
const later = new Date("2026-01-02T04:00:00Z");

const writer = (manager: string, over: object = {}) => ({
  manager,
  apiVersion: "apps/v1",
  subresource: "",
  now,
  resetFields: resetFieldsOf("", true),
  force: false,
  ...over,
});
const config = (spec: object, metadata: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default", ...metadata },
  spec,
});
const container = (name: string, rest: object = {}) => ({ name, image: "nginx", ...rest });
const template = (...containers: object[]) => ({ template: { spec: { containers } } });

/** What the registry makes of an applied object before it stores it. */
const store = (object: KubeObject): KubeObject =>
  decodeObject(deployment, clone(object)).object as KubeObject;
const apply = (live: KubeObject | undefined, wanted: object, who: ReturnType<typeof writer>) =>
  store(applyConfiguration(deployment, live, wanted, who).object);
const fieldsOf = (object: KubeObject, manager: string, operation = "Apply") =>
  object.metadata.managedFields?.find((e) => e.manager === manager && e.operation === operation)?.fieldsV1;

describe("server-side apply", () => {
  it("owns what it names, in upstream's encoding", () => {
    const object = apply(
      undefined,
      config(
        { replicas: 2, ...template(container("c", { ports: [{ containerPort: 80 }], args: ["x"] })) },
        { labels: { a: "b" } },
      ),
      writer("me"),
    );
    expect(object.metadata.managedFields).toEqual([
      {
        manager: "me",
        operation: "Apply",
        apiVersion: "apps/v1",
        time: "2026-01-02T03:04:05Z",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { "f:a": {} } },
          "f:spec": {
            "f:replicas": {},
            "f:template": {
              "f:spec": {
                "f:containers": {
                  'k:{"name":"c"}': {
                    ".": {},
                    "f:name": {},
                    "f:image": {},
                    "f:args": {},
                    "f:ports": {
                      'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ]);
  });

  it("refuses to take another's field, names the conflict as upstream does, and takes it when forced", () => {
    const one = apply(undefined, config({ replicas: 2, paused: true }), writer("one"));
    const wanted = config({ replicas: 3 });
    expect(() => apply(one, wanted, writer("two"))).toThrow(
      expect.objectContaining({
        status: expect.objectContaining({
          code: 409,
          reason: "Conflict",
          message: 'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
          details: {
            causes: [
              { reason: "FieldManagerConflict", message: 'conflict with "one"', field: ".spec.replicas" },
            ],
          },
        }),
      }),
    );
    const forced = apply(one, wanted, writer("two", { force: true }));
    expect(forced).toMatchObject({ spec: { replicas: 3, paused: true } });
    expect(fieldsOf(forced, "one")).toEqual({ "f:spec": { "f:paused": {} } });
    expect(fieldsOf(forced, "two")).toEqual({ "f:spec": { "f:replicas": {} } });
  });

  it("names writers that did not apply with their version, and lists several conflicts", () => {
    const live = store(config({ replicas: 1, paused: true }));
    trackUpdate(deployment, undefined, live, writer("kubectl-create"));
    expect(() =>
      apply(live, config({ replicas: 3, paused: false, minReadySeconds: 1 }), writer("me")),
    ).toThrow(
      'Apply failed with 2 conflicts: conflicts with "kubectl-create" using apps/v1:\n- .spec.paused\n- .spec.replicas',
    );
  });

  it("shares a field that two apply with the same value, and removes it when neither does", () => {
    const spec = { replicas: 2, ...template(container("c")) };
    const one = apply(undefined, config(spec), writer("one"));
    const both = apply(one, config(spec), writer("two"));
    const { replicas: _, ...rest } = spec;
    const left = apply(both, config(rest), writer("one"));
    expect(left).toMatchObject({ spec: { replicas: 2 } });
    const gone = apply(left, config(rest), writer("two"));
    expect(gone["spec"]).not.toHaveProperty("replicas");
  });

  it("removes a list item it no longer applies, but not what another added to the list", () => {
    const one = apply(undefined, config(template(container("a"), container("b"))), writer("one"));
    const two = apply(one, config(template(container("sidecar"))), writer("two"));
    const names = (o: KubeObject) =>
      (
        o as never as { spec: { template: { spec: { containers: { name: string }[] } } } }
      ).spec.template.spec.containers.map((c) => c.name);
    expect(names(two)).toEqual(["a", "b", "sidecar"]);
    expect(names(apply(two, config(template(container("b"))), writer("one")))).toEqual(["b", "sidecar"]);
  });

  it("keeps an item that another put a field into, and takes out its own fields", () => {
    const one = apply(undefined, config(template(container("a", { args: ["x"] }))), writer("one"));
    const two = apply(one, config(template({ name: "a", workingDir: "/w" })), writer("two"));
    const left = apply(two, config({ replicas: 1 }), writer("one"));
    expect(left).toMatchObject({
      spec: { template: { spec: { containers: [{ name: "a", workingDir: "/w" }] } } },
    });
    expect(JSON.stringify(left["spec"])).not.toContain("args");
  });

  it("leaves fields that nobody applied alone", () => {
    const one = apply(undefined, config({ replicas: 1, ...template(container("c")) }), writer("one"));
    const defaulted = clone(one);
    Object.assign(defaulted["spec"] as object, { revisionHistoryLimit: 10 });
    const again = apply(defaulted, config(template(container("c"))), writer("one"));
    expect(again).toMatchObject({ spec: { revisionHistoryLimit: 10 } });
    expect(again["spec"]).not.toHaveProperty("replicas");
  });

  it("replaces atomic values as a whole", () => {
    const selector = (app: string) => ({ selector: { matchLabels: { app } } });
    const one = apply(undefined, config(selector("a")), writer("one"));
    expect(fieldsOf(one, "one")).toEqual({ "f:spec": { "f:selector": {} } });
    const changed = apply(one, config({ selector: { matchLabels: { other: "x" } } }), writer("one"));
    expect(changed).toMatchObject({ spec: { selector: { matchLabels: { other: "x" } } } });
    expect(JSON.stringify(changed["spec"])).not.toContain("app");
  });

  it("changes nothing, not even the time, when applied again", () => {
    const wanted = config({ replicas: 2, ...template(container("c")) });
    const once = apply(undefined, wanted, writer("me"));
    const twice = applyConfiguration(deployment, once, wanted, writer("me", { now: later }));
    expect(twice.isChanged).toBe(false);
    expect(store(twice.object)).toEqual(once);
  });

  it("keeps subresources apart and does not own what an endpoint ignores", () => {
    const one = apply(undefined, { ...config({ replicas: 2 }), status: { replicas: 9 } }, writer("me"));
    expect(fieldsOf(one, "me")).toEqual({ "f:spec": { "f:replicas": {} } });
    const status = apply(
      one,
      { ...config({ replicas: 7 }), status: { replicas: 2 } },
      writer("me", { subresource: "status", resetFields: resetFieldsOf("status", true) }),
    );
    expect(status.metadata.managedFields?.map((e) => [e.subresource, e.fieldsV1])).toEqual([
      [undefined, { "f:spec": { "f:replicas": {} } }],
      ["status", { "f:status": { "f:replicas": {} } }],
    ]);
  });

  it("gives an object without records to before-first-apply", () => {
    const live = store(config({ replicas: 1, paused: true }));
    expect(() => apply(live, config({ replicas: 2 }), writer("me"))).toThrow(
      'conflict with "before-first-apply" using apps/v1: .spec.replicas',
    );
    const object = apply(live, config({ replicas: 1 }), writer("me"));
    expect(fieldsOf(object, "before-first-apply", "Update")).toHaveProperty(["f:spec", "f:paused"]);
  });

  it.each([
    [
      config({ foo: 1 }),
      "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
    ],
    [config({ replicas: "x" }), ".spec.replicas: expected numeric (int or float), got string"],
    [
      config(template({ image: "x" })),
      'associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
    ],
    [config(template(container("a"), container("a"))), 'duplicate entries for key [name="a"]'],
    [
      { ...config({}), apiVersion: "apps/v2" },
      "Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1",
    ],
    [config({}, { managedFields: [] }), "metadata.managedFields must be nil"],
  ])("refuses a configuration that does not fit: %#", (wanted, message) => {
    expect(() => apply(undefined, wanted, writer("me"))).toThrow(message);
    expect(() => apply(undefined, wanted, writer("me"))).toThrow(expect.objectContaining({ code: 400 }));
  });

  it("works without a schema for what is inside free-form fields", () => {
    const free = {
      kind: "object" as const,
      name: "",
      atomic: false,
      fields: deployment.fields,
      additional: { kind: "any" as const, name: "", objectOnly: false },
    };
    const one = applyConfiguration(
      free,
      undefined,
      { ...config({}), extra: { a: { b: 1 }, list: [1] } },
      writer("one"),
    ).object;
    const two = applyConfiguration(free, one, { ...config({}), extra: { c: 2 } }, writer("two")).object;
    expect(two["extra"]).toEqual({ a: { b: 1 }, list: [1], c: 2 });
    const three = applyConfiguration(free, two, { ...config({}), extra: { a: {} } }, writer("one")).object;
    expect(three["extra"]).toEqual({ a: {}, c: 2 });
  });

  const name = fc.constantFrom("a", "b", "c");
  const anyContainer = fc.record(
    {
      name,
      image: name,
      args: fc.array(name),
      env: fc.uniqueArray(fc.record({ name, value: name }), { selector: (e) => e.name }),
    },
    { requiredKeys: ["name"] },
  );
  const anyConfig = fc
    .record(
      {
        replicas: fc.integer({ min: 1, max: 3 }),
        paused: fc.constant(true),
        template: fc.record({
          spec: fc.record({
            containers: fc.uniqueArray(anyContainer, { selector: (c) => c.name, minLength: 1 }),
          }),
        }),
      },
      { requiredKeys: [] },
    )
    .map((spec) => config(JSON.parse(JSON.stringify(spec)) as object));

  it("is idempotent, whoever applied what before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("one", "two"), anyConfig), { minLength: 1, maxLength: 5 }),
        (steps) => {
          let live: KubeObject | undefined;
          for (const [manager, wanted] of steps) {
            const inputs = JSON.stringify([live, wanted]);
            const next = apply(live, wanted, writer(manager, { force: true }));
            expect(JSON.stringify([live, wanted])).toBe(inputs);
            const again = apply(next, wanted, writer(manager, { now: later }));
            keepTimesWhenUnchanged(next, again);
            expect(again).toEqual(next);
            live = next;
          }
        },
      ),
    );
  });

  it("leaves exactly the last configuration when there is one manager", () => {
    fc.assert(
      fc.property(anyConfig, anyConfig, (first, second) => {
        const direct = apply(undefined, second, writer("me"));
        const after = apply(apply(undefined, first, writer("me")), second, writer("me"));
        const bare = (o: KubeObject) =>
          decodeObject(deployment, { ...o, metadata: { ...o.metadata, managedFields: undefined } }).object;
        expect(withoutEmpty(bare(after))).toEqual(withoutEmpty(bare(direct)));
      }),
    );
  });
});

/** A container left empty by a removal and one never there are the same to Go. */
const withoutEmpty = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([k, v]) => [k, withoutEmpty(v)] as const);
  return Object.fromEntries(
    entries.filter(([, v]) => !(typeof v === "object" && v !== null && Object.keys(v).length === 0)),
  );
};

describe("tracking of other writes", () => {
  const create = (spec: object, who = writer("creator")) => {
    const object = store(config(spec, { labels: { a: "b" } }));
    trackUpdate(deployment, undefined, object, who);
    return object;
  };

  it("records what a create set, as upstream does", () => {
    const object = create({ replicas: 1, ...template(container("c", { env: [{ name: "X", value: "1" }] })) });
    expect(fieldsOf(object, "creator", "Update")).toEqual({
      "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
      "f:spec": {
        "f:replicas": {},
        "f:template": {
          "f:spec": {
            "f:containers": {
              'k:{"name":"c"}': {
                ".": {},
                "f:name": {},
                "f:image": {},
                "f:resources": {},
                "f:env": { ".": {}, 'k:{"name":"X"}': { ".": {}, "f:name": {}, "f:value": {} } },
              },
            },
          },
        },
      },
    });
  });

  it("moves a changed field to who changed it and forgets a removed one", () => {
    const live = create({ replicas: 1, paused: true });
    const object = clone(live);
    Object.assign(object["spec"] as object, { replicas: 5 });
    delete (object["spec"] as Record<string, unknown>)["paused"];
    trackUpdate(deployment, live, object, writer("scaler", { now: later }));
    expect(fieldsOf(object, "scaler", "Update")).toEqual({ "f:spec": { "f:replicas": {} } });
    expect(fieldsOf(object, "creator", "Update")).toEqual({
      "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
    });
    expect(object.metadata.managedFields?.map((e) => e.time)).toEqual([
      "2026-01-02T03:04:05Z",
      "2026-01-02T04:00:00Z",
    ]);
  });

  it("keeps the entries as they are when nothing changes, also when the client leaves them out", () => {
    const live = create({ replicas: 1 });
    const object = clone(live);
    delete object.metadata.managedFields;
    trackUpdate(deployment, live, object, writer("other", { now: later }));
    expect(object.metadata.managedFields).toEqual(live.metadata.managedFields);
  });

  it("forgets everything when told so with one empty entry", () => {
    const live = create({ replicas: 1 });
    const object = clone(live);
    object.metadata.managedFields = [{}];
    trackUpdate(deployment, live, object, writer("other"));
    expect(object.metadata).not.toHaveProperty("managedFields");
  });

  it("does not count what an endpoint ignores", () => {
    const live = create({ replicas: 1 });
    const object = { ...clone(live), status: { replicas: 3 } } as unknown as KubeObject;
    trackUpdate(deployment, live, object, writer("other"));
    expect(fieldsOf(object, "other", "Update")).toBeUndefined();
  });

  it("keeps at most ten writers, merging the oldest", () => {
    let live = create({ replicas: 0 });
    for (let i = 1; i <= 14; i++) {
      const object = clone(live);
      object.metadata.labels = { ...object.metadata.labels, [`l${i}`]: "x" };
      trackUpdate(deployment, live, object, writer(`m${i}`, { now: new Date(now.getTime() + i * 1000) }));
      live = object;
    }
    const managers = live.metadata.managedFields?.map((e) => e.manager);
    expect(managers).toHaveLength(10);
    expect(managers).toContain("ancient-changes");
    expect(managers).toContain("m14");
    expect(fieldsOf(live, "ancient-changes", "Update")).toHaveProperty(["f:metadata", "f:labels", "f:l1"]);
  });

  it("keys ports of a service by port and protocol", () => {
    const object = decodeObject(service, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s" },
      spec: { ports: [{ port: 53, protocol: "UDP" }, { port: 53 }] },
    }).object as KubeObject;
    trackUpdate(service, undefined, object, writer("me", { apiVersion: "v1", resetFields: emptySet }));
    expect(
      Object.keys(
        (fieldsOf(object, "me", "Update") as Record<string, Record<string, object>>)["f:spec"]?.["f:ports"] ??
          {},
      ),
    ).toEqual([".", 'k:{"port":53,"protocol":"UDP"}', 'k:{"port":53,"protocol":"TCP"}']);
  });

  it("takes entries from the request when they are valid and ignores damaged ones", () => {
    const live = create({ replicas: 1 });
    const send = (fieldsV1: unknown) => {
      const object = clone(live);
      const entry = {
        manager: "m",
        operation: "Apply",
        apiVersion: "apps/v1",
        fieldsType: "FieldsV1",
        fieldsV1,
      };
      object.metadata.managedFields = [entry as never];
      trackUpdate(deployment, live, object, writer("me"));
      return object.metadata.managedFields;
    };
    expect(send({ "f:spec": { "f:replicas": {} } })?.map((e) => e.manager)).toEqual(["m"]);
    for (const damaged of [{ "k:{": {} }, { x: {} }, { "f:a": 1 }, [], "x"]) {
      expect(send(damaged)).toEqual(live.metadata.managedFields);
    }
  });

  it("names a client by its user agent", () => {
    expect(managerOfUserAgent("kubectl/v1.35.2 (linux/amd64)")).toBe("kubectl");
    expect(managerOfUserAgent(undefined)).toBe("unknown");
  });
});
