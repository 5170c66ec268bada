import { expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { applyLabelKeys } from "./label-keys.ts";

const selector = () => ({ matchLabels: { app: "web" } });
const pod = (spec: object): Pod => ({
  metadata: { name: "p", labels: { app: "web", rev: "a", tenant: "t" } },
  spec: { containers: [], ...spec },
});

test("label keys become expressions with the pod's own values, in every kind of term", () => {
  const term = () => ({
    topologyKey: "zone",
    labelSelector: selector(),
    matchLabelKeys: ["rev", "none"],
    mismatchLabelKeys: ["tenant"],
  });
  const spread = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" };
  const p = pod({
    affinity: {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term()] },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term() }],
      },
    },
    topologySpreadConstraints: [{ ...spread, labelSelector: selector(), matchLabelKeys: ["rev"] }],
  });
  applyLabelKeys(p);
  const rev = { key: "rev", operator: "In", values: ["a"] };
  const expected = {
    matchLabels: { app: "web" },
    matchExpressions: [rev, { key: "tenant", operator: "NotIn", values: ["t"] }],
  };
  const { podAffinity, podAntiAffinity } = p.spec?.affinity ?? {};
  expect(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector).toEqual(expected);
  expect(
    podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.[0]?.podAffinityTerm.labelSelector,
  ).toEqual(expected);
  expect(p.spec?.topologySpreadConstraints?.[0]?.labelSelector?.matchExpressions).toEqual([rev]);
});

test("a term without a selector, or without such keys, stays as it is", () => {
  const terms = [
    { topologyKey: "zone", matchLabelKeys: ["rev"] },
    { topologyKey: "zone", labelSelector: selector() },
  ];
  const p = pod({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: structuredClone(terms) } },
  });
  applyLabelKeys(p);
  expect(p.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual(terms);
});
