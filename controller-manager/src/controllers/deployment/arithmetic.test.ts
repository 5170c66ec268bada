import fc from "fast-check";
import { expect, test } from "vitest";
import type { Deployment, ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import {
  availableOf,
  fences,
  maxUnavailable,
  newReplicaSetSize,
  proportionalSizes,
  replicasOf,
  shrinkOld,
  sum,
} from "./arithmetic.ts";

const deployment = (
  replicas: number,
  maxSurge: number | string,
  unavailable: number | string,
): Deployment => ({
  metadata: { name: "d" },
  spec: {
    replicas,
    selector: {},
    template: {},
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable: unavailable } },
  },
});
let serial = 0;
const replicaSet = (replicas: number, available: number, max?: number): ReplicaSet => ({
  metadata: {
    name: `rs-${serial++}`,
    ...(max === undefined ? {} : { annotations: { "deployment.kubernetes.io/max-replicas": String(max) } }),
  },
  spec: { replicas, selector: {} },
  status: { replicas, availableReplicas: available },
});

const bound = fc.oneof(
  fc.nat(20),
  fc.nat(100).map((n) => `${n}%`),
);
const anySet = fc
  .tuple(fc.nat(30), fc.nat(40))
  .map(([replicas, available]) => replicaSet(replicas, available));
const anyDeployment = fc.tuple(fc.nat(50), bound, bound).map((x) => deployment(...x));

test("growing the new ReplicaSet never exceeds replicas plus maxSurge", () => {
  fc.assert(
    fc.property(anyDeployment, fc.array(anySet, { maxLength: 4 }), anySet, (d, old, current) => {
      const all = [...old, current];
      const before = sum(all, replicasOf);
      const size = newReplicaSetSize(d, all, replicasOf(current));
      const after = before - replicasOf(current) + size;
      expect(after).toBeLessThanOrEqual(Math.max(before, replicasOf(d) + fences(d).maxSurge));
      expect(size).toBeGreaterThanOrEqual(replicasOf(current));
    }),
  );
});

test("shrinking old ReplicaSets never takes away availability that must stay", () => {
  fc.assert(
    fc.property(anyDeployment, fc.array(anySet, { maxLength: 4 }), anySet, (d, old, current) => {
      const sizes = shrinkOld(d, current, old);
      const after = old.map((rs) => ({
        ...rs,
        spec: { ...rs.spec, replicas: sizes.get(rs.metadata.name ?? "") ?? replicasOf(rs), selector: {} },
      }));
      for (const rs of after) expect(replicasOf(rs)).toBeGreaterThanOrEqual(0);
      const before = sum([...old, current], availableOf);
      const least = replicasOf(d) - maxUnavailable(d);
      // In the worst case every deleted pod is one of the available ones that are left.
      const left = sum([...after, current], availableOf);
      expect(left).toBeGreaterThanOrEqual(Math.min(before, least));
    }),
  );
});

test("a rollout whose pods all become available always ends, within its fences at each step", () => {
  fc.assert(
    fc.property(anyDeployment, fc.nat(50), (d, before) => {
      const old = replicaSet(before, before);
      const current = replicaSet(0, 0);
      const set = (rs: ReplicaSet, n: number): void => {
        rs.spec = { selector: {}, replicas: n };
        rs.status = { replicas: n, availableReplicas: n };
      };
      for (let step = 0; step < 400; step++) {
        if (replicasOf(current) === replicasOf(d) && replicasOf(old) === 0) return;
        const grown = newReplicaSetSize(d, [old, current], replicasOf(current));
        if (grown !== replicasOf(current)) set(current, grown);
        else {
          const size = shrinkOld(d, current, [old]).get(old.metadata.name ?? "");
          if (size !== undefined) set(old, size);
        }
      }
      throw new Error("the rollout stands still");
    }),
  );
});

test("proportional scaling ends at exactly the allowed number of replicas", () => {
  const sets = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(anyDeployment, sets, fc.nat(60), (d, sizes, max) => {
      const active = sizes.map((n) => replicaSet(n, n, Math.max(1, max)));
      const next = proportionalSizes(d, active);
      const total = [...next.values()].reduce((a, b) => a + b, 0);
      const allowed = replicasOf(d) === 0 ? 0 : replicasOf(d) + fences(d).maxSurge;
      for (const n of next.values()) expect(n).toBeGreaterThanOrEqual(0);
      expect(total).toBe(allowed);
    }),
  );
});

test("upstream's example: 5 to 10 in the middle of a rollout is shared out in proportion", () => {
  const d = deployment(10, 3, 0);
  const old = replicaSet(8, 8, 13);
  const current = replicaSet(5, 3, 13);
  const scaled: Deployment = { ...d, spec: { ...d.spec, selector: {}, template: {}, replicas: 15 } };
  const sizes = proportionalSizes(scaled, [old, current]);
  expect(sizes.get(old.metadata.name ?? "")).toBe(11);
  expect(sizes.get(current.metadata.name ?? "")).toBe(7);
});
