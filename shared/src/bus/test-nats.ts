import { usernamePasswordAuthenticator } from "nats";
import { startTestContainer, type TestContainer } from "../testing/container.ts";
import { connectBus, type Bus } from "./connect.ts";
import { permissionsFor } from "./permissions.ts";

/** A broker of its own for a test, with the permissions of the real one. */
export interface TestNats extends TestContainer {
  readonly url: string;
  /** A connection as one of the cluster's identities. */
  connect(identity: string): Promise<Bus>;
}

const PASSWORD = "test";

/** Runs the image `nats:2` with one user per identity. */
export async function startTestNats(identities: readonly string[]): Promise<TestNats> {
  const container = await startTestContainer({
    image: "nats:2",
    port: 4222,
    files: [{ content: configOf(identities), target: "/tmp/nats.conf" }],
    command: ["-c", "/tmp/nats.conf"],
    ready: "Server is ready",
  });
  const url = `nats://127.0.0.1:${container.port}`;
  const connected: Bus[] = [];
  return {
    ...container,
    url,
    connect: async (identity) => {
      const authenticator = usernamePasswordAuthenticator(identity, PASSWORD);
      const bus = await connectBus({ servers: url, identity, authenticator });
      connected.push(bus);
      return bus;
    },
    remove: async () => {
      await Promise.all(connected.map((bus) => bus.nc.close()));
      await container.remove();
    },
  };
}

function configOf(identities: readonly string[]): string {
  const users = identities.map((user) => {
    const { publish, subscribe } = permissionsFor(user);
    return {
      user,
      password: PASSWORD,
      permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } },
    };
  });
  return JSON.stringify({ port: 4222, max_payload: 1_048_576, authorization: { users } }).slice(1, -1);
}
