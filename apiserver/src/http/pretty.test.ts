import { expect, it } from "vitest";
import { prettified } from "./pretty.ts";
import type { ApiRequest, ApiResponse } from "../request.ts";

const answer: ApiResponse = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: Buffer.from('{"kind":"Status","details":{}}'),
};
const laidOut = '{\n  "kind": "Status",\n  "details": {}\n}\n';
const asked = (query: string, agent?: string, response = answer) =>
  prettified(
    { query: new URLSearchParams(query), headers: { "user-agent": agent } } as unknown as ApiRequest,
    response,
  ).body;

it("lays JSON out for people's clients and for who asks, and for nobody else", () => {
  expect(asked("", "curl/8.5")).toBe(laidOut);
  expect(asked("pretty=true", "kubectl")).toBe(laidOut);
  expect(asked("pretty=false", "curl/8.5")).toBe(answer.body);
  expect(asked("", "kubectl/v1.35")).toBe(answer.body);
  expect(asked("")).toBe(answer.body);
  const yaml = { ...answer, headers: { "content-type": "application/yaml" } };
  expect(asked("pretty=1", "curl/8.5", yaml)).toBe(yaml.body);
});
