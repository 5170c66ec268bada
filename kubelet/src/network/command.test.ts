import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { command } from "./command.ts";

test("what a command has not read when it ends is closed, so that its source does not stay open", async () => {
  const endless = new Readable({ read: () => endless.push("x".repeat(1024)) });
  await expect(command("sh", ["-c", "echo no >&2; exit 3"], { input: endless })).rejects.toThrow(
    "sh failed: no",
  );
  expect(endless.destroyed).toBe(true);
});
