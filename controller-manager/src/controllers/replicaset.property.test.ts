import fc from "fast-check";
import { expect, test } from "vitest";
import { pods, replicaSets } from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { isPodActive } from "@coracle/shared/meta/pods.ts";
import { NAMESPACE, startHarness } from "../testing/harness.ts";
import { replicaSetController } from "./replicaset.ts";

type Step =
  | { readonly do: "scale"; readonly replicas: number }
  | { readonly do: "kill"; readonly which: number }
  | { readonly do: "fail"; readonly which: number }
  | { readonly do: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("scale" as const), replicas: fc.nat(6) }),
  fc.record({ do: fc.constant("kill" as const), which: fc.nat(10) }),
  fc.record({ do: fc.constant("fail" as const), which: fc.nat(10) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(40) }),
);
const at = { name: "web", namespace: NAMESPACE };

test(
  "whatever happens to its pods, and however late the caches are, it ends with as many as asked for",
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 8 }),
        fc.nat(30),
        fc.nat(6),
        async (steps, lag, wanted) => {
          await using h = await startHarness({
            controllers: [replicaSetController()],
            kubelet: true,
            lagMs: () => Math.random() * lag,
          });
          const template = {
            metadata: { labels: { app: "web" } },
            spec: { containers: [{ name: "c", image: "nginx" }] },
          };
          await h.client.create(replicaSets, {
            metadata: at,
            spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template },
          });
          const scale = (replicas: number): Promise<unknown> =>
            h.client.patch(replicaSets, at, { type: "merge", body: { spec: { replicas } } });
          for (const s of steps) {
            const all = await h.list(pods);
            if (s.do === "scale") await scale(s.replicas);
            else if (s.do === "wait") await new Promise((resolve) => setTimeout(resolve, s.ms));
            else {
              const name = all[s.which % Math.max(1, all.length)]?.metadata.name;
              if (name === undefined) continue;
              const pod = { name, namespace: NAMESPACE };
              const failed = { type: "merge", body: { status: { phase: "Failed" } } } as const;
              const harm =
                s.do === "kill"
                  ? h.client.delete(pods, pod, { gracePeriodSeconds: 0 })
                  : h.client.patch(pods, pod, failed, { subresource: "status" });
              await Promise.resolve<unknown>(harm).catch((error: unknown) => {
                if (!isNotFound(error)) throw error;
              });
            }
          }
          await scale(wanted);
          const active = async (): Promise<number> => (await h.list(pods)).filter(isPodActive).length;
          await h.eventually(`${wanted} pods`, async () => {
            const rs = await h.client.get(replicaSets, at);
            return (
              (await active()) === wanted &&
              rs.status?.observedGeneration === rs.metadata.generation &&
              rs.status?.replicas === wanted &&
              (rs.status?.readyReplicas ?? 0) === wanted
            );
          });
          await new Promise((resolve) => setTimeout(resolve, lag * 2));
          expect(await active()).toBe(wanted);
        },
      ),
      { numRuns: 12 },
    );
  },
);
