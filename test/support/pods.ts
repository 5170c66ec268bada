import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { eventually, getJson, kubectl, kubectlWith } from "./run.ts";

/** What tests of pods do in their namespace, by name of the pod. */
export interface Pods {
  readonly apply: (yaml: string) => Promise<string>;
  readonly pod: (name: string) => Promise<Pod>;
  readonly ready: (...names: string[]) => Promise<string>;
  /** Waits until the pod is in the phase and answers it. */
  readonly phase: (name: string, phase: string) => Promise<Pod>;
  readonly logs: (name: string, ...args: string[]) => Promise<string>;
  readonly sh: (name: string, script: string, container?: string) => Promise<string>;
  /** Messages of all events about the pod, each after its reason. */
  readonly events: (name: string) => Promise<string>;
}

export function podsIn(ns: string): Pods {
  const pod = (name: string): Promise<Pod> => getJson<Pod>("pod", name, "-n", ns);
  return {
    apply: (yaml) => kubectlWith(yaml, "apply", "-n", ns, "-f", "-"),
    pod,
    ready: (...names) =>
      kubectl(
        "wait",
        "-n",
        ns,
        "--for=condition=Ready",
        ...names.map((name) => `pod/${name}`),
        "--timeout=60s",
      ),
    phase: (name, phase) =>
      eventually(`${name} is ${phase}`, async () => {
        const now = await pod(name);
        return now.status?.phase === phase ? now : undefined;
      }),
    logs: (name, ...args) => kubectl("logs", "-n", ns, name, ...args),
    sh: (name, script, container = "main") =>
      kubectl("exec", "-n", ns, name, "-c", container, "--", "sh", "-c", script),
    events: (name) =>
      kubectl(
        "get",
        "events",
        "-n",
        ns,
        "--field-selector",
        `involvedObject.name=${name}`,
        "-o",
        'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}',
      ),
  };
}
