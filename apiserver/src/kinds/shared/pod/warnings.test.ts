import { describe, expect, test } from "vitest";
import { deployments } from "../../deployments/kind.ts";
import { warnings } from "../../kind.test-support.ts";
import { pods } from "../../pods/kind.ts";

const app = { name: "app", image: "nginx:1" };
const pod = (over: object = {}, container: object = {}) => ({
  spec: { containers: [{ ...app, ...container }], ...over },
});
const at = "spec.containers[0]";
const nothing = "a null labelSelector results in matching no pod";

describe("of a pod", () => {
  test.each<[string, object, string[]]>([
    ["an ordinary one", pod(), []],
    [
      "labels of nodes by their old names",
      pod({
        nodeSelector: { "beta.kubernetes.io/os": "linux" },
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: "beta.kubernetes.io/arch", operator: "Exists" }] },
              ],
            },
          },
        },
      }),
      [
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead',
      ],
    ],
    [
      "selectors of nothing",
      pod({
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }],
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone" }],
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, podAffinityTerm: { topologyKey: "zone" } },
            ],
          },
        },
      }),
      [
        `spec.topologySpreadConstraints[0].labelSelector: ${nothing}`,
        `spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: ${nothing}`,
        `spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: ${nothing}`,
      ],
    ],
    [
      "variables that hide others, unless they add to them",
      pod(
        {},
        {
          env: [
            { name: "A", value: "1" },
            { name: "A", value: "$(A)2" },
            { name: "A", value: "3" },
          ],
        },
      ),
      [`${at}.env[2]: hides previous definition of "A", which may be dropped when using apply`],
    ],
    [
      "ports that are there twice, or nearly",
      pod(
        {},
        {
          ports: [
            { containerPort: 80 },
            { containerPort: 80 },
            { containerPort: 90, hostPort: 90 },
            { containerPort: 90, hostPort: 90, hostIP: "10.0.0.1" },
            { containerPort: 90 },
            { containerPort: 70, hostIP: "10.0.0.1" },
          ],
        },
      ),
      [
        `${at}.ports[1]: duplicate port definition with ${at}.ports[0]`,
        `${at}.ports[3]: dangerously ambiguous port definition with ${at}.ports[2]`,
        `${at}.ports[4]: overlapping port definition with ${at}.ports[2]`,
        `${at}.ports[4]: overlapping port definition with ${at}.ports[3]`,
        `${at}.ports[5]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:70 Protocol:TCP HostIP:10.0.0.1}`,
      ],
    ],
    [
      "parts of bytes",
      pod({}, { resources: { limits: { memory: "100m" } } }),
      [
        `${at}.resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer`,
        `${at}.resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`,
      ],
    ],
    [
      "things named twice",
      pod({
        hostAliases: [{ ip: "1.1.1.1" }, { ip: "1.1.1.1" }],
        imagePullSecrets: [{ name: "a" }, { name: "a" }, {}],
      }),
      [
        'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        'spec.imagePullSecrets[1].name: duplicate name "a"',
        'spec.imagePullSecrets[2].name: invalid empty name ""',
      ],
    ],
    [
      "volumes of plugins that are gone, and files in each other's place",
      pod({
        volumes: [
          { name: "a", gitRepo: { repository: "x" } },
          {
            name: "b",
            configMap: {
              name: "c",
              items: [
                { key: "x", path: "dir" },
                { key: "y", path: "dir/file" },
              ],
            },
          },
          {
            name: "p",
            projected: {
              sources: [
                { serviceAccountToken: { path: "token" } },
                { secret: { name: "s", items: [{ key: "x", path: "token" }] } },
              ],
            },
          },
        ],
      }),
      [
        "spec.volumes[0].gitRepo: deprecated in v1.11",
        'volume "b" (ConfigMap "c"): overlapping paths: "dir/file" with "dir"',
      ],
    ],
    [
      "a negative time",
      pod({ terminationGracePeriodSeconds: -1 }),
      [
        "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
      ],
    ],
    [
      "annotations without effect",
      { ...pod(), metadata: { annotations: { "container.apparmor.security.beta.kubernetes.io/app": "x" } } },
      [
        'metadata.annotations[container.apparmor.security.beta.kubernetes.io/app]: deprecated since v1.30; use the "appArmorProfile" field instead',
      ],
    ],
    [
      "a name with dots",
      { ...pod(), metadata: { name: "a.b" } },
      [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      ],
    ],
  ])("%s", (_, body, expected) => {
    expect(warnings(pods, body as never)).toEqual(expected);
  });

  test("not when it changes", () => {
    const change = (object: { metadata: { generation?: number | undefined } }): void => {
      object.metadata.generation = 2;
    };
    expect(warnings(pods, pod({ terminationGracePeriodSeconds: -1 }) as never, change)).toEqual([]);
  });
});

test("of a workload: when it is new and when its spec changes, not for the rest", () => {
  const labels = { app: "web" };
  const template = { metadata: { labels }, ...pod({ nodeSelector: { "beta.kubernetes.io/os": "linux" } }) };
  const body = { spec: { selector: { matchLabels: labels }, template } };
  const expected = [
    'spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
  ];
  expect(warnings(deployments, body)).toEqual(expected);
  expect(warnings(deployments, body, (d) => void (d.metadata.generation = 2))).toEqual(expected);
  expect(warnings(deployments, body, (d) => void (d.metadata.labels = labels))).toEqual([]);
});
