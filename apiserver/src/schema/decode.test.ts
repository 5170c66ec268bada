import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeObject } from "./decode.ts";
import { schemaFor } from "./registry.ts";

const deployment = schemaFor("apps", "v1", "Deployment")!;
const configMap = schemaFor("", "v1", "ConfigMap")!;
const decode = (value: unknown) => decodeObject(deployment, value);
const podSpec = (containers: unknown) => ({ spec: { template: { spec: { containers } } } });

describe("decodeObject", () => {
  it("drops unknown fields and names each by its path", () => {
    const { object, unknown } = decode({
      spec: { replicas: 1, foo: 1 },
      bar: {},
      metadata: { labels: { any: "x" } },
    });
    expect(unknown).toEqual(['unknown field "spec.foo"', 'unknown field "bar"']);
    expect(object).toMatchObject({ spec: { replicas: 1 }, metadata: { labels: { any: "x" } } });
    expect(object).not.toHaveProperty("bar");
  });

  it.each([
    [
      { spec: { replicas: "x" } },
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      podSpec({}),
      "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    ],
    [
      podSpec([{ ports: [{ containerPort: "80" }] }]),
      "json: cannot unmarshal string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32",
    ],
    [
      { spec: { replicas: 1.5 } },
      "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [[], "json: cannot unmarshal array into Go value of type v1.Deployment"],
    [
      podSpec([{ resources: { limits: { cpu: "lots" } } }]),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ])("refuses a wrong type in upstream's words: %j", (value, error) => {
    expect(decode(value).error).toBe(error);
  });

  it("leaves out nulls and empty optional values and writes what Go always writes", () => {
    const { object } = decode({
      metadata: { name: "x", creationTimestamp: null, finalizers: [] },
      spec: { paused: false, template: { spec: { nodeName: "", containers: [{ name: "c", env: null }] } } },
    });
    expect(object).toEqual({
      metadata: { name: "x" },
      spec: {
        strategy: {},
        template: { metadata: {}, spec: { containers: [{ name: "c", resources: {} }] } },
      },
      status: {},
    });
  });

  it("keeps a zero behind a pointer", () => {
    expect(decode({ spec: { replicas: 0 } }).object).toMatchObject({ spec: { replicas: 0 } });
  });

  it("writes times in UTC to the second", () => {
    const { object } = decode({ metadata: { creationTimestamp: "2026-01-02T03:04:05.6+02:00" } });
    expect(object).toMatchObject({ metadata: { creationTimestamp: "2026-01-02T01:04:05Z" } });
  });

  it("refuses bytes that are not base64", () => {
    expect(decodeObject(configMap, { binaryData: { a: "b*" } }).error).toMatch(/^illegal base64 data/);
  });

  it("does not touch prototypes", () => {
    const value = JSON.parse(
      '{"metadata":{"labels":{"__proto__":"x"}},"__proto__":{"polluted":1}}',
    ) as unknown;
    const { unknown } = decode(value);
    expect(unknown).toEqual(['unknown field "__proto__"']);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("refuses nesting without end instead of running out of stack", () => {
    const crd = schemaFor("apps", "v1", "ControllerRevision")!;
    const deep = JSON.parse(`{"data":${'{"a":'.repeat(5000)}1${"}".repeat(5000)}}`) as unknown;
    expect(decodeObject(crd, deep).error).toBe("exceeded max depth");
  });

  it("never throws, and its result decodes to itself", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("metadata", "spec", "status", "x"), fc.jsonValue()),
        (value) => {
          const once = decode(structuredClone(value));
          if (once.error !== undefined) return;
          const twice = decode(structuredClone(once.object));
          expect(twice).toEqual({ object: once.object, unknown: [], error: undefined });
        },
      ),
    );
  });
});
