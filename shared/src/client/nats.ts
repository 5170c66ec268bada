import type { Bus } from "../bus/connect.ts";
import type { Client } from "./client.ts";
import { createNatsTransport } from "./nats-transport.ts";
import { createRestClient } from "./rest.ts";
import { withRetries, type RetryOptions } from "./retry.ts";

/** The Kubernetes API over the bus, under the bus identity's own user. Lives as long as the bus connection. */
export const createNatsClient = (bus: Bus, options?: RetryOptions): Client =>
  createRestClient(withRetries(createNatsTransport(bus), options));
