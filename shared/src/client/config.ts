import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";

/** Where an API server is and as whom to speak to it. */
export interface HttpsConfig {
  /** `https://10.96.0.1:443` */
  readonly server: string;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The bearer token of the next request; files are read again when they have changed. */
  readonly token?: (() => Promise<string>) | undefined;
  /** The certificate's name, where it is not the server's. */
  readonly serverName?: string | undefined;
  readonly insecure?: boolean | undefined;
}

const MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN_CHECK_MS = 10_000;

/** A token in a file that the kubelet renews. The file is looked at every ten seconds at most. */
export function tokenFromFile(
  file: string,
  now: () => number = () => performance.now(),
): () => Promise<string> {
  let token = "";
  let changed = -1;
  let checked = -Infinity;
  return async () => {
    if (token && now() - checked < TOKEN_CHECK_MS) return token;
    const { mtimeMs } = await stat(file);
    if (mtimeMs !== changed || !token) token = (await readFile(file, "utf8")).trim();
    changed = mtimeMs;
    checked = now();
    return token;
  };
}

/** A pod's own configuration, from its ServiceAccount mount and the service environment. */
export async function inClusterConfig(
  env: NodeJS.ProcessEnv = process.env,
  mount: string = MOUNT,
): Promise<HttpsConfig> {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT_HTTPS"] ?? env["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (!host) throw new Error("not in a cluster: KUBERNETES_SERVICE_HOST is not set");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca: await readFile(join(mount, "ca.crt"), "utf8"),
    token: tokenFromFile(join(mount, "token")),
  };
}

interface NamedEntry<K extends string, V> {
  readonly entries: readonly (Readonly<Record<K, V>> & { readonly name: string })[] | undefined;
}
interface Cluster {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "tls-server-name"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
}
interface User {
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}
interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: NamedEntry<"context", { readonly cluster: string; readonly user: string }>["entries"];
  readonly clusters?: NamedEntry<"cluster", Cluster>["entries"];
  readonly users?: NamedEntry<"user", User>["entries"];
}

/** The configuration of a kubeconfig's context, by default its current one. Plugins (exec, auth-provider) are not supported. */
export async function kubeconfig(file: string, context?: string): Promise<HttpsConfig> {
  const config = parse(await readFile(file, "utf8")) as Kubeconfig;
  const name = context ?? config["current-context"];
  const chosen = config.contexts?.find((c) => c.name === name)?.context;
  const cluster = config.clusters?.find((c) => c.name === chosen?.cluster)?.cluster;
  if (!chosen || !cluster?.server) throw new Error(`the kubeconfig has no usable context ${name ?? ""}`);
  const user: User = config.users?.find((u) => u.name === chosen.user)?.user ?? {};
  const text = async (data: string | undefined, path: string | undefined): Promise<string | undefined> =>
    data
      ? Buffer.from(data, "base64").toString()
      : path
        ? await readFile(resolve(dirname(file), path), "utf8")
        : undefined;
  const { token, tokenFile } = user;
  return {
    server: cluster.server,
    ca: await text(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    cert: await text(user["client-certificate-data"], user["client-certificate"]),
    key: await text(user["client-key-data"], user["client-key"]),
    token: tokenFile ? tokenFromFile(tokenFile) : token ? () => Promise.resolve(token) : undefined,
    serverName: cluster["tls-server-name"],
    insecure: cluster["insecure-skip-tls-verify"],
  };
}
