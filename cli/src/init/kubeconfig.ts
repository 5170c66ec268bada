import { parse, stringify } from "yaml";
import type { Authority, CertificateRequest, KeyPairPem } from "./authority.ts";

const ADMIN: CertificateRequest = {
  commonName: "kubernetes-admin",
  organizations: ["system:masters"],
  usage: "client",
};

interface Kubeconfig {
  clusters?: { cluster?: { server?: string; "certificate-authority-data"?: string } }[];
  users?: { user?: { "client-certificate-data"?: string; "client-key-data"?: string } }[];
}

const encode = (text: string): string => Buffer.from(text).toString("base64");
const decode = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : Buffer.from(text, "base64").toString();

async function isGood(text: string, server: string, authority: Authority): Promise<boolean> {
  const config = parse(text) as Kubeconfig | null;
  const cluster = config?.clusters?.[0]?.cluster;
  const user = config?.users?.[0]?.user;
  const crt = decode(user?.["client-certificate-data"]);
  const key = decode(user?.["client-key-data"]);
  return (
    cluster?.server === server &&
    cluster["certificate-authority-data"] === encode(authority.crt) &&
    authority.isGood({ ...(crt && { crt }), ...(key && { key }) }, ADMIN)
  );
}

function render(name: string, server: string, authority: Authority, admin: KeyPairPem): string {
  const user = `${name}-admin`;
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server, "certificate-authority-data": encode(authority.crt) } }],
    contexts: [{ name, context: { cluster: name, user } }],
    users: [
      {
        name: user,
        user: { "client-certificate-data": encode(admin.crt), "client-key-data": encode(admin.key) },
      },
    ],
  });
}

/** The administrator's kubeconfig: the one given while it is good, else a new one. */
export async function adminKubeconfig(
  stored: string | undefined,
  cluster: { name: string; server: string },
  authority: Authority,
): Promise<string> {
  if (stored !== undefined && (await isGood(stored, cluster.server, authority))) return stored;
  return render(cluster.name, cluster.server, authority, await authority.issue(ADMIN));
}
