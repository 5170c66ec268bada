import { duplexPair, type Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, it, vi } from "vitest";
import { join } from "./join.ts";

/** An end that others listen to, too, as those of a request and of its connection do. */
function listenedTo(end: Duplex): Duplex {
  for (let i = 0; i < 5; i++)
    for (const event of ["close", "error"]) end.on(event, () => expect(i).toBeLessThan(5));
  return end;
}

it("carries bytes both ways until either end is over, and warns of nothing", async () => {
  const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
  const [client, near] = duplexPair();
  const [far, target] = duplexPair();
  const joined = join(listenedTo(near), listenedTo(far));
  client.end("question");
  expect(await text(target)).toBe("question");
  target.end("answer");
  expect(await text(client)).toBe("answer");
  await joined;
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});
