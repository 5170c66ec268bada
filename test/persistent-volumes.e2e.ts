import type { PersistentVolume, PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, getJson, kubectl, tryKubectl } from "./support/run.ts";

const ns = useNamespace("persistent-volumes");
const { apply, ready, sh, events, pod } = podsIn(ns);

/** Volumes belong to no namespace: their names carry this one's. */
const kept = `kept-${ns}`;
const doomed = `doomed-${ns}`;
const reserved = `reserved-${ns}`;
const local = `local-${ns}`;
const directory = `/qa/${ns}`;

const volume = (name: string, spec: string): string => `---
apiVersion: v1
kind: PersistentVolume
metadata: { name: ${name}, labels: { of: ${name} } }
spec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteOnce], storageClassName: "", ${spec} }
`;
const claim = (name: string, spec: string): string => `---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name} }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } }, ${spec} }
`;
const user = (name: string, source: string, spec = ""): string => `---
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 0
  ${spec}
  volumes: [{ name: v, ${source} }]
  containers:
    - name: main
      image: ${busybox}
      command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]
      volumeMounts: [{ name: v, mountPath: /v }]
`;
const uses = (name: string, more = ""): string => `persistentVolumeClaim: { claimName: ${name}${more} }`;
const on = (node: string): string =>
  `nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [${node}] }] }] } }`;
const theVolume = (name: string): Promise<PersistentVolume> => getJson("pv", name);
const theClaim = (name: string): Promise<PersistentVolumeClaim> => getJson("pvc", name, "-n", ns);
const phase = (name: string, wanted: string): Promise<PersistentVolume> =>
  eventually(`${name} is ${wanted}`, async () => {
    const found = await theVolume(name);
    return found.status?.phase === wanted ? found : undefined;
  });
const gone = async (...what: string[]): Promise<boolean> =>
  (await tryKubectl("get", ...what, "-n", ns)).stderr.includes("NotFound");

let node: string;

beforeAll(async () => {
  node = await kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
  await apply(
    [
      volume(
        kept,
        `persistentVolumeReclaimPolicy: Retain, hostPath: { path: ${directory}/kept }, ${on(node)}`,
      ),
      volume(doomed, `persistentVolumeReclaimPolicy: Delete, hostPath: { path: ${directory}/doomed }`),
      volume(
        reserved,
        `claimRef: { namespace: ${ns}, name: reserved }, hostPath: { path: ${directory}/reserved }`,
      ),
      volume(local, `local: { path: ${directory}/never-made }, ${on(node)}`),
      claim("kept", `storageClassName: "", selector: { matchLabels: { of: ${kept} } }`),
      claim("doomed", `storageClassName: "", volumeName: ${doomed}`),
      claim("reserved", `storageClassName: ""`),
      claim("local", `storageClassName: "", volumeName: ${local}`),
      claim("made", "volumeMode: Filesystem"),
      claim("idle", "volumeMode: Filesystem"),
      claim("alone", "volumeMode: Filesystem").replace("ReadWriteOnce", "ReadWriteOncePod"),
      claim("block", "volumeMode: Block"),
      claim("copy", "dataSource: { kind: PersistentVolumeClaim, name: made }"),
      user("keeper", uses("kept")),
      user("local", uses("local")),
      // Neither root nor with a group: the provisioned directory is for whoever gets it.
      user("maker", uses("made"), "securityContext: { runAsUser: 1000 }"),
      user("alone", uses("alone")),
      user("block", uses("block")),
      user("copy", uses("copy")),
      user(
        "ephemeral",
        "ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: pod } }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } } } }",
      ),
    ].join(""),
  );
  await ready("keeper", "maker", "alone", "ephemeral");
});
afterAll(async () => {
  // A claim goes when its pods have, a volume when its claim has.
  await kubectl("delete", "pods,pvc", "--all", "-n", ns, "--wait=false");
  await kubectl("delete", "pv", kept, doomed, reserved, local, "--ignore-not-found");
});

test("claims are bound to the volumes they name, select, or are reserved", async () => {
  const bound = await Promise.all(["kept", "doomed", "reserved"].map(theClaim));
  expect(bound.map((c) => [c.status?.phase, c.spec?.volumeName, c.status?.capacity?.["storage"]])).toEqual([
    ["Bound", kept, "1Gi"],
    ["Bound", doomed, "1Gi"],
    ["Bound", reserved, "1Gi"],
  ]);
  expect((await theVolume(kept)).metadata.finalizers).toEqual(["kubernetes.io/pv-protection"]);
  expect(bound[0]?.metadata.finalizers).toEqual(["kubernetes.io/pvc-protection"]);
});

test("the default class makes a volume for the first pod that uses its claim", async () => {
  const made = await theClaim("made");
  const name = `pvc-${made.metadata.uid}`;
  expect(made).toMatchObject({ spec: { volumeName: name, storageClassName: "standard" } });
  expect((await theVolume(name)).spec).toMatchObject({
    persistentVolumeReclaimPolicy: "Delete",
    claimRef: { name: "made", namespace: ns },
  });
  expect(await sh("maker", "echo mine > /v/x && id -u && stat -c %A /v")).toBe("1000\ndrwxrwxrwx\n");
  const told = await events("made");
  // That it waits for its pod is told only of a claim which is looked at before the pod has a node.
  for (const reason of ["Provisioning: ", "ProvisioningSucceeded: "]) expect(told).toContain(reason);
  expect((await theClaim("idle")).status?.phase).toBe("Pending");
  expect(await events("idle")).toContain(
    "WaitForFirstConsumer: waiting for first consumer to be created before binding",
  );
});

test("a claim made while no class is the default gets the one that becomes it", async () => {
  const classOf = async (): Promise<string | undefined> =>
    (await theClaim("classless")).spec?.storageClassName;
  const setDefault = (value: boolean): Promise<string> =>
    kubectl("annotate", "sc/standard", "--overwrite", `storageclass.kubernetes.io/is-default-class=${value}`);
  await setDefault(false);
  try {
    await apply(claim("classless", ""));
    expect(await classOf()).toBeUndefined();
  } finally {
    await setDefault(true);
  }
  await eventually("the claim has the class", async () => (await classOf()) === "standard");
});

test("what a directory on a node cannot be is refused with a word", async () => {
  await eventually("both are told", async () => {
    expect(await events("block")).toContain("ProvisioningFailed: failed to provision volume");
    expect(await events("copy")).toContain('cannot be made from the PersistentVolumeClaim "made"');
    expect(await events("local")).toContain(
      `FailedMount: MountVolume.SetUp failed for volume "v" : path "${directory}/never-made" does not exist`,
    );
    return true;
  });
  expect((await pod("block")).status?.phase).toBe("Pending");
});

test("a claim for one pod keeps a second one waiting until the first has gone", async () => {
  await apply(user("second", uses("alone")));
  await eventually("it waits", async () =>
    (await events("second")).includes(
      "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
    ),
  );
  await kubectl("delete", "pod", "alone", "-n", ns);
  await ready("second");
});

test("a claim grows, and never shrinks", async () => {
  const size = (storage: string): string => `{"spec":{"resources":{"requests":{"storage":"${storage}"}}}}`;
  await kubectl("patch", "pvc", "made", "-n", ns, "-p", size("5Mi"));
  await eventually(
    "it has grown",
    async () => (await theClaim("made")).status?.capacity?.["storage"] === "5Mi",
  );
  expect((await tryKubectl("patch", "pvc", "made", "-n", ns, "-p", size("2Mi"))).stderr).toContain(
    "field can not be less than status.capacity",
  );
  expect((await tryKubectl("patch", "pvc", "kept", "-n", ns, "-p", size("2Gi"))).stderr).toContain(
    "only dynamically provisioned pvc can be resized",
  );
});

test("what is in use goes when its user has: a claim, then its volume and the data on the node", async () => {
  const { spec } = await theClaim("made");
  const path = (await theVolume(spec?.volumeName ?? "")).spec?.hostPath?.path ?? "";
  const { spec: where } = await pod("maker");
  await kubectl("delete", "pvc", "made", "-n", ns, "--wait=false");
  expect((await theClaim("made")).metadata.deletionTimestamp).toBeDefined();
  // Somebody on the same node who sees all volumes there.
  await apply(
    user("watcher", "hostPath: { path: /var/lib/coracle/volumes }", `nodeName: ${where?.nodeName}`),
  );
  await ready("watcher");
  const inside = `/v/${path.split("/").at(-1)}`;
  expect(await sh("watcher", `cat ${inside}/x`)).toBe("mine\n");
  await kubectl("delete", "pod", "maker", "-n", ns);
  await eventually(
    "claim and volume are gone",
    async () => (await gone("pvc", "made")) && (await gone("pv", spec?.volumeName ?? "")),
  );
  expect(await sh("watcher", `test -e ${inside} || echo none`)).toBe("none\n");
});

test("a pod's own claim goes with it", async () => {
  const own = await theClaim("ephemeral-v");
  expect(own.metadata).toMatchObject({
    labels: { of: "pod" },
    ownerReferences: [{ kind: "Pod", name: "ephemeral" }],
  });
  await kubectl("delete", "pod", "ephemeral", "-n", ns);
  await eventually("it is gone", () => gone("pvc", "ephemeral-v"));
});

test("a retained volume is released, keeps its data, and serves again when its reservation is taken off", async () => {
  await sh("keeper", "echo kept > /v/x");
  await kubectl("delete", "pod", "keeper", "-n", ns);
  await kubectl("delete", "pvc", "kept", "-n", ns);
  await phase(kept, "Released");
  await apply(claim("next", `storageClassName: "", volumeName: ${kept}`));
  expect((await theClaim("next")).status?.phase).toBe("Pending");
  await kubectl("patch", "pv", kept, "--type=merge", "-p", '{"spec":{"claimRef":null}}');
  await phase(kept, "Bound");
  await apply(user("reader", uses("next", ", readOnly: true")));
  await ready("reader");
  expect(await sh("reader", "cat /v/x; touch /v/y 2>&1 || true")).toContain("kept\ntouch: /v/y: Read-only");
});

test("a volume that nobody can delete fails; one that is deleted while bound goes with its claim", async () => {
  await kubectl("delete", "pv", reserved, "--wait=false");
  expect((await theVolume(reserved)).metadata.deletionTimestamp).toBeDefined();
  await kubectl("delete", "pvc", "doomed", "reserved", "-n", ns);
  expect((await phase(doomed, "Failed")).status?.message).toContain("no deletable volume plugin matched");
  await eventually("it is gone", () => gone("pv", reserved));
});
