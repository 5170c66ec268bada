import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeObject } from "./decode.ts";
import { decodeProtobuf } from "./protobuf.ts";
import { schemaFor, splitApiVersion } from "./registry.ts";

/** Upstream's own pairs of protobuf and JSON, where their package is at hand: CORACLE_K8S_TESTDATA names its HEAD folder. */
const folder = process.env["CORACLE_K8S_TESTDATA"] ?? "";

describe.skipIf(!existsSync(folder))("upstream's test data", () => {
  const names = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith(".pb")) : [];
  for (const name of names) {
    const json = JSON.parse(readFileSync(join(folder, name.replace(/\.pb$/, ".json")), "utf8")) as {
      apiVersion?: string;
      kind: string;
    };
    const node = schemaFor(...splitApiVersion(json.apiVersion ?? ""), json.kind);
    it.skipIf(!node)(`decodes ${name} to what its JSON says`, () => {
      const { object } = decodeProtobuf(readFileSync(join(folder, name)));
      const fromProtobuf = decodeObject(node!, object);
      const fromJson = decodeObject(node!, structuredClone(json));
      expect(fromProtobuf.error).toBeUndefined();
      expect(fromJson.unknown).toEqual([]);
      expect(fromProtobuf.object).toEqual(fromJson.object);
      expect(withoutNulls(fromJson.object)).toEqual(withoutNulls(json));
    });
  }
});

const withoutNulls = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, v: unknown) => (v === null ? undefined : v)));
