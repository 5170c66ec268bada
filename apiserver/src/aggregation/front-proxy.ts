/** How this server proves to others that it speaks for its users. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { UserInfo } from "../request.ts";

export interface FrontProxy {
  /** The authority that extension servers are to trust for user headers. */
  readonly ca: string;
  readonly client: { readonly cert: string; readonly key: string };
}

/** Made by `init`; absent in a cluster that is older than this. */
export function readFrontProxy(pki: string): FrontProxy | undefined {
  try {
    const read = (name: string): string => readFileSync(join(pki, name), "utf8");
    return {
      ca: read("front-proxy-ca.crt"),
      client: { cert: read("front-proxy-client.crt"), key: read("front-proxy-client.key") },
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** What extension servers read to know whom to trust. */
export const authenticationConfigMap = (
  clientCa: string,
  frontProxy: FrontProxy | undefined,
): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "extension-apiserver-authentication", namespace: "kube-system" },
  data: {
    "client-ca-file": clientCa,
    ...(frontProxy
      ? {
          "requestheader-client-ca-file": frontProxy.ca,
          "requestheader-allowed-names": JSON.stringify(["front-proxy-client"]),
          "requestheader-extra-headers-prefix": JSON.stringify(["X-Remote-Extra-"]),
          "requestheader-group-headers": JSON.stringify(["X-Remote-Group"]),
          "requestheader-uid-headers": JSON.stringify(["X-Remote-Uid"]),
          "requestheader-username-headers": JSON.stringify(["X-Remote-User"]),
        }
      : {}),
  },
});

/** The headers that say who asks. */
export function identityHeaders({
  username,
  uid,
  groups,
  extra,
}: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { "X-Remote-User": username };
  if (uid) headers["X-Remote-Uid"] = uid;
  if (groups.length > 0) headers["X-Remote-Group"] = [...groups];
  for (const [key, values] of Object.entries(extra ?? {}))
    headers[`X-Remote-Extra-${encodeURIComponent(key.toLowerCase())}`] = [...values];
  return headers;
}
