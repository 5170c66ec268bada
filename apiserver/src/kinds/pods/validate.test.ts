import { describe, expect, test } from "vitest";
import { refusals } from "../kind.test-support.ts";
import { pods } from "./kind.ts";

const app = { name: "app", image: "nginx:1" };
const spec = (over: object = {}, container: object = {}) => ({
  spec: { containers: [{ ...app, ...container }], ...over },
});

test("an ordinary pod is accepted", () => {
  const volumes = [
    { name: "data", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } },
    { name: "conf", configMap: { name: "conf", items: [{ key: "a", path: "sub/a" }] } },
  ];
  const container = {
    ports: [{ name: "http", containerPort: 80 }],
    env: [{ name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } }],
    envFrom: [{ prefix: "P_", configMapRef: { name: "conf" } }],
    volumeMounts: [{ name: "data", mountPath: "/data", subPath: "x" }],
    readinessProbe: { exec: { command: ["true"] } },
    resources: { requests: { cpu: "100m" }, limits: { cpu: "1" } },
    securityContext: { runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  };
  const tolerations = [{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 }];
  expect(refusals(pods, spec({ volumes, tolerations, serviceAccountName: "default" }, container))).toEqual(
    [],
  );
});

describe("is refused", () => {
  const supported = 'supported values: "Always", "OnFailure", "Never"';
  test.each<[string, object, string[]]>([
    ["no container", { spec: { containers: [] } }, ["spec.containers: Required value"]],
    ["no image", spec({}, { image: "" }), ["spec.containers[0].image: Required value"]],
    [
      "an image with a space",
      spec({}, { image: "nginx " }),
      ['spec.containers[0].image: Invalid value: "nginx ": must not have leading or trailing whitespace'],
    ],
    [
      "two containers of one name",
      { spec: { containers: [app, app] } },
      ['spec.containers[1].name: Duplicate value: "app"'],
    ],
    [
      "an unknown restart policy",
      spec({ restartPolicy: "Sometimes" }),
      [`spec.restartPolicy: Unsupported value: "Sometimes": ${supported}`],
    ],
    [
      "a port that is none",
      spec({}, { ports: [{ containerPort: 70_000, protocol: "ICMP" }] }),
      [
        "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      "one host port twice",
      spec({}, { ports: [80, 81].map((containerPort) => ({ containerPort, hostPort: 8080 })) }),
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"'],
    ],
    [
      "another host port in the node's network",
      spec({ hostNetwork: true }, { ports: [{ containerPort: 80, hostPort: 81 }] }),
      [
        "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
      ],
    ],
    [
      "variables without a name, with two sources, with a field that is not offered",
      spec(
        {},
        {
          env: [
            { name: "" },
            { name: "A", value: "x", valueFrom: { configMapKeyRef: { name: "m", key: "k" } } },
            { name: "B", valueFrom: { fieldRef: { fieldPath: "status.phase" } } },
            { name: "C", valueFrom: { fieldRef: { fieldPath: "spec.magic" } } },
            { name: "D", valueFrom: {} },
          ],
        },
      ),
      [
        "spec.containers[0].env[0].name: Required value",
        'spec.containers[0].env[1].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        'spec.containers[0].env[2].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
        'spec.containers[0].env[3].valueFrom.fieldRef.fieldPath: Invalid value: "spec.magic": error converting fieldPath: field label not supported: spec.magic',
        'spec.containers[0].env[4].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ],
    ],
    [
      "mounts of nothing, twice, upwards",
      spec(
        { volumes: [{ name: "v", emptyDir: {} }] },
        {
          volumeMounts: [
            { name: "w", mountPath: "/w" },
            { name: "v", mountPath: "/w", subPath: "../x" },
          ],
        },
      ),
      [
        'spec.containers[0].volumeMounts[0].name: Not found: "w"',
        'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/w": must be unique',
        "spec.containers[0].volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'",
      ],
    ],
    [
      "a probe without and one with too many handlers",
      spec(
        {},
        {
          livenessProbe: { successThreshold: 2 },
          readinessProbe: {
            exec: { command: ["a"] },
            tcpSocket: { port: "nope!" },
            terminationGracePeriodSeconds: 3,
          },
        },
      ),
      [
        "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes",
      ],
    ],
    [
      "a request above its limit, an unknown resource, a negative amount",
      spec(
        {},
        { resources: { requests: { cpu: "2", magic: "1" }, limits: { cpu: "1", memory: "-1", magic: "1" } } },
      ),
      [
        'spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.containers[0].resources.limits[magic]: Invalid value: "magic": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.limits[magic]: Invalid value: "magic": must be a standard resource for containers',
        'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.containers[0].resources.requests[magic]: Invalid value: "magic": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[magic]: Invalid value: "magic": must be a standard resource for containers',
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      ],
    ],
    [
      "a probe of an init container that is no sidecar",
      spec({ initContainers: [{ name: "i", image: "i", startupProbe: { exec: { command: ["a"] } } }] }),
      [
        "spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
      ],
    ],
    [
      "volumes without a name or of two kinds, modes out of range",
      spec({
        volumes: [
          { name: "a", emptyDir: {}, hostPath: { path: "/a" } },
          { name: "b", secret: { defaultMode: 0o1000 } },
          { name: "b", hostPath: { path: "/x/../y", type: "Thing" } },
        ],
      }),
      [
        "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        "spec.volumes[1].secret.secretName: Required value",
        "spec.volumes[1].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
        'spec.volumes[2].name: Duplicate value: "b"',
        "spec.volumes[2].hostPath.path: Invalid value: \"/x/../y\": must not contain '..'",
        'spec.volumes[2].hostPath.type: Unsupported value: "Thing": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      ],
    ],
    [
      "tolerations that cannot be",
      spec({
        tolerations: [
          { operator: "Equal" },
          { key: "k", operator: "Exists", value: "v" },
          { key: "k", effect: "NoSchedule", tolerationSeconds: 1 },
          { key: "k", operator: "Near" },
        ],
      }),
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
        "spec.tolerations[1].operator: Invalid value: \"v\": value must be empty when `operator` is 'Exists'",
        "spec.tolerations[2].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
        'spec.tolerations[3].operator: Unsupported value: "Near": supported values: "Equal", "Exists"',
      ],
    ],
    [
      "affinity without terms, topology or reason",
      spec({
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 0, podAffinityTerm: { topologyKey: "zone" } },
            ],
          },
        },
        topologySpreadConstraints: [{ maxSkew: 0, topologyKey: "zone", whenUnsatisfiable: "Never" }],
      }),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
        "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
      ],
    ],
    [
      "name resolution that lacks a server",
      spec({ dnsPolicy: "None" }),
      ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ],
    [
      "privilege that is given and denied",
      spec({}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      "an ephemeral container, or a node for a gated pod",
      spec({ ephemeralContainers: [app], nodeName: "n", schedulingGates: [{ name: "g" }] }),
      [
        'spec.ephemeralContainers[0].name: Duplicate value: "app"',
        "spec.ephemeralContainers: Forbidden: cannot be set on create",
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
      ],
    ],
  ])("%s", (_, body, expected) => {
    expect(refusals(pods, body as never)).toEqual(expected);
  });
});
