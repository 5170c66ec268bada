import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { milliseconds, report } from "./measure.ts";

/** `docker compose up --wait` with images present, against raw Docker starting as many containers. Takes the cluster down first. */
const root = fileURLToPath(new URL("..", import.meta.url));
const docker = (...args: string[]): void =>
  void execFileSync("docker", args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });

docker("compose", "down", "--volumes");
const time = await milliseconds(() => Promise.resolve(docker("compose", "up", "--detach", "--wait")));
const count = execFileSync("docker", ["ps", "--quiet", "--filter", "label=io.coracle.cluster"], { cwd: root })
  .toString()
  .trim()
  .split("\n").length;
const names = Array.from({ length: count }, (_, i) => `coracle-bench-${i}`);
const floor = await milliseconds(() =>
  Promise.resolve(
    names.forEach((name) =>
      docker("run", "--detach", "--network=none", "--name", name, "busybox:1.36", "sleep", "3600"),
    ),
  ),
);
docker("rm", "--force", ...names);

report([
  {
    what: `docker compose up, ${count} containers, until Ready`,
    value: time / 1000,
    unit: "s",
    floor: floor / 1000,
    goal: "under 6 s",
  },
]);
