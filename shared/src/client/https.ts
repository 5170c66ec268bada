import type { Client } from "./client.ts";
import type { HttpsConfig } from "./config.ts";
import { createHttpsTransport, type HttpsTransport } from "./https-transport.ts";
import { createRestClient } from "./rest.ts";
import { withRetries, type RetryOptions } from "./retry.ts";

export { inClusterConfig, kubeconfig, type HttpsConfig } from "./config.ts";

export interface HttpsClient extends Client {
  /** For what streams: watches. */
  readonly transport: HttpsTransport;
  close(): void;
}

/** The Kubernetes API over HTTPS: for pods (`inClusterConfig`) and for tests and tools (`kubeconfig`). */
export function createHttpsClient(config: HttpsConfig, options?: RetryOptions): HttpsClient {
  const transport = createHttpsTransport(config);
  return {
    ...createRestClient(withRetries(transport.send, options)),
    transport,
    close: () => transport.close(),
  };
}
