import { describe, expect, test } from "vitest";
import type { ConfigMap, Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { configMaps } from "../configmaps/kind.ts";
import { created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { secrets } from "./kind.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("stringData is written into data and forgotten", () => {
  const secret = created(secrets, {
    data: { a: base64("1"), b: base64("2") },
    stringData: { b: "é", c: "" },
  });
  expect(secret).toMatchObject({ type: "Opaque", data: { a: base64("1"), b: base64("é"), c: "" } });
  expect(secret).not.toHaveProperty("stringData");
});

describe("a type's keys must be there", () => {
  test.each<[string, object, string[]]>([
    ["kubernetes.io/tls", { "tls.crt": base64("x") }, ["data[tls.key]: Required value"]],
    ["kubernetes.io/basic-auth", {}, ["data[username]: Required value", "data[password]: Required value"]],
    ["kubernetes.io/basic-auth", { password: "" }, []],
    ["kubernetes.io/ssh-auth", { "ssh-privatekey": "" }, ["data[ssh-privatekey]: Required value"]],
    ["kubernetes.io/dockerconfigjson", { ".dockerconfigjson": base64('{"auths":{}}') }, []],
    [
      "kubernetes.io/dockerconfigjson",
      { ".dockerconfigjson": base64("hunter2") },
      [
        'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character in JSON input',
      ],
    ],
    [
      "kubernetes.io/service-account-token",
      {},
      ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
    ],
    [
      "Opaque",
      { "a/b": "" },
      [
        "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
  ])("%s with %j", (type, data, expected) => {
    expect(refusals(secrets, { type, data })).toEqual(expected);
  });
});

test("a mebibyte is the most", () => {
  const big = "a".repeat(1_048_577);
  expect(refusals(secrets, { stringData: { a: big } })).toEqual([
    "data: Too long: may not be more than 1048576 bytes",
  ]);
  expect(refusals(configMaps, { data: { a: big } })).toEqual([
    "[]: Too long: may not be more than 1048576 bytes",
  ]);
  expect(refusals(configMaps, { data: { a: big.slice(1) } })).toEqual([]);
});

test("its type stays, and an immutable one stays whole", () => {
  const change = (secret: Secret): void => {
    Object.assign(secret, { type: "other", immutable: false, data: { a: base64("2") } });
  };
  const frozen = { immutable: true, data: { a: base64("1") } };
  const message = "Forbidden: field is immutable when `immutable` is set";
  expect(updateRefusals(secrets, frozen, change as never)).toEqual([
    'type: Invalid value: "other": field is immutable',
    `immutable: ${message}`,
    `data: ${message}`,
  ]);
  const map = (object: ConfigMap): void => {
    object.binaryData = { b: base64("x") };
  };
  expect(updateRefusals(configMaps, { immutable: true }, map as never)).toEqual([`binaryData: ${message}`]);
});

test("lines count keys", () => {
  expect(row(secrets, { type: "Opaque", data: { a: "", b: "" } })).toMatchObject({ TYPE: "Opaque", DATA: 2 });
  expect(row(configMaps, { data: { a: "" }, binaryData: { b: "" } })).toMatchObject({ DATA: 2 });
});
