/** Reading an image's files, which the engine gives only of a container: one is made for that, and never runs. */
import type Docker from "dockerode";
import type { Readable } from "node:stream";
import { firstFile } from "./docker-archive.ts";
import { engine, unlessStatus } from "./docker-calls.ts";
import type { Labels } from "./runtime.ts";

interface Source {
  readonly reference: string;
  readonly labels: Labels;
  /** Of the container; by it one is found that an earlier life of this process left behind. */
  readonly name?: string | undefined;
}

async function withContainer<T>(
  docker: Docker,
  { reference, labels, name }: Source,
  work: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  const remove = async (id: string): Promise<void> => {
    await unlessStatus(docker.getContainer(id).remove({ force: true, v: true }), 404, 409);
  };
  if (name) await remove(name);
  // An image without a command needs one all the same.
  const options = { Image: reference, Cmd: ["-"], Labels: { ...labels }, ...(name ? { name } : {}) };
  const container = await engine(docker.createContainer({ ...options, HostConfig: { NetworkMode: "none" } }));
  try {
    return await work(container);
  } finally {
    await remove(container.id);
  }
}

/** Hands all of an image's files over as one archive. */
export const exportImage = (
  docker: Docker,
  source: Source,
  read: (archive: Readable) => Promise<void>,
): Promise<void> =>
  withContainer(docker, source, async (container) => read((await engine(container.export())) as Readable));

/** Texts of an image's files, in the order asked for; undefined for what is no regular file there. */
export const imageFiles = (
  docker: Docker,
  source: Source,
  paths: readonly string[],
): Promise<readonly (string | undefined)[]> =>
  withContainer(docker, source, (container) =>
    Promise.all(
      paths.map(async (path) => {
        const archive = await unlessStatus(container.getArchive({ path }), 404);
        return archive && firstFile(archive as Readable);
      }),
    ),
  );
