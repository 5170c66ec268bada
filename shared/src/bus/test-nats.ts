import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { promisify } from "node:util";
import { usernamePasswordAuthenticator } from "nats";
import { connectBus, type Bus } from "./connect.ts";
import { permissionsFor } from "./permissions.ts";

/** A broker of its own for a test, with the permissions of the real one. */
export interface TestNats {
  readonly url: string;
  /** A connection as one of the cluster's identities. */
  connect(identity: string): Promise<Bus>;
  /** kill -9, and start again on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** It hangs: connections stay open and nothing moves. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  remove(): Promise<void>;
}

const run = promisify(execFile);
const PASSWORD = "test";

/** Runs the image `nats:2` with one user per identity. */
export async function startTestNats(identities: readonly string[]): Promise<TestNats> {
  // There is no registry to pull the reaper from; remove() cleans up.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  const { GenericContainer, Wait } = await import("testcontainers");
  const port = await freePort();
  const container = await new GenericContainer("nats:2")
    .withExposedPorts({ container: 4222, host: port })
    .withCopyContentToContainer([{ content: configOf(identities), target: "/tmp/nats.conf" }])
    .withCommand(["-c", "/tmp/nats.conf"])
    .withWaitStrategy(Wait.forLogMessage("Server is ready"))
    .start();
  const docker = async (verb: string): Promise<void> => void (await run("docker", [verb, container.getId()]));
  const url = `nats://127.0.0.1:${port}`;
  const connected: Bus[] = [];
  return {
    url,
    connect: async (identity) => {
      const authenticator = usernamePasswordAuthenticator(identity, PASSWORD);
      const bus = await connectBus({ servers: url, identity, authenticator });
      connected.push(bus);
      return bus;
    },
    kill: () => docker("kill"),
    start: () => docker("start"),
    pause: () => docker("pause"),
    resume: () => docker("unpause"),
    remove: async () => {
      await Promise.all(connected.map((bus) => bus.nc.close()));
      await container.stop({ remove: true, removeVolumes: true, timeout: 0 });
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

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
