import { expect, test } from "vitest";
import { openKernelLog, victimsOf } from "./kernel-log.ts";

const id = "cac2fe096320e4c8d4da1b05d4dd42739f2f2f81589d063ffcb4671950d98719";
const record = (group: string): string =>
  `6,9096,1360041614,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/pod,task_memcg=${group},task=tail,pid=147,uid=0\n`;

test("the victim of the out-of-memory killer is known by its group, however the engine names groups", () => {
  expect(victimsOf(record(`/docker/${id}`))).toEqual([id]);
  expect(victimsOf(record(`/coracle/pod1/${id}`))).toEqual([id]);
  expect(victimsOf(record(`/system.slice/docker-${id}.scope`))).toEqual([id]);
  expect(victimsOf(record("/user.slice"))).toEqual([]);
  const outer = "0".repeat(64);
  expect(victimsOf(record(`/docker/${outer}/docker/${id}`))).toEqual([outer, id]);
});

test("what a process writes into the log itself is no record of a kill", () => {
  expect(victimsOf(`12,1,1,-;fake;oom-kill:task_memcg=/docker/${id},\n`)).toEqual([]);
});

test("a log that may not be read leaves it to the engine", () => {
  expect(openKernelLog("/does/not/exist")).toBeUndefined();
});
