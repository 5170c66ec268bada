import type { ConfigMap, Pod, Secret } from "@coracle/shared/api/generated/core-v1.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseResolvConf, podHostname, podHosts, podResolvConf, printResolvConf } from "./dns.ts";
import { ConfigError, makeEnvironment, type References } from "./env.ts";
import { parseEnvFile } from "./env-file.ts";
import { expand, unresolvedReferences } from "./expand.ts";
import { parseUsers } from "../images/users.ts";
import { fieldValue, resourceValue } from "./fields.ts";
import { containerResources, cpuShares, oomScore } from "./resources.ts";
import { containerSecurity } from "./security.ts";
import { serviceEnvironment } from "./service-env.ts";

const pod = (spec: Partial<NonNullable<Pod["spec"]>> = {}, metadata: Pod["metadata"] = {}): Pod => ({
  metadata: { name: "web", namespace: "shop", uid: "u-1", ...metadata },
  spec: { containers: [{ name: "main" }], ...spec },
});
const known = new Map([
  ["A", "1"],
  ["EMPTY", ""],
]);
const lookup = (name: string): string | undefined => known.get(name);

describe("references in values", () => {
  test.each([
    ["$(A)", "1"],
    ["x$(A)y$(A)", "x1y1"],
    ["$(EMPTY)|", "|"],
    ["$(B)", "$(B)"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$A $", "$A $"],
    ["$(A", "$(A"],
    ["$(echo hi)", "$(echo hi)"],
  ])("%s becomes %s", (text, wanted) => expect(expand(text, lookup)).toBe(wanted));

  test("a text without a dollar is never changed", () =>
    fc.assert(
      fc.property(
        fc.string().filter((s) => !s.includes("$")),
        (s) => expand(s, lookup) === s,
      ),
    ));

  test("unknown names are told, each once", () =>
    expect(unresolvedReferences("$(A)/$(C)/$(B)/$(C)", lookup)).toEqual(["B", "C"]));
});

describe("the environment", () => {
  const configMap: ConfigMap = { metadata: {}, data: { colour: "blue", "bad=key": "x" } };
  const secret: Secret = { metadata: {}, data: { password: Buffer.from("s3cr3t").toString("base64") } };
  const references: References = {
    configMap: (_, name) => Promise.resolve(name === "settings" ? configMap : undefined),
    secret: (_, name) => Promise.resolve(name === "keys" ? secret : undefined),
  };
  const files: Record<string, string> = { "v/app.env": "# made by init\nURL = 'http://a?b=c'\n" };
  const make = (container: Parameters<typeof makeEnvironment>[0]["container"]) =>
    makeEnvironment({
      pod: pod(),
      container,
      references,
      file: (volume, path) => Promise.resolve(files[`${volume}/${path}`]),
      services: new Map([
        ["KUBERNETES_SERVICE_HOST", "10.96.0.1"],
        ["A", "service"],
      ]),
      addresses: { podIPs: ["10.244.1.2"], hostIPs: ["172.30.0.4"] },
      allocatable: { cpu: "2", memory: "1Gi" },
    });

  test("env wins over envFrom, envFrom over services, and each may refer to the ones before", async () => {
    const { variables, skipped } = await make({
      name: "main",
      envFrom: [{ prefix: "P_", configMapRef: { name: "settings" } }],
      env: [
        { name: "A", value: "own" },
        { name: "B", value: "$(A)-$(P_colour)-$(KUBERNETES_SERVICE_HOST)-$(LATER)" },
        { name: "LATER", value: "x" },
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "PW", valueFrom: { secretKeyRef: { name: "keys", key: "password" } } },
      ],
    });
    expect(Object.fromEntries(variables)).toEqual({
      P_colour: "blue",
      A: "own",
      B: "own-blue-10.96.0.1-$(LATER)",
      LATER: "x",
      IP: "10.244.1.2",
      PW: "s3cr3t",
      KUBERNETES_SERVICE_HOST: "10.96.0.1",
    });
    expect(skipped).toEqual([{ source: "configMap shop/settings", keys: ["P_bad=key"] }]);
  });

  test("what is missing is an error, unless it is optional", async () => {
    const of = (optional: boolean) => [
      { name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "none", optional } } },
    ];
    await expect(make({ name: "main", env: of(false) })).rejects.toThrow(
      new ConfigError("couldn't find key none in ConfigMap shop/settings"),
    );
    expect((await make({ name: "main", env: of(true) })).variables.has("X")).toBe(false);
    await expect(make({ name: "main", envFrom: [{ secretRef: { name: "none" } }] })).rejects.toThrow(
      new ConfigError('secret "none" not found'),
    );
  });

  test("a file of a volume gives values, and one that does not is an error unless it is optional", async () => {
    const of = (path: string, key: string, optional: boolean) =>
      make({
        name: "main",
        env: [{ name: "X", valueFrom: { fileKeyRef: { volumeName: "v", path, key, optional } } }],
      });
    expect((await of("app.env", "URL", false)).variables.get("X")).toBe("http://a?b=c");
    expect((await of("app.env", "NONE", true)).variables.has("X")).toBe(false);
    expect((await of("none.env", "URL", true)).variables.has("X")).toBe(false);
    await expect(of("app.env", "NONE", false)).rejects.toThrow(ConfigError);
    await expect(of("none.env", "URL", false)).rejects.toThrow(ConfigError);
  });

  test("a file of variables is read strictly", () => {
    const text = "\n  A='one'\n# B='no'\n\tC =  'two\n lines # and all'  \nD=''";
    expect([...parseEnvFile(text)]).toEqual([
      ["A", "one"],
      ["C", "two\n lines # and all"],
      ["D", ""],
    ]);
    expect(parseEnvFile("# nothing").size).toBe(0);
    for (const wrong of ["A=b", 'A="b"', "A='b' c", "A='b", "A", "='b'"])
      expect(() => parseEnvFile(`X='1'\n${wrong}`)).toThrow("line 2");
  });

  test("services of the namespace are linked, the API's always", () => {
    const service = (name: string, namespace: string, clusterIP: string) => ({
      metadata: { name, namespace },
      spec: { clusterIP, ports: [{ name: "http", port: 80, protocol: "TCP" }] },
    });
    const services = [
      service("kubernetes", "default", "10.96.0.1"),
      service("my-db", "shop", "10.96.0.7"),
      service("headless", "shop", "None"),
      service("other", "elsewhere", "10.96.0.8"),
    ];
    const all = serviceEnvironment(services, "shop", true);
    expect(all.get("MY_DB_SERVICE_HOST")).toBe("10.96.0.7");
    expect(all.get("MY_DB_SERVICE_PORT_HTTP")).toBe("80");
    expect(all.get("MY_DB_PORT_80_TCP_ADDR")).toBe("10.96.0.7");
    expect(all.get("MY_DB_PORT")).toBe("tcp://10.96.0.7:80");
    expect([...all.keys()].some((k) => k.startsWith("OTHER") || k.startsWith("HEADLESS"))).toBe(false);
    const unlinked = serviceEnvironment(services, "shop", false);
    expect(unlinked.get("KUBERNETES_SERVICE_HOST")).toBe("10.96.0.1");
    expect(unlinked.has("MY_DB_SERVICE_HOST")).toBe(false);
  });
});

describe("the downward API", () => {
  const addresses = { podIPs: ["10.244.1.2"], hostIPs: ["172.30.0.4"] };
  test("labels are sorted and quoted, one is read by its key", () => {
    const labelled = pod({}, { labels: { b: "2", a: 'say "hi"' } });
    expect(fieldValue(labelled, { fieldPath: "metadata.labels" }, addresses)).toBe('a="say \\"hi\\""\nb="2"');
    expect(fieldValue(labelled, { fieldPath: "metadata.labels['b']" }, addresses)).toBe("2");
  });
  test("amounts are divided and rounded up, and fall back to the node's", () => {
    const limited = pod({
      containers: [{ name: "main", resources: { limits: { cpu: "250m" }, requests: { memory: "64Mi" } } }],
    });
    const of = (resource: string, divisor?: string): string =>
      resourceValue(limited, { resource, divisor }, "main", { cpu: "2", memory: "1Gi" });
    expect(of("limits.cpu")).toBe("1");
    expect(of("limits.cpu", "1m")).toBe("250");
    expect(of("requests.memory", "1Mi")).toBe("64");
    expect(of("limits.memory", "1Mi")).toBe("1024");
    expect(() => of("limits.gold")).toThrow("unsupported");
  });
});

describe("names", () => {
  const node = parseResolvConf("search lan\nnameserver 9.9.9.9\noptions edns0\n");
  const conf = (spec: Partial<NonNullable<Pod["spec"]>>): string =>
    printResolvConf(
      podResolvConf({ pod: pod(spec), clusterDomain: "cluster.local", clusterDns: "10.96.0.10", node }),
    );
  test("the cluster's DNS comes first by default", () =>
    expect(conf({})).toBe(
      "search shop.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\noptions ndots:5\n",
    ));
  test("what resolvers would not read is left out, and told", () => {
    const fitted = (spec: Partial<NonNullable<Pod["spec"]>>) =>
      podResolvConf({ pod: pod(spec), clusterDomain: "cluster.local", clusterDns: "10.96.0.10", node });
    const nameservers = ["1.1.1.1", "1.1.1.2", "1.1.1.3"];
    const short = Array.from({ length: 32 }, (_, i) => `s${i}.zone`);
    const many = fitted({ dnsConfig: { nameservers, searches: short } });
    expect(many.servers).toEqual(["10.96.0.10", "1.1.1.1", "1.1.1.2"]);
    expect(many.searches).toHaveLength(32);
    expect(many.omissions).toEqual([
      "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 1.1.1.2",
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${many.searches.join(" ")}`,
    ]);
    const long = Array.from({ length: 10 }, (_, i) => `${i}${"x".repeat(249)}`);
    expect(fitted({ dnsPolicy: "None", dnsConfig: { nameservers, searches: long } }).searches).toEqual(
      long.slice(0, 8),
    );
    expect(fitted({}).omissions).toEqual([]);
  });
  test("a pod in the node's network has the node's, unless it asks otherwise", () => {
    expect(conf({ hostNetwork: true })).toBe("search lan\nnameserver 9.9.9.9\noptions edns0\n");
    expect(conf({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" })).toContain(
      "nameserver 10.96.0.10",
    );
  });
  test("dnsConfig adds servers and searches, and replaces options by name", () =>
    expect(
      conf({
        dnsPolicy: "ClusterFirst",
        dnsConfig: {
          nameservers: ["1.1.1.1"],
          searches: ["svc.cluster.local", "my.zone"],
          options: [{ name: "ndots", value: "2" }, { name: "rotate" }],
        },
      }),
    ).toBe(
      "search shop.svc.cluster.local svc.cluster.local cluster.local lan my.zone\nnameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:2 rotate\n",
    ));
  test("a subdomain gives a full name, long names are cut", () => {
    const named = pod({ hostname: "h", subdomain: "sub" });
    expect(podHostname(named, "cluster.local")).toEqual({
      hostname: "h",
      short: "h",
      fqdn: "h.sub.shop.svc.cluster.local",
    });
    expect(podHosts(named, ["10.244.1.2"], "cluster.local")).toContain(
      "10.244.1.2\th.sub.shop.svc.cluster.local\th\n",
    );
    const whole = pod({ hostname: "h", subdomain: "sub", setHostnameAsFQDN: true });
    expect(podHostname(whole, "cluster.local").hostname).toBe("h.sub.shop.svc.cluster.local");
    expect(podHosts(whole, ["10.244.1.2"], "cluster.local")).toBe(
      podHosts(named, ["10.244.1.2"], "cluster.local"),
    );
    const long = pod({}, { name: `${"a".repeat(62)}-b` });
    expect(podHostname(long, "cluster.local").hostname).toBe("a".repeat(62));
  });
});

describe("resources", () => {
  test("a cpu is 1024 shares and 100 ms of 100", () => {
    expect(cpuShares(1000)).toBe(1024);
    expect(cpuShares(0)).toBe(2);
    const resources = { limits: { cpu: "500m", memory: "64Mi" } };
    expect(containerResources(pod(), { resources }, {})).toEqual({
      cpuShares: 512,
      cpuQuota: 50_000,
      cpuPeriod: 100_000,
      memoryBytes: 67_108_864,
    });
  });
  test("who asked for more of the node's memory is ended later", () => {
    const burst = (memory: string) => {
      const container = { name: "main", resources: { requests: { memory } } };
      return oomScore(pod({ containers: [container] }), container, 1_000_000_000);
    };
    expect(burst("500M")).toBe(500);
    expect(burst("999M")).toBe(3);
    expect(burst("1")).toBe(999);
    expect(oomScore(pod(), { resources: {} }, 1)).toBe(1000);
    expect(oomScore(pod({ priorityClassName: "system-node-critical" }), { resources: {} }, 1)).toBe(-997);
    expect(oomScore(pod({ priorityClassName: "system-cluster-critical" }), { resources: {} }, 1)).toBe(1000);
  });
  test("a limit that the downward API does not find at the container is the pod's, or the node's", () => {
    const selector = { resource: "limits.memory", divisor: "1M" };
    const limits = { memory: "500M" };
    const whole = pod({ containers: [{ name: "a" }], resources: { limits } });
    expect(resourceValue(whole, selector, "a", { memory: "900M" })).toBe("500");
    expect(resourceValue(pod({ containers: [{ name: "a" }] }), selector, "a", { memory: "900M" })).toBe(
      "900",
    );
  });
  test("a sidecar is ended no sooner than the containers it serves", () => {
    const main = { name: "main", resources: { requests: { memory: "400M" } } };
    const sidecar = { name: "s", restartPolicy: "Always" };
    const both = pod({ containers: [main], initContainers: [sidecar] });
    expect(oomScore(both, sidecar, 1_000_000_000)).toBe(600);
  });
  test("what the pod has as a whole counts for containers that say nothing", () => {
    const whole = pod({
      containers: [{ name: "a" }, { name: "b", resources: { requests: { memory: "100M" } } }],
      resources: { requests: { memory: "500M" }, limits: { cpu: "1", memory: "1000M" } },
    });
    expect(containerResources(whole, { resources: {} }, {})).toMatchObject({
      cpuShares: 1024,
      cpuQuota: 100_000,
      memoryBytes: 1_000_000_000,
    });
    expect(containerResources(whole, { resources: { limits: { memory: "5M" } } }, {}).memoryBytes).toBe(
      5_000_000,
    );
    expect(oomScore(whole, { resources: {} }, 1_000_000_000)).toBe(800);
  });
});

describe("securityContext", () => {
  const secure = (
    spec: Partial<NonNullable<Pod["spec"]>>,
    own: NonNullable<NonNullable<Pod["spec"]>["containers"][0]["securityContext"]>,
    imageUser = "",
  ) =>
    containerSecurity({
      pod: pod(spec),
      container: { name: "main", securityContext: own },
      imageUser,
      imageUsers: () => Promise.resolve(parseUsers("app:x:1000:1001::/:/bin/sh\n", "extra:x:50000:app\n")),
      seccompFile: (path) => (path === "p.json" ? Promise.resolve("{}") : Promise.reject(new Error("none"))),
    });
  test("the container's word comes before the pod's", async () =>
    expect(
      await secure(
        { securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] } },
        { runAsUser: 5, capabilities: { drop: ["ALL"], add: ["CAP_NET_BIND_SERVICE"] } },
      ),
    ).toMatchObject({ user: "5:2", groups: ["4", "3"], capDrop: ["ALL"], capAdd: ["NET_BIND_SERVICE"] }));
  test("the groups that the image gives a user are the engine's to find, are added, or are left out", async () => {
    const groupsOf = async (own: object, policy?: string, imageUser?: string) => {
      const spec = { securityContext: { supplementalGroups: [60000], supplementalGroupsPolicy: policy } };
      const { user, groups } = await secure(spec, own, imageUser);
      return [user, ...groups];
    };
    expect(await groupsOf({ runAsUser: 1000 })).toEqual(["1000", "60000"]);
    expect(await groupsOf({ runAsUser: 1000, runAsGroup: 5 })).toEqual(["1000:5", "60000", "50000"]);
    expect(await groupsOf({ runAsUser: 1000, runAsGroup: 5 }, "Strict")).toEqual(["1000:5", "60000"]);
    expect(await groupsOf({ runAsUser: 1000 }, "Strict")).toEqual(["1000:1001", "60000"]);
    expect(await groupsOf({}, "Strict", "app")).toEqual(["app:1001", "60000"]);
    expect(await groupsOf({}, "Strict", "app:8")).toEqual(["app:8", "60000"]);
    expect(await groupsOf({ runAsUser: 9 }, "Strict", "app:8")).toEqual(["9:0", "60000"]);
  });
  test("root is refused where it must not be", async () => {
    await expect(secure({}, { runAsNonRoot: true })).rejects.toThrow(
      'container has runAsNonRoot and image will run as root (pod: "web_shop(u-1)", container: main)',
    );
    await expect(secure({}, { runAsNonRoot: true }, "app")).rejects.toThrow("non-numeric user (app)");
    await expect(secure({}, { runAsNonRoot: true, runAsUser: 0 })).rejects.toThrow("breaks non-root policy");
    expect((await secure({}, { runAsNonRoot: true }, "1000:1000")).user).toBeUndefined();
  });
  test("seccomp is the engine's, none, or a file of the node", async () => {
    const profile = (type: string, localhostProfile?: string) => ({
      seccompProfile: { type, localhostProfile },
    });
    expect((await secure({}, {})).seccomp).toBe("unconfined");
    expect((await secure({}, profile("RuntimeDefault"))).seccomp).toBeUndefined();
    expect((await secure({}, profile("Localhost", "p.json"))).seccomp).toBe("{}");
    await expect(secure({}, profile("Localhost", "no.json"))).rejects.toThrow(
      "failed to load seccomp profile",
    );
  });
});
