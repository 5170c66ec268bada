import { once } from "node:events";
import { createServer } from "node:net";

/** A server of its own for a test, in a container that can be made to fail. Its port stays the same throughout. */
export interface TestContainer {
  /** On this machine. */
  readonly port: number;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, with the files it had. */
  start(): Promise<void>;
  /** It hangs: connections stay open and nothing moves. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  remove(): Promise<void>;
}

export interface TestContainerOptions {
  /** Made by `./coracle images`. */
  readonly image: string;
  readonly port: number;
  readonly command: readonly string[];
  readonly files?: readonly { readonly content: string; readonly target: string }[];
  /** What the server writes when it is ready. */
  readonly ready: string;
}

/** Starts a container and waits until its server is ready. */
export async function startTestContainer(options: TestContainerOptions): Promise<TestContainer> {
  // The reaper's image is none of ours and there may be no registry to pull it from; remove() cleans up.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import("testcontainers");
  const port = await freePort();
  const started = await new GenericContainer(options.image)
    .withExposedPorts({ container: options.port, host: port })
    .withCopyContentToContainer([...(options.files ?? [])])
    .withCommand([...options.command])
    .withWaitStrategy(Wait.forLogMessage(options.ready))
    .start();
  const container = (await getContainerRuntimeClient()).container.getById(started.getId());
  return {
    port,
    kill: async () => void (await container.kill()),
    start: async () => void (await container.start()),
    pause: async () => void (await container.pause()),
    resume: async () => void (await container.unpause()),
    remove: async () => void (await started.stop({ remove: true, removeVolumes: true, timeout: 0 })),
  };
}

/**
 * A port that nobody listens on. It lies below those that the system gives to outgoing connections: a client that keeps trying
 * one of those while the server is down may at last connect to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    try {
      const listening = once(probe, "listening");
      probe.listen(port);
      await listening;
    } catch {
      continue;
    }
    probe.close();
    await once(probe, "close");
    return port;
  }
}
