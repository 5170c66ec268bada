import { runtimeContract } from "./contract.ts";
import { createDockerRuntime } from "./docker.ts";

runtimeContract("the real engine", createDockerRuntime, {
  sandboxImage: "coracle/pause:1",
  image: "busybox:1.36",
  talker: {
    command: ["sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"],
    line: "ready",
  },
});
