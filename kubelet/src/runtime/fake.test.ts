import { runtimeContract } from "./contract.ts";
import { createFakeRuntime } from "./fake.ts";

runtimeContract(
  "the engine in memory",
  () => createFakeRuntime({ images: ["pause:1", "app:1"], behaviour: () => ({ output: "ready\n" }) }),
  { sandboxImage: "pause:1", image: "app:1", talker: { command: ["app"], line: "ready" } },
);
