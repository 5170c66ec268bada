import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { importPKCS8, SignJWT } from "jose";
import type { TokenSigner } from "./controllers/service-account-tokens.ts";

/** What the process is given by its environment and files, as docs/processes.md says. */
export interface Settings {
  readonly podCidr: string;
  /** Of the cluster's own helper pods. */
  readonly image: string;
  readonly addonsDirectory: string | undefined;
  readonly nodeGraceMs: number;
  readonly rootCa: string;
  readonly signToken: TokenSigner;
  /** The CA that signs certificate requests, as PEM. */
  readonly caKey: string;
}

const DEFAULT_GRACE_SECONDS = 40;

export async function readSettings(env: NodeJS.ProcessEnv): Promise<Settings> {
  const pki = env["CORACLE_PKI"] ?? "/pki";
  const file = (name: string): Promise<string> => readFile(join(pki, name), "utf8");
  const [rootCa, caKey, tokenKey] = await Promise.all([file("ca.crt"), file("ca.key"), file("sa.key")]);
  const grace = Number(env["CORACLE_NODE_MONITOR_GRACE"] || DEFAULT_GRACE_SECONDS);
  if (!(grace > 0)) throw new Error("CORACLE_NODE_MONITOR_GRACE must be a number of seconds above zero");
  return {
    podCidr: env["CORACLE_POD_CIDR"] ?? "10.244.0.0/16",
    image: env["CORACLE_IMAGE"] ?? "coracle/coracle:dev",
    addonsDirectory: env["CORACLE_ADDONS"] || undefined,
    nodeGraceMs: grace * 1000,
    rootCa,
    caKey,
    signToken: await createTokenSigner(tokenKey),
  };
}

/** Signs with the ServiceAccount key; tokens kept in Secrets do not expire, as upstream's. */
export async function createTokenSigner(pem: string): Promise<TokenSigner> {
  const key = await importPKCS8(pem, "ES256");
  return (claims) => new SignJWT({ ...claims }).setProtectedHeader({ alg: "ES256" }).sign(key);
}
