import { describe, expect, test } from "vitest";
import type { ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import { created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { limitRanges } from "../limitranges/kind.ts";
import { resourceQuotas } from "./kind.ts";

describe("quotas", () => {
  test("refusals", () => {
    const hard = { "limits.cpu": "2", "count/deployments.apps": "3", pods: "5" };
    expect(refusals(resourceQuotas, { spec: { hard, scopes: ["NotTerminating"] } })).toEqual([]);
    expect(refusals(resourceQuotas, { spec: { hard: { pods: "1.5", magic: "1" } } })).toEqual([
      'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      'spec.hard[magic]: Invalid value: "magic": must be a standard resource type or fully qualified',
      'spec.hard[magic]: Invalid value: "magic": must be a standard resource for quota',
    ]);
    const scopes = ["BestEffort", "NotBestEffort", "Huge"];
    const list = JSON.stringify(scopes);
    expect(refusals(resourceQuotas, { spec: { hard: { cpu: "1" }, scopes } })).toEqual([
      `spec.scopes: Invalid value: ${list}: unsupported scope applied to resource`,
      `spec.scopes: Invalid value: ${list}: unsupported scope`,
      `spec.scopes: Invalid value: ${list}: conflicting scopes`,
    ]);
  });

  test("scopes stay", () => {
    const change = (quota: ResourceQuota): void => {
      quota.spec = { scopes: ["Terminating"] };
    };
    expect(updateRefusals(resourceQuotas, { spec: {} }, change as never)).toEqual([
      'spec.scopes: Invalid value: ["Terminating"]: field is immutable',
    ]);
  });

  test("a line shows what is used of what", () => {
    const status = { hard: { pods: "5", "limits.cpu": "2", cpu: "1" }, used: { pods: "1", cpu: "500m" } };
    expect(row(resourceQuotas, { status })).toMatchObject({
      REQUEST: "cpu: 500m/1, pods: 1/5",
      LIMIT: "limits.cpu: 0/2",
    });
  });
});

describe("limit ranges", () => {
  test("defaults for containers follow from the bounds", () => {
    const limits = [
      { type: "Container", max: { cpu: "2" }, min: { cpu: "100m", memory: "64Mi" } },
      { type: "Pod", max: { cpu: "4" } },
      { type: "Container", maxLimitRequestRatio: { cpu: "2" } },
    ];
    expect(created(limitRanges, { spec: { limits } })["spec"]).toEqual({
      limits: [
        {
          type: "Container",
          max: { cpu: "2" },
          min: { cpu: "100m", memory: "64Mi" },
          default: { cpu: "2" },
          defaultRequest: { cpu: "2", memory: "64Mi" },
        },
        { type: "Pod", max: { cpu: "4" } },
        { type: "Container", maxLimitRequestRatio: { cpu: "2" } },
      ],
    });
  });

  test("refusals", () => {
    const limits = [
      { type: "Container", min: { cpu: "3" }, max: { cpu: "2" } },
      { type: "Pod", default: { cpu: "1" } },
      { type: "PersistentVolumeClaim" },
      { type: "Pod", maxLimitRequestRatio: { cpu: "0.5" } },
    ];
    expect(refusals(limitRanges, { spec: { limits } })).toEqual([
      'spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": min value 3 is greater than default request value 2',
      'spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 2',
      "spec.limits[1].default: Forbidden: may not be specified when `type` is 'Pod'",
      "spec.limits[2].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
      'spec.limits[3].type: Duplicate value: "Pod"',
      'spec.limits[3].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
    ]);
  });
});
