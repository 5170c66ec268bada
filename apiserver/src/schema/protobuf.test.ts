import protobuf from "protobufjs/minimal.js";
import { describe, expect, it } from "vitest";
import { decodeProtobuf } from "./protobuf.ts";

type Writer = protobuf.Writer;
/** Writes a message field by field, as a client would. */
const message = (...fields: [number, string | Uint8Array | number | Writer][]): Writer => {
  const w = protobuf.Writer.create();
  for (const [number, value] of fields) {
    if (typeof value === "number") w.uint32(number << 3).int64(value);
    else if (typeof value === "string") w.uint32((number << 3) | 2).string(value);
    else w.uint32((number << 3) | 2).bytes(value instanceof Uint8Array ? value : value.finish());
  }
  return w;
};
const body = (apiVersion: string, kind: string, object: Writer): Buffer =>
  Buffer.concat([
    Buffer.from("k8s\0"),
    message([1, message([1, apiVersion], [2, kind])], [2, object.finish()], [3, ""], [4, ""]).finish(),
  ]);

describe("decodeProtobuf", () => {
  it("reads maps, bytes and times", () => {
    const secret = message(
      [1, message([1, "s"], [3, "ns"], [8, message([1, 1_767_323_045])], [11, message([1, "a"], [2, "b"])])],
      [2, message([1, "key"], [2, Buffer.from("hello")])],
      [3, "Opaque"],
    );
    expect(decodeProtobuf(body("v1", "Secret", secret))).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      object: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "s",
          namespace: "ns",
          creationTimestamp: "2026-01-02T03:04:05Z",
          labels: { a: "b" },
        },
        data: { key: "aGVsbG8=" },
        type: "Opaque",
      },
    });
  });

  it("puts inlined messages in their place and reads quantities and ports", () => {
    const container = message(
      [1, "c"],
      [8, message([2, message([1, "cpu"], [2, message([1, "100m"])])])],
      [11, message([1, message([2, message([2, message([1, 1], [3, "http"])])])], [3, 5])],
    );
    const pod = message([
      2,
      message([1, message([1, "v"], [2, message([2, message([1, "Memory"])])])], [2, container]),
    ]);
    expect(decodeProtobuf(body("v1", "Pod", pod)).object).toMatchObject({
      spec: {
        volumes: [{ name: "v", emptyDir: { medium: "Memory" } }],
        containers: [
          {
            name: "c",
            resources: { requests: { cpu: "100m" } },
            readinessProbe: { httpGet: { port: "http" }, timeoutSeconds: 5 },
          },
        ],
      },
    });
  });

  it("finds DeleteOptions under any group", () => {
    expect(
      decodeProtobuf(body("policy/v1", "DeleteOptions", message([1, 30], [4, "Background"]))).object,
    ).toMatchObject({
      gracePeriodSeconds: 30,
      propagationPolicy: "Background",
    });
  });

  it.each([
    ["no prefix", Buffer.from("hello")],
    ["an unknown kind", body("v1", "Nope", message())],
    ["a truncated message", body("v1", "Pod", message([2, message([2, "xxxx"])])).subarray(0, 25)],
    ["a length past the end", Buffer.from([0x6b, 0x38, 0x73, 0, 0x12, 0xff, 0xff, 0x03])],
    ["rubbish inside", body("v1", "Pod", message([2, Buffer.from([0x0a, 0xff])]))],
  ])("refuses %s with 400", (_, bytes) => {
    expect(() => decodeProtobuf(bytes)).toThrow(expect.objectContaining({ code: 400 }));
  });

  it("answers random bytes with 400 and nothing else", () => {
    const good = body(
      "v1",
      "Pod",
      message([1, message([1, "p"])], [2, message([2, message([1, "c"], [2, "i"])])]),
    );
    for (let i = 4; i < good.length; i++) {
      for (const b of [0, 0x7f, 0xff]) {
        const bad = Buffer.from(good);
        bad[i] = b;
        try {
          decodeProtobuf(bad);
        } catch (error) {
          expect(error).toMatchObject({ code: 400 });
        }
      }
    }
  });
});
