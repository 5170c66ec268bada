import Docker from "dockerode";

/** The floor: what the engine alone needs for the same containers. */
const docker = new Docker();
const label = "io.coracle.bench";
const pause = process.env["CORACLE_PAUSE_IMAGE"] ?? "coracle/pause:1";

/** A pause container, and an application container in its namespaces: what a pod is made of. @returns both ids */
export async function startPair(image: string, command: string[]): Promise<string[]> {
  const sandbox = await docker.createContainer({
    Image: pause,
    Labels: { [label]: "1" },
    HostConfig: { NetworkMode: "none", IpcMode: "shareable" },
  });
  await sandbox.start();
  const application = await docker.createContainer({
    Image: image,
    Cmd: command,
    Labels: { [label]: "1" },
    HostConfig: { NetworkMode: `container:${sandbox.id}`, IpcMode: `container:${sandbox.id}` },
  });
  await application.start();
  return [sandbox.id, application.id];
}

export async function removeAll(): Promise<void> {
  const found = await docker.listContainers({ all: true, filters: { label: [label] } });
  await Promise.all(found.map((c) => docker.getContainer(c.Id).remove({ force: true, v: true })));
}
