import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Client } from "@coracle/shared/client/client.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { createAccess } from "./access.ts";
import { createServingCertificate } from "./certificate.ts";
import { serveKubelet } from "./server.ts";

export interface StartOptions {
  readonly node: string;
  readonly address: string;
  readonly port: number;
  /** The directory with the cluster's `ca.crt`. */
  readonly pki: string;
  readonly client: Client;
  readonly connect: () => Socket;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Opens the kubelet's own port in the background. A node without it still runs its pods: what goes wrong is only told. */
export function startKubeletServer(options: StartOptions): void {
  const { log, signal } = options;
  open(options).catch((error: unknown) => {
    if (!signal.aborted)
      log.error({ err: error, port: options.port }, "the kubelet's own port is not served");
  });
}

async function open({ node, address, pki, client, ...rest }: StartOptions): Promise<void> {
  const [certificate, authority] = await Promise.all([
    createServingCertificate({ node, addresses: [address, "127.0.0.1"] }),
    readFile(join(pki, "ca.crt"), "utf8"),
  ]);
  const access = createAccess(client, node, () => performance.now());
  await serveKubelet({ ...rest, host: "0.0.0.0", certificate, authority, access });
}
