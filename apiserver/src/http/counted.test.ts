import { expect, test } from "vitest";
import { requestOf, startInProcess } from "../testing/in-process.ts";

test("what is not served counts as no resource: made-up paths make no new series", async () => {
  const counted: string[] = [];
  await using api = await startInProcess({
    observe: () => (info) => counted.push(info.isResource ? `${info.resource}/${info.subresource}` : "none"),
  });
  const ask = async (path: string): Promise<string | undefined> => {
    counted.length = 0;
    await api.handle(requestOf({ method: "GET", path, headers: {} }));
    return counted[0];
  };
  const of = "/api/v1/namespaces/default";
  expect(await ask(`${of}/pods/web/status`)).toBe("pods/status");
  expect(await ask(`${of}/pods/web/log`)).toBe("pods/log");
  expect(await ask(`${of}/replicationcontrollers/web/scale`)).toBe("replicationcontrollers/scale");
  expect(await ask(`${of}/pods/web/made-up`)).toBe("none");
  expect(await ask(`${of}/secrets/web/scale`)).toBe("none");
  expect(await ask(`${of}/made-up/web`)).toBe("none");
});
