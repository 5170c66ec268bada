import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { who } from "./support/raw.ts";
import { eventually } from "./support/run.ts";
import { removeSpareNode, startSpareNode, type SpareNode } from "./support/spare-node.ts";

const ns = useNamespace("token-rotation");
const { apply, pod, ready, sh, logs } = podsIn(ns);
const name = "rotating";
let node: SpareNode;

beforeAll(async () => {
  node = await startSpareNode(name, { diskMiB: 32, settings: { CORACLE_TOKEN_MAX_AGE: "4s" } });
});
afterAll(() => removeSpareNode(node));

test("the token of a running pod is replaced in its file, whole at every moment, and the new one is good", async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: holder }
spec:
  nodeSelector: { kubernetes.io/hostname: ${name} }
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      # A token is three parts with a dot between: whatever else is read is told.
      command: [sh, -c, 'while :; do t=$(cat /own/token); case $t in ?*.?*.?*) ;; *) echo "torn: $t" ;; esac; done']
      volumeMounts: [{ name: own, mountPath: /own }]
  volumes:
    - name: own
      projected: { sources: [{ serviceAccountToken: { path: token, expirationSeconds: 600 } }] }
`);
  await ready("holder");
  const before = await pod("holder");
  const read = (path: string): Promise<string> => sh("holder", `cat ${path}`);
  const usual = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  const [own, admitted] = [await read("/own/token"), await read(usual)];
  const user = { username: `system:serviceaccount:${ns}:default` };
  for (const [path, first] of [
    ["/own/token", own],
    [usual, admitted],
  ] as const) {
    const second = await eventually("there is another token", async () => {
      const now = await read(path);
      return now === first ? undefined : now;
    });
    expect(await who({ token: second })).toMatchObject(user);
    // Who has read the old one just now may still use it.
    expect(await who({ token: first })).toMatchObject(user);
  }
  expect(await logs("holder")).toBe("");
  expect((await pod("holder")).status?.containerStatuses).toEqual(before.status?.containerStatuses);
});
