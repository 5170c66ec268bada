import { expect, test } from "vitest";
import { toolPod } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { kubeconfig, kubectl, kubectlWith, must, run } from "./support/run.ts";

const ns = useNamespace("python");
const python = "/usr/bin/python3";

const script = `
import sys
from kubernetes import client, config, watch
from kubernetes.stream import stream
config.load_kube_config(sys.argv[1])
core, ns = client.CoreV1Api(), sys.argv[2]
made = core.create_namespaced_config_map(ns, {"metadata": {"name": "snake"}, "data": {"a": "1"}})
core.patch_namespaced_config_map("snake", ns, {"data": {"a": "2"}})
for event in watch.Watch().stream(core.list_namespaced_config_map, ns, field_selector="metadata.name=snake",
                                  resource_version=made.metadata.resource_version, timeout_seconds=20):
    print("watched", event["type"], event["object"].data["a"])
    break
print("exec", stream(core.connect_get_namespaced_pod_exec, "tool", ns, command=["echo", "hello"],
                     stderr=True, stdin=False, stdout=True, tty=False))
`;

/** The client of Debian's package, installed by ourselves where that can be done. */
async function usePython(): Promise<void> {
  if ((await run(python, ["-c", "import kubernetes"])).code === 0) return;
  if (process.getuid?.() !== 0)
    throw new Error("python3-kubernetes is not installed, and only root can install it");
  await must("apt-get", ["update"]);
  await must("apt-get", ["install", "-y", "--no-install-recommends", "python3-kubernetes"]);
}

test("Debian's Python client creates, watches and executes", async () => {
  await usePython();
  await kubectlWith(toolPod("tool"), "apply", "-n", ns, "-f", "-");
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/tool", "--timeout=90s");
  const out = await must(python, ["-c", script, kubeconfig, ns]);
  expect(out.trim().split("\n")).toEqual(["watched MODIFIED 2", "exec hello"]);
});
