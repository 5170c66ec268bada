import { expect, test } from "vitest";
import { openKernelLog, victimOf } from "./kernel-log.ts";

const id = "cac2fe096320e4c8d4da1b05d4dd42739f2f2f81589d063ffcb4671950d98719";
const record = (group: string): string =>
  `6,9096,1360041614,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/pod,task_memcg=${group},task=tail,pid=147,uid=0\n`;

test("the victim of the out-of-memory killer is known by its group, however the engine names groups", () => {
  expect(victimOf(record(`/docker/${id}`))).toBe(id);
  expect(victimOf(record(`/coracle/pod1/${id}`))).toBe(id);
  expect(victimOf(record(`/system.slice/docker-${id}.scope`))).toBe(id);
  expect(victimOf(record("/user.slice"))).toBeUndefined();
});

test("what a process writes into the log itself is no record of a kill", () => {
  expect(victimOf(`12,1,1,-;fake;oom-kill:task_memcg=/docker/${id},\n`)).toBeUndefined();
});

test("a log that may not be read leaves it to the engine", () => {
  expect(openKernelLog("/does/not/exist")).toBeUndefined();
});
