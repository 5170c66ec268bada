import { copyFile, chmod, chown, mkdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import { stringify } from "yaml";
import { type Authority, type CertificateRequest, openAuthority } from "./authority.ts";
import { accountPublicKey, areCredentialsGood, brokerConfig, isConfigOf, mintCredentials } from "./bus.ts";
import { type Directory, MASTER, openDirectory, PUBLIC, SECRET, type WriteOptions } from "./files.ts";
import { adminKubeconfig } from "./kubeconfig.ts";
import { redisConfig, redisUsers } from "./redis.ts";
import { type EncryptionKey, openSecrets, type Rotation, type Secrets } from "./secrets.ts";

export interface InitOptions {
  /** Holds one directory per component: the volumes. */
  readonly volumes: string;
  /** Where the administrator's kubeconfig goes. */
  readonly state: string;
  readonly cluster: string;
  /** The URL that the kubeconfig names. */
  readonly server: string;
  /** Further names and addresses of the API server. */
  readonly serverNames: readonly string[];
  readonly domain: string;
  /** The address of the Service `kubernetes`. */
  readonly serviceAddress: string;
  /** The health check's binary, shared with the images that are not ours. */
  readonly probe?: string | undefined;
  /** Changes the keys that Secrets are encrypted with. */
  readonly rotation?: Rotation | undefined;
  readonly log: Logger;
  /** Off in tests, which are not root. */
  readonly setOwners?: boolean;
}

/** The users that components run as. The kubelet is root. */
export const COMPONENT_UIDS = {
  apiserver: 10001,
  "controller-manager": 10002,
  scheduler: 10003,
  redis: 10004,
  nats: 10005,
  kubelet: 0,
} as const;
type Component = keyof typeof COMPONENT_UIDS;

const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name);

function certificates(options: InitOptions): Record<string, [Component, string, CertificateRequest]> {
  const { domain, serverNames, serviceAddress } = options;
  const server = (commonName: string, names: readonly string[]): CertificateRequest => ({
    commonName,
    dnsNames: names.filter((name) => !isAddress(name)),
    ipAddresses: names.filter(isAddress),
    usage: "server",
  });
  const client = (commonName: string): CertificateRequest => ({ commonName, usage: "client" });
  const kubernetes = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    `kubernetes.default.svc.${domain}`,
  ];
  const local = ["localhost", "127.0.0.1"];
  return {
    serving: [
      "apiserver",
      "tls",
      server("kube-apiserver", [...kubernetes, "apiserver", ...local, serviceAddress, ...serverNames]),
    ],
    redisClient: ["apiserver", "redis-client", client("apiserver")],
    controllerManager: ["controller-manager", "tls", client("system:kube-controller-manager")],
    scheduler: ["scheduler", "tls", client("system:kube-scheduler")],
    redis: ["redis", "tls", server("redis", ["redis", ...local])],
    nats: ["nats", "tls", server("nats", ["nats", ...local])],
  };
}

const encryptionConfig = (keys: readonly EncryptionKey[]): string =>
  stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        providers: [{ aesgcm: { keys } }, { identity: {} }],
      },
    ],
  });

class Initializer {
  readonly changed: string[] = [];
  readonly #options: InitOptions;
  readonly #directories = new Map<string, Promise<Directory>>();

  constructor(options: InitOptions) {
    this.#options = options;
  }

  open(component: Component | "ca"): Promise<Directory> {
    const uid = component === "ca" ? 0 : COMPONENT_UIDS[component];
    const known = this.#directories.get(component);
    if (known !== undefined) return known;
    const path = join(this.#options.volumes, component);
    const opened = openDirectory(path, this.#options.setOwners === false ? undefined : uid);
    this.#directories.set(component, opened);
    return opened;
  }

  async write(component: Component | "ca", name: string, content: string, mode: WriteOptions): Promise<void> {
    const directory = await this.open(component);
    if (await directory.write(name, content, mode)) this.changed.push(`${component}/${name}`);
  }

  async authority(): Promise<Authority> {
    const ca = await this.open("ca");
    const crt = await ca.read("ca.crt");
    const key = await ca.read("ca.key");
    const authority = await openAuthority({ ...(crt && { crt }), ...(key && { key }) });
    await this.write("ca", "ca.key", authority.key, MASTER);
    await this.write("ca", "ca.crt", authority.crt, MASTER);
    for (const component of Object.keys(COMPONENT_UIDS) as Component[])
      await this.write(component, "ca.crt", authority.crt, PUBLIC);
    await this.write("controller-manager", "ca.key", authority.key, SECRET);
    return authority;
  }

  /** Extension servers believe what the holder of this authority's certificate says about users, and nobody else. */
  async frontProxy(): Promise<void> {
    const ca = await this.open("ca");
    const crt = await ca.read("front-proxy-ca.crt");
    const key = await ca.read("front-proxy-ca.key");
    const stored = { ...(crt && { crt }), ...(key && { key }) };
    const authority = await openAuthority(stored, new Date(), "coracle-front-proxy");
    await this.write("ca", "front-proxy-ca.key", authority.key, MASTER);
    await this.write("ca", "front-proxy-ca.crt", authority.crt, MASTER);
    await this.write("apiserver", "front-proxy-ca.crt", authority.crt, PUBLIC);
    const request = { commonName: "front-proxy-client", usage: "client" } as const;
    await this.certificate(authority, ["apiserver", "front-proxy-client", request]);
  }

  async certificate(
    authority: Authority,
    [component, name, request]: [Component, string, CertificateRequest],
  ): Promise<void> {
    const directory = await this.open(component);
    const crt = await directory.read(`${name}.crt`);
    const key = await directory.read(`${name}.key`);
    if (await authority.isGood({ ...(crt && { crt }), ...(key && { key }) }, request)) return;
    const pair = await authority.issue(request);
    await this.write(component, `${name}.key`, pair.key, SECRET);
    await this.write(component, `${name}.crt`, pair.crt, PUBLIC);
  }

  async credentials(component: Component, file: string, identity: string, { bus }: Secrets): Promise<void> {
    const present = await (await this.open(component)).read(file);
    if (areCredentialsGood(present, identity, bus)) return;
    await this.write(component, file, await mintCredentials(identity, bus), SECRET);
  }

  async bus(secrets: Secrets): Promise<void> {
    const config = await (await this.open("nats")).read("nats.conf");
    if (!isConfigOf(config, secrets.bus))
      await this.write("nats", "nats.conf", await brokerConfig(secrets.bus), SECRET);
    await this.write("apiserver", "nats-account.seed", `${secrets.bus.accountSigning}\n`, SECRET);
    await this.write("apiserver", "nats-account.pub", `${accountPublicKey(secrets.bus)}\n`, PUBLIC);
    for (const component of ["apiserver", "controller-manager", "scheduler"] as const)
      await this.credentials(component, "nats.creds", component, secrets);
    await this.credentials("kubelet", "nats.creds", "bootstrap", secrets);
    await this.credentials("apiserver", "addons/kube-proxy.creds", "kube-proxy", secrets);
  }

  async tokens(secrets: Secrets): Promise<void> {
    for (const component of ["apiserver", "controller-manager"] as const) {
      await this.write(component, "sa.key", secrets.serviceAccountKey, SECRET);
      await this.write(component, "sa.pub", secrets.serviceAccountPublicKey, PUBLIC);
    }
    for (const component of ["apiserver", "kubelet"] as const)
      await this.write(component, "bootstrap-token", `${secrets.bootstrapToken}\n`, SECRET);
    await this.write("apiserver", "encryption.yaml", encryptionConfig(secrets.encryptionKeys), SECRET);
    await this.write("apiserver", "redis.password", `${secrets.redisPassword}\n`, SECRET);
    await this.write("redis", "redis.conf", redisConfig, PUBLIC);
    await this.write("redis", "users.acl", redisUsers(secrets.redisPassword), SECRET);
  }

  async kubeconfig(authority: Authority): Promise<void> {
    const { state, cluster, server, setOwners } = this.#options;
    const directory = await openDirectory(state);
    const text = await adminKubeconfig(
      await directory.read("kubeconfig"),
      { name: cluster, server },
      authority,
    );
    // The checkout's owner is who will use it; the process runs as root.
    const owner = setOwners === false ? undefined : (await stat(state)).uid;
    if (await directory.write("kubeconfig", text, { mode: 0o600, uid: owner }))
      this.changed.push("kubeconfig");
  }

  async shared(): Promise<void> {
    const { volumes, probe, setOwners } = this.#options;
    if (probe !== undefined) {
      const target = join(volumes, "bin/probe");
      await mkdir(dirname(target), { recursive: true });
      // A running health check keeps the old file busy; the new one takes its name.
      await copyFile(probe, `${target}.new`);
      await chmod(`${target}.new`, 0o555);
      await rename(`${target}.new`, target);
    }
    if (setOwners !== false) {
      const data = join(volumes, "redis-data");
      await mkdir(data, { recursive: true });
      await chown(data, COMPONENT_UIDS.redis, COMPONENT_UIDS.redis);
    }
  }
}

/**
 * Makes whatever a cluster needs before its processes start, and leaves alone what is still good.
 * Returns the files that were written.
 */
export async function initialize(options: InitOptions): Promise<readonly string[]> {
  const init = new Initializer(options);
  const secrets = await openSecrets(await init.open("ca"), options.rotation);
  const authority = await init.authority();
  await Promise.all([
    ...Object.values(certificates(options)).map((certificate) => init.certificate(authority, certificate)),
    init.frontProxy(),
    init.bus(secrets),
    init.tokens(secrets),
    init.kubeconfig(authority),
    init.shared(),
  ]);
  return init.changed;
}
