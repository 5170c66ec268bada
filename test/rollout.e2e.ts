import type { Deployment } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { webDeployment, webImage, webImageNext } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { eventually, getJson, kubectl, kubectlBackground, kubectlWith, tryKubectl } from "./support/run.ts";

const ns = useNamespace("rollout");
const deployment = (): Promise<Deployment> => getJson<Deployment>("deployment", "web", "-n", ns);

beforeAll(async () => {
  await kubectlWith(webDeployment("web", 4), "apply", "-n", ns, "-f", "-");
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
});

test("a rolling update never has fewer available than allowed, nor more pods than surge allows", async () => {
  // maxUnavailable 25 % of 4 is 1, maxSurge 1: at least 3 available, at most 5 that are not terminating.
  await using watch = kubectlBackground(
    "get",
    "deployment",
    "web",
    "-n",
    ns,
    "-w",
    "-o",
    'jsonpath={.status.availableReplicas} {.status.replicas}{"\\n"}',
  );
  await kubectl("set", "image", "-n", ns, "deployment/web", `nginx=${webImageNext}`);
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
  const seen = watch
    .output()
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number));
  expect(seen.length).toBeGreaterThan(2);
  for (const [available, total] of seen) {
    expect(available).toBeGreaterThanOrEqual(3);
    expect(total).toBeLessThanOrEqual(5);
  }
  const images = (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=web")).items
    .filter((p) => !p.metadata.deletionTimestamp)
    .map((p) => p.spec?.containers[0]?.image);
  expect(images).toEqual([webImageNext, webImageNext, webImageNext, webImageNext]);
});

test("history lists both revisions and undo goes back to the first image", async () => {
  expect(await kubectl("rollout", "history", "-n", ns, "deployment/web")).toMatch(/1\s+<none>\n2\s+<none>/);
  await kubectl("rollout", "undo", "-n", ns, "deployment/web");
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
  expect((await deployment()).spec?.template.spec?.containers[0]?.image).toBe(webImage);
});

test("an image that does not exist stops the rollout with the old pods still serving", async () => {
  await kubectl("set", "image", "-n", ns, "deployment/web", "nginx=coracle.invalid/missing:1");
  await eventually("a pod says why it waits", async () => {
    const items = (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", "app=web")).items;
    return items.some((p) =>
      p.status?.containerStatuses?.some((c) =>
        /^(ErrImagePull|ImagePullBackOff)$/.test(c.state?.waiting?.reason ?? ""),
      ),
    );
  });
  expect((await deployment()).status?.availableReplicas).toBeGreaterThanOrEqual(3);
  expect((await tryKubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=2s")).code).not.toBe(
    0,
  );
  await kubectl("rollout", "undo", "-n", ns, "deployment/web");
  await kubectl("rollout", "status", "-n", ns, "deployment/web", "--timeout=120s");
});
