import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@coracle/shared/log.ts";
import { expect, it } from "vitest";
import type { ApiRequest, RequestInfo } from "../request.ts";
import { openAudit } from "./open.ts";

it("appends to its file what the policy file asks for", async () => {
  const dir = mkdtempSync(join(tmpdir(), "coracle-audit-"));
  const path = join(dir, "audit.log");
  const policyPath = join(dir, "policy.yaml");
  writeFileSync(policyPath, "kind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n");
  const options = { policyPath, now: () => new Date(), log: createLogger("test") };
  expect(openAudit({ ...options, path: undefined })).toBeUndefined();
  const audit = openAudit({ ...options, path });
  const request = {
    path: "/x",
    query: new URLSearchParams(),
    headers: {},
    remoteAddress: "",
  } as unknown as ApiRequest;
  const info = { isResource: false, verb: "get", path: "/x" } as RequestInfo;
  for (let i = 0; i < 2; i++) {
    const record = audit?.(request, info);
    record?.identified({ username: "a", groups: [] });
    record?.completed({ code: 200 });
  }
  await expect.poll(() => readFileSync(path, "utf8").split("\n").length).toBe(3);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  rmSync(dir, { recursive: true });
});
